"""Which words contribute to a score: parts of the raw text are removed, and the change of the score is measured.

The measure is the change in log-odds, ln(p / (1 - p)), of the calibrated score p. Near 0 and 1 a probability hardly
changes (0.999 without its one strong word may still be 0.99), but log-odds do. A part is removed without a placeholder:
the rest is a plausible text for any engine and language, whereas a placeholder has an effect of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from reviewlens.model.interface import Engine
from reviewlens.model.spans import Passage, Piece, Unit, hide, passages, words
from reviewlens.reviews.cleaning import clean_text

BUDGET = 1500
"""Tokens (estimated from the raw text) that are scored to explain one text, besides reading it.

A number of tokens, not a time, so that a text always has the same explanation. A longer text may cost as many tokens as
it has."""
PASSAGE = 160
"""Longest text in tokens that is explained as a whole; a longer one is explained by passages."""
LEAST_SCORE = 1e-6
_DECIMALS = 4

# Frequent neutral words, tried last; negations and intensifiers are not among them.
_NEUTRAL = frozenset(
    re.findall(
        r"\S+",
        """
        a an the of to in on at for from by with as and or is are was were be been being am it its it's this
        that these those i i'm i've me my we our us you your he she his her they them their there here had
        has have having do does did will would can could which who what when while then than also if into
        about after before up out
        """,
    )
)

Kind = Literal["word", "passage"]


@dataclass(frozen=True)
class Contribution:
    """The characters `start` to `end` of the raw text, and how much they raise the log-odds of positive."""

    start: int
    end: int
    kind: Kind
    contribution: float


@runtime_checkable
class Staged(Protocol):
    """An engine of several stages: the first that is sure answers."""

    def stage_for(self, text: str) -> Engine:
        """The stage that answers a cleaned text, as an engine that also scores the text's variants."""
        ...


@runtime_checkable
class Quick(Protocol):
    """An engine that scores more than `BUDGET` in the same time."""

    @property
    def explanation_budget(self) -> int:
        """Tokens that may be scored to explain one text."""
        ...


class _Reader:
    """Log-odds of texts; each text is scored once."""

    def __init__(self, engine: Engine, turn: AbstractContextManager[object]) -> None:
        self._engine, self._turn = engine, turn
        self._known: dict[str, float] = {"": 0.0}  # an empty text is even

    def read(self, raws: Sequence[str]) -> NDArray[np.float64]:
        """Log-odds of raw texts, shape (len(raws),); they are cleaned first."""
        texts = [clean_text(raw) for raw in raws]
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            with self._turn:
                scores = np.clip(self._engine.score(new), LEAST_SCORE, 1 - LEAST_SCORE)
            self._known.update(zip(new, np.log(scores / (1 - scores)).tolist(), strict=True))
        return np.array([self._known[text] for text in texts], dtype=np.float64)


def explain(
    engine: Engine, raw: str, budget: int | None = None, turn: AbstractContextManager[object] | None = None
) -> list[Contribution]:
    """The contributions of parts of a raw text to its score, in the order of the text; [] when it has no words.

    In a short text every word is removed in turn. In a longer one its clauses are, then the most important words of the
    most important clauses: they are searched in the clause alone, which is cheap, and measured in the whole text. A
    contribution is the log-odds with the part less those without it; in a text of several passages it is that of the
    passage, times the passage's share of the text. Offsets count characters (Unicode code points).

    `budget`: tokens to score, by default the engine's or `BUDGET`; `turn`: a reentrant lock, held while the engine is
    used.
    """
    turn = turn or nullcontext()
    pieces = words(raw)
    if not pieces:
        return []
    if isinstance(engine, Staged):
        with turn:
            engine = engine.stage_for(clean_text(raw))
    if budget is None:
        budget = engine.explanation_budget if isinstance(engine, Quick) else BUDGET
    return _Search(raw, pieces, _Reader(engine, turn), budget).contributions()


