"""Which words carried a score: by an engine whose every word has a known weight, and by the model that ships."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reviewlens.model import explain as module
from reviewlens.model.engines.openvino import OpenVinoEngine
from reviewlens.model.explain import BUDGET, PASSAGE, Contribution, explain
from reviewlens.model.interface import Engine, Thresholds
from reviewlens.model.loading import load_scorer
from reviewlens.model.scorer import Scorer
from reviewlens.model.spans import hide, words
from reviewlens.reviews.cleaning import clean_text
from tests.model.test_spans import ODD

WEIGHTS = {"lovely": 1.5, "good": 0.75, "bad": -0.9, "awful": -2.0, "face": -0.5}
NEUTRAL = (
    "The box was on the table when I came home.",
    "It has two buttons and a cable of one metre.",
    "My brother put it next to the window in the hall.",
    "We have had it since the second week of March.",
    "There is a lamp on the left side and a switch on the right.",
)


class Lexicon:
    """Log-odds are the sum of the weights of a text's words; counts what it is asked."""

    name = "lexicon"
    thresholds = Thresholds(needs_review=0.8)

    def __init__(self) -> None:
        self.texts: list[str] = []

    def score(self, texts: Sequence[str], on_scored: object = None) -> NDArray[np.float64]:
        assert len(texts) == len(set(texts)), "nothing is scored twice"
        assert all(texts), "nothing empty is scored"
        self.texts += texts
        sums = [sum(WEIGHTS.get(word.strip(".,;:!").lower(), 0.0) for word in text.split()) for text in texts]
        return np.asarray(1 / (1 + np.exp(-np.array(sums, dtype=np.float64))))

    def describe(self) -> dict[str, object]:
        return {}

    @property
    def tokens(self) -> int:
        return sum(sum(word.size for word in words(text)) for text in self.texts)


def told(raw: str, parts: Sequence[Contribution], kind: str = "word") -> dict[str, float]:
    return {raw[part.start : part.end]: part.contribution for part in parts if part.kind == kind}


def strongest(raw: str, parts: Sequence[Contribution], kind: str = "word") -> str:
    return max(told(raw, parts, kind).items(), key=lambda item: abs(item[1]))[0]


def test_each_word_of_a_short_text_has_its_own_weight() -> None:
    raw = "A <b>lovely</b>, good lamp; bad cable... AWFUL :("
    parts = explain(Lexicon(), raw)
    assert told(raw, parts) == pytest.approx(
        {"A": 0, "lovely": 1.5, "good": 0.75, "lamp": 0, "bad": -0.9, "cable": 0, "AWFUL": -2.0, ":(": -0.5}, abs=2e-4
    )


def test_sentences_are_measured_beside_their_words() -> None:
    raw = "A lovely lamp. The cable is bad!"
    parts = explain(Lexicon(), raw)
    assert told(raw, parts, "passage") == pytest.approx({"A lovely lamp.": 1.5, "The cable is bad!": -0.9}, abs=2e-4)
    assert parts == sorted(parts, key=lambda part: (part.start, -part.end)), "a passage comes before its words"


@pytest.mark.parametrize("place", range(0, 14, 3))
def test_in_a_long_text_the_words_that_matter_are_found(place: int) -> None:
    sentences = [NEUTRAL[number % 5] for number in range(14)]
    sentences[place] = "It is an awful thing to own."
    sentences[(place + 5) % 14] = "The colour is lovely though."
    raw = " ".join(sentences)
    parts = explain(Lexicon(), raw)
    assert len(told(raw, parts)) < len(words(raw)) / 3, "not every word is measured"
    assert told(raw, parts)["awful"] == pytest.approx(-2.0, abs=2e-4)
    assert told(raw, parts)["lovely"] == pytest.approx(1.5, abs=2e-4)
    assert "awful" in strongest(raw, parts, "passage")


@pytest.mark.parametrize("count", [1, 3, 8, 12, 40, 120, 600])
def test_the_work_is_bounded(count: int) -> None:
    engine = Lexicon()
    raw = " ".join(f"{NEUTRAL[n % 5][:-1]} number {n}, good." for n in range(count))
    size = sum(word.size for word in words(raw))
    explain(engine, raw)
    assert engine.tokens <= max(BUDGET, size) + 2 * size + PASSAGE


def test_a_very_long_text_is_told_passage_by_passage() -> None:
    sentences = [f"{NEUTRAL[n % 5][:-1]} number {n}." for n in range(450)]
    sentences[377] = "It is awful, awful, awful."
    raw = " ".join(sentences)
    assert len(raw.split()) > 5000
    parts = explain(Lexicon(), raw)
    passages = [part for part in parts if part.kind == "passage"]
    assert passages[0].start == 0
    assert passages[-1].end == len(raw)
    for one, two in pairwise(passages):
        assert raw[one.end : two.start] == " ", "passages cover the text"
        assert raw[one.end - 1] == ".", "whole sentences"
    assert "awful" in strongest(raw, parts, "passage")
    assert strongest(raw, parts) == "awful"
    share = PASSAGE / sum(word.size for word in words(raw))
    assert 0.5 * share < told(raw, parts)["awful"] / -2.0 < 2 * share, "of its share of the text"


@pytest.mark.parametrize("raw", ["", "   ", "!!! ... ?", "<br/>", "&nbsp;", "\u200b\u200b", "----"])
def test_without_words_there_is_nothing_to_tell(raw: str) -> None:
    engine = Lexicon()
    assert explain(engine, raw) == []
    assert engine.texts == []


