"""From raw texts to predictions: clean, score, decide; what HTTP and the command line call."""

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

        Raises InputError (code `empty-text`, details `index`) for a text of which cleaning leaves nothing.
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
        """Which parts of a raw text carried its score, in order; see `reviewlens.model.explain`.

        `turn` is held whenever the engine is used: a lock that several threads share.
        """
        return explain(self.engine, raw, turn=turn)
