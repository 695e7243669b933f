"""From raw texts to predictions: clean, score, decide."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from reviewlens.errors import InputError
from reviewlens.model.explain import Contribution, explain
from reviewlens.model.interface import Engine, Prediction, Thresholds, decide
from reviewlens.reviews.cleaning import clean_text


class Scorer:
    """An engine with its thresholds."""

    def __init__(self, engine: Engine, thresholds: Thresholds | None = None) -> None:
        self.engine = engine
        self.thresholds = thresholds or engine.thresholds

    def predict(self, raw_texts: Sequence[str]) -> list[Prediction]:
        """One prediction for each raw text, in order.

        Raises InputError (code `empty-text`, details `index`) for a text that is empty after cleaning.
        """
        texts = [clean_text(raw) for raw in raw_texts]
        for index, text in enumerate(texts):
            if not text:
                raise InputError(
                    f"Text {index + 1} of {len(texts)} holds nothing to read; send some words.",
                    code="empty-text",
                    details={"index": index},
                )
        return [decide(score, self.thresholds) for score in self.engine.score(texts)]

    def explain(self, raw: str, turn: AbstractContextManager[object] | None = None) -> list[Contribution]:
        """The contributions of parts of a raw text to its score, in order; see `reviewlens.model.explain`.

        `turn`: a lock that is held while the engine is used.
        """
        return explain(self.engine, raw, turn=turn)
