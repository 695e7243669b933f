"""Behavioural tests: how cases are made and judged, and that the cases that ship are sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reviewlens.evaluation.behaviour import Behaviour, BehaviourTest, Case, judge, read_behaviour
from reviewlens.evaluation.behaviour_texts import CHANGES, filled
from reviewlens.model.engines.textblob import TextBlobEngine
from reviewlens.model.interface import Engine, Thresholds

CAPABILITIES = {
    "negation",
    "intensifiers",
    "not bad",
    "but-clauses",
    "sarcasm markers",
    "names and numbers",
    "typos",
    "emoji",
    "upper case",
    "empty politeness",
    "Indian-English one-liners",
}


class Fixed:
    """Scores a text by the first number written in it; one of the two engines that these tests need to foresee."""

    name = "fixed"
    thresholds = Thresholds(needs_review=0.8)

    def score(self, texts: Sequence[str], on_scored: object = None) -> NDArray[np.float64]:
        """The number in each text."""
        return np.array([float(re.findall(r"[\d.]+", text)[0]) for text in texts])

    def describe(self) -> dict[str, object]:
        """Its name."""
        return {"engine": self.name}


@pytest.fixture(scope="module")
def shipped() -> Behaviour:
    return read_behaviour()


def test_the_cases_that_ship_cover_every_capability(shipped: Behaviour) -> None:
    assert {test.capability for test in shipped.tests} == CAPABILITIES
    assert {test.kind for test in shipped.tests} == {"label", "invariance", "direction"}
    assert len(shipped.cases) > 500
    per_capability = dict.fromkeys(CAPABILITIES, 0)
    for test in shipped.tests:
        per_capability[test.capability] += len(test.cases)
    assert min(per_capability.values()) >= 30


def test_the_cases_that_ship_are_whole(shipped: Behaviour) -> None:
    texts = [case.texts for case in shipped.cases]
    assert len(set(texts)) == len(texts), "no case twice"
    assert not [text for pair in texts for text in pair if "{" in text or "}" in text or not text.strip()]
    assert not [text for pair in texts for text in pair if re.search(r"\ba [aeio]", text, re.IGNORECASE)]
    assert read_behaviour() == shipped, "the same each time"


def test_labels_come_in_both_kinds(shipped: Behaviour) -> None:
    known = [case.expect for case in shipped.cases if case.kind == "label"]
    assert 0.35 < known.count(1) / len(known) < 0.65, "a classifier that always says the same passes about half"


@pytest.mark.parametrize(
    ("case", "scores", "passes"),
    [
        (Case(("a",), "label", 1), (0.5,), True),
        (Case(("a",), "label", 1), (0.499999,), False),
        (Case(("a",), "label", -1), (0.499999,), True),
        (Case(("a", "b"), "invariance", 0), (0.7, 0.9), True),
        (Case(("a", "b"), "invariance", 0), (0.7, 0.91), False),
        (Case(("a", "b"), "invariance", 0), (0.51, 0.49), False),
        (Case(("a", "b"), "direction", 1), (0.2, 0.3), True),
        (Case(("a", "b"), "direction", 1), (0.3, 0.3), False),
        (Case(("a", "b"), "direction", -1), (0.3, 0.2), True),
        (Case(("a", "b"), "direction", -1), (0.3, 0.34), False),
        (Case(("a", "b"), "direction", -1, 0.05), (0.3, 0.34), True),
        (Case(("a", "b"), "direction", -1, 0.05), (0.3, 0.36), False),
    ],
)
def test_what_passes(case: Case, scores: tuple[float, ...], passes: bool) -> None:
    assert case.passes(np.array(scores)) is passes


def test_rates_add_up() -> None:
    first = BehaviourTest("one", "labels", "label", tuple(Case((f"{n / 10}",), "label", 1) for n in range(4, 8)))
    second = BehaviourTest("one", "pairs", "invariance", (Case(("0.2 a", "0.3 b"), "invariance", 0),))
    third = BehaviourTest("two", "moves", "direction", (Case(("0.2 a", "0.1 b"), "direction", 1),))
    engines: dict[str, Engine | None] = {"fixed": Fixed(), "gone": None}
    told = judge(Behaviour((first, second, third)), engines).as_json()
    assert told["cases"] == 6
    assert told["pass_rate"] == {"fixed": pytest.approx(4 / 6, abs=1e-5), "gone": None}
    one, two = told["capabilities"]  # type: ignore[misc]
    assert (one["capability"], one["cases"], one["pass_rate"]["fixed"]) == ("one", 5, 0.8)
    assert [test["kind"] for test in one["tests"]] == ["minimum functionality", "invariance"]
    assert one["tests"][0]["failures"] == [{"texts": ["0.4"], "scores": [0.4]}]
    assert two["pass_rate"] == {"fixed": 0.0, "gone": None}
    assert two["tests"][0]["failures"] == [{"texts": ["0.2 a", "0.1 b"], "scores": [0.2, 0.1]}]


def test_a_word_list_ignores_names_and_misses_negation(shipped: Behaviour) -> None:
    told = judge(shipped, {"textblob": TextBlobEngine()}).as_json()
    rates = {
        entry["capability"]: entry["pass_rate"]["textblob"]
        for entry in told["capabilities"]  # type: ignore[attr-defined]
    }
    assert rates["names and numbers"] == 1.0
    assert rates["negation"] < 0.6


def test_filling_a_template() -> None:
    words = {"thing": ["lamp", "tent", "oven"], "name": ["Ann", "Bo", "Cy", "Di", "Ed"]}
    assert filled("{name} and {name}", 0, words) == "Ed and Ed"
    assert filled("{name} and {name2}", 0, words) == "Ed and Bo"
    assert filled("{name} has a {thing}", 0, words, ["name"]) == "Cy has an oven"
    assert {filled("the {thing}", number, words) for number in range(3)} == {"The lamp", "The tent", "The oven"}
    with pytest.raises(KeyError):
        filled("{nothing}", 0, words)


def test_changes_are_small() -> None:
    text = "Really happy, isn't it?"
    for number in range(8):
        exchanged = CHANGES["letters exchanged"](text, number)
        assert exchanged != text
        assert sorted(exchanged) == sorted(text)
        assert len(CHANGES["letter left out"](text, number)) == len(text) - 1
        assert len(CHANGES["letter doubled"](text, number)) == len(text) + 1
    assert CHANGES["no punctuation"](text, 0) == "Really happy isnt it"
    assert CHANGES["upper case"](text, 0) == "REALLY HAPPY, ISN'T IT?"


@pytest.mark.parametrize(
    "entry",
    [
        'kind = "label"\nexpect = "up"\ntemplates = ["a"]',
        'kind = "direction"\nexpect = "up"\ntemplates = [["same", "same"]]',
        'kind = "label"\nexpect = "positive"\ntemplates = [["two", "texts"]]',
        'kind = "invariance"\nchange = "sideways"\ntemplates = ["a {word}"]',
    ],
)
def test_cases_that_break_the_rules_are_refused(tmp_path: Path, entry: str) -> None:
    (tmp_path / "cases.toml").write_text(
        f'[words]\nword = ["x"]\n[[test]]\ncapability = "c"\nname = "n"\neach = 1\n{entry}\n'
    )
    with pytest.raises((ValueError, KeyError)):
        read_behaviour(tmp_path / "cases.toml")