class _Search:
    """One explanation: `measured` holds the contributions so far, `left` the tokens left of the budget."""

    def __init__(self, raw: str, pieces: list[Piece], reader: _Reader, budget: int) -> None:
        self.raw, self.reader = raw, reader
        self.passages = passages(raw, pieces, PASSAGE)
        self.size = sum(passage.size for passage in self.passages)
        self.left = max(budget, self.size)
        self.measured: list[Contribution] = []

    def contributions(self) -> list[Contribution]:
        """Clauses first, then words: all of them if the budget allows it, else the most promising."""
        chosen = self._chosen_passages()
        units = [(unit, passage) for passage in chosen if len(passage.units) > 1 for unit in passage.units]
        self.left -= sum(passage.size - unit.size for unit, passage in units)
        effects = self._measure(units, "passage")
        every = [(word, passage) for passage in chosen for unit in passage.units for word in unit.words]
        if sum(passage.size - word.size for word, passage in every) > self.left:
            whole = [(passage.units[0], passage) for passage in chosen if len(passage.units) == 1]
            by_effect = np.argsort(-np.abs(effects), kind="stable").tolist()
            every = self._promising(whole + [units[index] for index in by_effect])
        self._measure(every, "word")
        return sorted(self.measured, key=lambda part: (part.start, -part.end))

    def _chosen_passages(self) -> list[Passage]:
        """The passages to search: those with the largest effects, as many as half of the budget allows."""
        if len(self.passages) == 1:
            return self.passages
        alone = self.reader.read([self.raw[passage.start : passage.end] for passage in self.passages])
        effects = alone * [passage.size / self.size for passage in self.passages]
        chosen: set[int] = set()
        allowed = self.left / 2
        for number in np.argsort(-np.abs(effects), kind="stable").tolist():
            allowed -= self.passages[number].size * len(self.passages[number].units)
            if allowed < 0 and chosen:
                break
            chosen.add(number)
        for number, (passage, effect) in enumerate(zip(self.passages, effects.tolist(), strict=True)):
            if number not in chosen or len(passage.units) == 1:
                self._add(passage.start, passage.end, "passage", effect)
        return [passage for number, passage in enumerate(self.passages) if number in chosen]

    def _promising(self, units: Sequence[tuple[Unit, Passage]]) -> list[tuple[Piece, Passage]]:
        """The words with the largest effects on their clause alone, as many as can then be measured."""
        reserved = self.left / 2
        tried: list[tuple[Piece, Unit, Passage]] = []
        for clause, passage in ((clause, passage) for unit, passage in units for clause in unit.clauses):
            candidates = [word for word in clause.words if self.raw[word.start : word.end].lower() not in _NEUTRAL]
            cost = clause.size + sum(clause.size - word.size for word in candidates)
            if tried and self.left - cost < reserved:
                continue
            self.left -= cost
            tried += [(word, clause, passage) for word in candidates]
        alone = self.reader.read([self.raw[clause.start : clause.end] for _, clause, _ in tried])
        without = self.reader.read([self._without(word, clause) for word, clause, _ in tried])
        chosen: list[tuple[Piece, Passage]] = []
        for index in np.argsort(-np.abs(alone - without), kind="stable").tolist():
            word, _, passage = tried[index]
            self.left -= passage.size - word.size
            if self.left < 0 and chosen:
                break
            chosen.append((word, passage))
        return chosen

    def _measure(self, parts: Sequence[tuple[Piece | Unit, Passage]], kind: Kind) -> NDArray[np.float64]:
        """Each part's effect on its passage times the passage's share of the text, shape (parts,); see `measured`."""
        whole = self.reader.read([self.raw[passage.start : passage.end] for _, passage in parts])
        without = self.reader.read([self._without(part, passage) for part, passage in parts])
        share = np.array([passage.size / self.size for _, passage in parts], dtype=np.float64)
        effects = np.asarray((whole - without) * share, dtype=np.float64)
        for (part, _), effect in zip(parts, effects.tolist(), strict=True):
            self._add(part.start, part.end, kind, effect)
        return effects

    def _without(self, part: Piece | Unit, within: Unit | Passage) -> str:
        return hide(self.raw[within.start : within.end], part.start - within.start, part.end - within.start)

    def _add(self, start: int, end: int, kind: Kind, effect: float) -> None:
        text = self.raw[start:end]
        start, end = end - len(text.lstrip()), start + len(text.rstrip())
        self.measured.append(Contribution(start, end, kind, round(effect, _DECIMALS) + 0.0))
