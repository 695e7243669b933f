"""Behavioural tests by capability, after CheckList (Ribeiro et al. 2020, arXiv:2005.04118).

The cases are in behaviour.toml: labels that must be correct, changes that must not matter, and changes that must.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reviewlens.evaluation.behaviour_texts import CHANGES, filled
from reviewlens.model.interface import SCORE_DECIMALS, Engine
from reviewlens.reviews.cleaning import clean_text

Kind = Literal["label", "invariance", "direction"]
KINDS: dict[Kind, str] = {
    "label": "minimum functionality",
    "invariance": "invariance",
    "direction": "directional",
}
MOST_MOVE = 0.2
"""Largest change of the score by a change of the text that should not matter."""
SHOWN_FAILURES = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One text (kind `label`), or a text before and after a change.

    `expect`: 1 for positive or up, -1 for negative or down, 0 for invariance.
    """

    texts: tuple[str, ...]
    kind: Kind
    expect: int
    slack: float = 0.0

    def passes(self, scores: Floats) -> bool:
        """Whether the scores of its texts are as expected; a score that must change and does not fails."""
        if self.kind == "label":
            return bool(scores[0] >= 0.5) == (self.expect > 0)
        move = float(scores[1] - scores[0])
        if self.kind == "invariance":
            return bool((scores[0] >= 0.5) == (scores[1] >= 0.5)) and abs(move) <= MOST_MOVE + 1e-9
        return move * self.expect > -self.slack


@dataclass(frozen=True)
class BehaviourTest:
    """Cases that test the same thing."""

    capability: str
    name: str
    kind: Kind
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Behaviour:
    """All tests, grouped by capability."""

    tests: tuple[BehaviourTest, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case of every test, in order."""
        return tuple(case for test in self.tests for case in test.cases)


@dataclass(frozen=True)
class Outcome:
    """The cases that each engine passed, by its name; None for an engine that is not installed."""

    behaviour: Behaviour
    passed: Mapping[str, NDArray[np.bool_] | None]
    failures: Mapping[int, tuple[float, ...]]
    """The first engine's scores in the cases that it failed, by the case's index."""

    def as_json(self) -> dict[str, object]:
        """Pass rates over all cases, by capability and by test, with a few of the first engine's failures."""
        tests: list[tuple[BehaviourTest, slice]] = []
        start = 0
        for test in self.behaviour.tests:
            tests.append((test, slice(start, start + len(test.cases))))
            start += len(test.cases)
        names = list(dict.fromkeys(test.capability for test, _ in tests))
        return {
            "cases": start,
            "most_move_of_invariance": MOST_MOVE,
            "pass_rate": self._rates([slice(0, start)]),
            "capabilities": [
                self._capability(name, [each for each in tests if each[0].capability == name]) for name in names
            ],
        }

    def _capability(self, name: str, tests: list[tuple[BehaviourTest, slice]]) -> dict[str, object]:
        return {
            "capability": name,
            "cases": sum(len(test.cases) for test, _ in tests),
            "pass_rate": self._rates([span for _, span in tests]),
            "tests": [
                {
                    "test": test.name,
                    "kind": KINDS[test.kind],
                    "cases": len(test.cases),
                    "pass_rate": self._rates([span]),
                    "failures": [
                        {"texts": list(self.behaviour.cases[index].texts), "scores": list(self.failures[index])}
                        for index in range(span.start, span.stop)
                        if index in self.failures
                    ][:SHOWN_FAILURES],
                }
                for test, span in tests
            ],
        }

    def _rates(self, slices: Iterable[slice]) -> dict[str, float | None]:
        chosen = np.concatenate([np.arange(span.start, span.stop) for span in slices])
        return {
            name: None if passed is None else round(float(passed[chosen].mean()), 5)
            for name, passed in self.passed.items()
        }


def judge(behaviour: Behaviour, engines: Mapping[str, Engine | None]) -> Outcome:
    """Run every case on every engine, on cleaned texts; the first engine's failures are kept."""
    cases = behaviour.cases
    texts = [clean_text(text) for case in cases for text in case.texts]
    ends = np.cumsum([len(case.texts) for case in cases])
    passed: dict[str, NDArray[np.bool_] | None] = {}
    failures: dict[int, tuple[float, ...]] = {}
    for number, (name, engine) in enumerate(engines.items()):
        if engine is None:
            passed[name] = None
            continue
        scores = np.split(np.round(engine.score(texts), SCORE_DECIMALS), ends[:-1])
        verdicts = [case.passes(of_case) for case, of_case in zip(cases, scores, strict=True)]
        passed[name] = np.array(verdicts)
        if number == 0:
            failures = {
                index: tuple(float(score) for score in scores[index])
                for index, verdict in enumerate(verdicts)
                if not verdict
            }
    return Outcome(behaviour, passed, failures)


def read_behaviour(path: Path | None = None) -> Behaviour:
    """The tests of a file, by default behaviour.toml. Raises ValueError or KeyError for a file that breaks the rules at
    its start."""
    content = tomllib.loads((path or Path(__file__).with_name("behaviour.toml")).read_text(encoding="utf-8"))
    words: dict[str, list[str]] = content["words"]
    return Behaviour(tuple(_test(entry, words) for entry in content["test"]))


def _test(entry: dict[str, Any], words: dict[str, list[str]]) -> BehaviourTest:
    kind: Kind = entry["kind"]
    expect = 0 if kind == "invariance" else _EXPECTED[kind][entry["expect"]]
    made: dict[tuple[str, ...], Case] = {}
    for which, template in enumerate(entry["templates"]):
        for number in range(entry["each"]):
            texts = _texts(template, number + which, entry, words)
            if len(texts) != (1 if kind == "label" else 2) or len(set(texts)) != len(texts):
                raise ValueError(f"{entry['name']}: {texts} is not a case of kind {kind}")
            made[texts] = Case(texts, kind, expect, float(entry.get("slack", 0.0)))
    return BehaviourTest(entry["capability"], entry["name"], kind, tuple(made.values()))


_EXPECTED: dict[Kind, dict[str, int]] = {
    "label": {"positive": 1, "negative": -1},
    "direction": {"up": 1, "down": -1},
}


def _texts(
    template: str | list[str], number: int, entry: dict[str, Any], words: dict[str, list[str]]
) -> tuple[str, ...]:
    if isinstance(template, list):
        return tuple(filled(text, number, words) for text in template)
    first = filled(template, number, words)
    if entry["kind"] == "label":
        return (first,)
    if "swap" in entry:
        return first, filled(template, number, words, tuple(entry["swap"]))
    return first, CHANGES[entry["change"]](first, number)