def test_one_word_carries_all() -> None:
    assert explain(Lexicon(), "Awful!") == [Contribution(0, 5, "word", -2.0)]


def test_an_engine_that_is_certain_does_not_break_it() -> None:
    class Certain(Lexicon):
        def score(self, texts: Sequence[str], on_scored: object = None) -> NDArray[np.float64]:
            return np.array([1.0 if "good" in text else 0.0 for text in texts])

    (part,) = [part for part in explain(Certain(), "a good lamp") if part.contribution]
    assert (part.start, part.end) == (2, 6)
    assert part.contribution == pytest.approx(27.631, abs=1e-3)


def test_the_stage_that_answers_a_text_reads_its_variants() -> None:
    class Stages(Lexicon):
        def __init__(self) -> None:
            super().__init__()
            self.stage = Lexicon()

        def stage_for(self, text: str) -> Engine:
            assert text == "A lovely lamp."
            return self.stage

    engine = Stages()
    assert told("A  lovely lamp.", explain(engine, "A  lovely lamp."))["lovely"] == pytest.approx(1.5, abs=2e-4)
    assert engine.texts == []
    assert engine.stage.texts


def test_an_engine_may_afford_more() -> None:
    class Fast(Lexicon):
        explanation_budget = 40_000

    raw = " ".join(NEUTRAL * 3)
    assert len(told(raw, explain(Lexicon(), raw))) < len(words(raw))
    assert [part.start for part in explain(Fast(), raw) if part.kind == "word"] == [word.start for word in words(raw)]


def test_the_engine_is_used_in_turns() -> None:
    turn = threading.Lock()

    class Watching(Lexicon):
        def score(self, texts: Sequence[str], on_scored: object = None) -> NDArray[np.float64]:
            assert turn.locked()
            return super().score(texts)

    assert Scorer(Watching()).explain("A lovely lamp", turn)
    assert not turn.locked()


@settings(max_examples=150)
@given(ODD, st.sampled_from([1, 60, BUDGET]))
def test_parts_lie_in_the_text_in_order_and_words_in_passages(raw: str, budget: int) -> None:
    parts = explain(Lexicon(), raw, budget)
    assert parts == explain(Lexicon(), raw, budget)
    known = {(word.start, word.end) for word in words(raw)}
    at, passage_end = 0, 0
    for part in parts:
        text = raw[part.start : part.end]
        assert text
        assert text == text.strip()
        assert part.start >= at
        if part.kind == "passage":
            assert part.start >= passage_end
            at, passage_end = part.start, part.end
        else:
            assert (part.start, part.end) in known
            assert part.end <= passage_end or part.start >= passage_end
            at = part.end


@pytest.mark.parametrize(
    ("raw", "word", "side"),
    [
        ("The lamp came on Monday and it is excellent.", "excellent", 1),
        ("The lamp came on Monday and it is terrible.", "terrible", -1),
        ("I use this kettle every day at work and it leaks.", "leaks", -1),
        ("We took it on our trip to the lake and it is wonderful.", "wonderful", 1),
        ("Would I buy it again? Never.", "Never", -1),
    ],
)
def test_the_shipped_model_tells_the_planted_word(engine: OpenVinoEngine, raw: str, word: str, side: int) -> None:
    parts = explain(engine, raw)
    assert strongest(raw, parts) == word
    assert told(raw, parts)[word] * side > 0


@pytest.mark.parametrize("place", [0, 4, 8])
def test_the_shipped_model_tells_the_planted_sentence_of_a_long_text(engine: OpenVinoEngine, place: int) -> None:
    sentences = [NEUTRAL[number % 5] for number in range(9)]
    sentences.insert(place, "Then the motor caught fire and it was ruined.")
    raw = " ".join(sentences)
    parts = explain(engine, raw)
    assert "motor caught fire" in strongest(raw, parts, "passage")
    found = told(raw, parts)
    assert {"fire", "ruined"} & set(sorted(found, key=found.__getitem__)[:2])


def test_contributions_are_differences_of_single_scores(engine: OpenVinoEngine) -> None:
    raw = "The sound is &quot;lovely&quot;, but <i>one</i> battery died in a week 😡😡"

    def log_odds(text: str) -> float:
        score = float(engine.score([clean_text(text)])[0])
        return float(np.log(score / (1 - score)))

    parts = explain(engine, raw)
    assert len(parts) == len(words(raw)) == 12
    for part in parts:
        alone = log_odds(raw) - log_odds(hide(raw, part.start, part.end))
        assert part.contribution == pytest.approx(alone, abs=1e-3)


def test_common_words_are_no_negations() -> None:
    assert not module._NEUTRAL & {"not", "no", "never", "but", "very", "too", "only", "without", "nothing", "don't"}


def test_the_documented_example_is_what_the_shipped_model_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    block = page[page.index("#### Explanations") :]
    raw = json.loads(re.search(r"-d '(.*)'", block).group(1))["text"]
    answer = json.loads(block.split("```json\n", 1)[1].split("```", 1)[0])
    shown = [part for part in answer["predictions"][0]["explanation"] if isinstance(part, dict)]
    said = {(part.start, part.end, part.kind): part.contribution for part in load_scorer("auto").explain(raw)}
    assert len(shown) == 4
    for part in shown:
        # Processors round int8 scales differently in the last place; the sign and the size stay.
        assert said[part["start"], part["end"], part["kind"]] == pytest.approx(part["contribution"], abs=0.5)
