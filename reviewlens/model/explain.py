"""Which words carried a score: parts of the raw text are hidden, and what that does to the score is their share in it.

The measure is the change in log-odds, ln(p / (1 - p)), of the calibrated score p. Near 0 and 1 a probability hardly
moves (0.999 without its one strong word may still be 0.99), while the log-odds tell a large step from none, and a long
text's log-odds are the mean over its windows. A part is hidden by leaving it out: what remains is a text that somebody
could have written, for any engine and language, whereas a placeholder is one more word with an effect of its own.
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
"""Tokens (estimated from the raw text) that are scored to explain one text, besides reading it; a count and no clock,
so that one text has one explanation. A text that is longer may cost as much again as reading it."""
PASSAGE = 160
"""A text of more tokens than this is explained passage by passage."""
LEAST_SCORE = 1e-6
_DECIMALS = 4

# Said so often and so neutrally that they are tried last; negations and intensifiers are none of them.
_QUIET = frozenset(
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
    """The characters `start` to `end` of the raw text, and by how much they raise the log-odds of positive."""

    start: int
    end: int
    kind: Kind
    contribution: float


@runtime_checkable
class Staged(Protocol):
    """An engine of several stages, of which the first that is sure answers."""

    def stage_for(self, text: str) -> Engine:
        """The stage that answers a cleaned text, as an engine: it reads the text's variants too, since two stages may
        differ by more than a word does."""
        ...


@runtime_checkable
class Quick(Protocol):
    """An engine that can afford more than `BUDGET` in the same time."""

    @property
    def explanation_budget(self) -> int:
        """Tokens that it may score to explain one text."""
        ...


class _Reader:
    """Log-odds of texts; what was read once is known, and what it cost is counted."""

    def __init__(self, engine: Engine, turn: AbstractContextManager[object]) -> None:
        self._engine, self._turn = engine, turn
        self._known: dict[str, float] = {"": 0.0}  # nothing left to read is as good as even

    def read(self, raws: Sequence[str]) -> NDArray[np.float64]:
        """Log-odds of raw texts, which are cleaned first."""
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
    """What hiding parts of a raw text does to its score, in the order of the text; [] when it has no words.

    Of a short text every word is hidden in turn. Of a longer one its clauses are, and then the words that matter most
    in the clauses that matter most: those are looked for in the clause alone, which is cheap, and measured in the whole
    text. A contribution is log-odds with the part less log-odds without it. In a text of several passages it is that of
    the passage, times the passage's share of the text. Offsets count characters (Unicode code points).

    `budget`: tokens to score, else the engine's own or `BUDGET`; `turn`: held (re-entered) while the engine is used.
    """
    turn = turn or nullcontext()
    found = words(raw)
    if not found:
        return []
    if isinstance(engine, Staged):
        with turn:
            engine = engine.stage_for(clean_text(raw))
    if budget is None:
        budget = engine.explanation_budget if isinstance(engine, Quick) else BUDGET
    return _Search(raw, found, _Reader(engine, turn), budget).contributions()


class _Search:
    """One explanation under way: what is measured is kept in `told`, what the budget still allows in `left`."""

    def __init__(self, raw: str, found: list[Piece], reader: _Reader, budget: int) -> None:
        self.raw, self.reader = raw, reader
        self.passages = passages(raw, found, PASSAGE)
        self.size = sum(passage.size for passage in self.passages)
        self.left = max(budget, self.size)
        self.told: list[Contribution] = []

    def contributions(self) -> list[Contribution]:
        """Clauses first, then words: all of them where the budget allows it, else the most promising."""
        chosen = self._worth_a_look()
        units = [(unit, passage) for passage in chosen if len(passage.units) > 1 for unit in passage.units]
        self.left -= sum(passage.size - unit.size for unit, passage in units)
        effects = self._measure(units, "passage")
        every = [(word, passage) for passage in chosen for unit in passage.units for word in unit.words]
        if sum(passage.size - word.size for word, passage in every) > self.left:
            whole = [(passage.units[0], passage) for passage in chosen if len(passage.units) == 1]
            by_effect = np.argsort(-np.abs(effects), kind="stable").tolist()
            every = self._promising(whole + [units[index] for index in by_effect])
        self._measure(every, "word")
        return sorted(self.told, key=lambda one: (one.start, -one.end))

    def _worth_a_look(self) -> list[Passage]:
        """The passages to look into: the most outspoken ones, as many as half of the budget allows."""
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
                self._tell(passage.start, passage.end, "passage", effect)
        return [passage for number, passage in enumerate(self.passages) if number in chosen]

    def _promising(self, units: Sequence[tuple[Unit, Passage]]) -> list[tuple[Piece, Passage]]:
        """The words that do most to their clause when it stands alone, as many as can then be measured."""
        kept_back = self.left / 2
        asked: list[tuple[Piece, Unit, Passage]] = []
        for clause, passage in ((clause, passage) for unit, passage in units for clause in unit.clauses):
            loud = [word for word in clause.words if self.raw[word.start : word.end].lower() not in _QUIET]
            cost = clause.size + sum(clause.size - word.size for word in loud)
            if asked and self.left - cost < kept_back:
                continue
            self.left -= cost
            asked += [(word, clause, passage) for word in loud]
        alone = self.reader.read([self.raw[clause.start : clause.end] for _, clause, _ in asked])
        without = self.reader.read([self._hidden(word, clause) for word, clause, _ in asked])
        chosen: list[tuple[Piece, Passage]] = []
        for index in np.argsort(-np.abs(alone - without), kind="stable").tolist():
            word, _, passage = asked[index]
            self.left -= passage.size - word.size
            if self.left < 0 and chosen:
                break
            chosen.append((word, passage))
        return chosen

    def _measure(self, parts: Sequence[tuple[Piece | Unit, Passage]], kind: Kind) -> NDArray[np.float64]:
        """What hiding each part does to its passage, times the passage's share of the text; kept in `told`."""
        whole = self.reader.read([self.raw[passage.start : passage.end] for _, passage in parts])
        without = self.reader.read([self._hidden(part, passage) for part, passage in parts])
        share = np.array([passage.size / self.size for _, passage in parts], dtype=np.float64)
        effects = np.asarray((whole - without) * share, dtype=np.float64)
        for (part, _), effect in zip(parts, effects.tolist(), strict=True):
            self._tell(part.start, part.end, kind, effect)
        return effects

    def _hidden(self, part: Piece | Unit, within: Unit | Passage) -> str:
        return hide(self.raw[within.start : within.end], part.start - within.start, part.end - within.start)

    def _tell(self, start: int, end: int, kind: Kind, effect: float) -> None:
        text = self.raw[start:end]
        start, end = end - len(text.lstrip()), start + len(text.rstrip())
        self.told.append(Contribution(start, end, kind, round(effect, _DECIMALS) + 0.0))
