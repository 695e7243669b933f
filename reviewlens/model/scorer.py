"""From raw texts to predictions: clean, score, decide."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reviewlens.errors import InputError
from reviewlens.model.explain import Contribution, explain
from reviewlens.model.interface import Engine, Prediction, Thresholds, decide
from reviewlens.model.middle import MiddleReader
from reviewlens.reviews.cleaning import clean_text


def decide_all(
    texts: Sequence[str], scores: NDArray[np.float64], thresholds: Thresholds, middle: MiddleReader | None
) -> list[Prediction]:
    """One prediction for each cleaned text and its score, both in order."""
    predictions = [decide(float(score), thresholds) for score in scores]
    if middle is None:
        return predictions
    sure = [index for index, prediction in enumerate(predictions) if not prediction.needs_review]
    contradicted = middle.contradicts([texts[index] for index in sure], scores[sure])
    for index in np.array(sure)[contradicted].tolist():
        predictions[index] = replace(predictions[index], needs_review=True)
    return predictions


class Scorer:
    """An engine with its thresholds, and a reader of what it does not read of long texts; None if it reads all."""

    def __init__(
        self, engine: Engine, thresholds: Thresholds | None = None, middle: MiddleReader | None = None
    ) -> None:
        self.engine = engine
        self.middle = middle
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
        scores = self.engine.score(texts)
        return decide_all(texts, scores, self.thresholds, self.middle)

    def explain(self, raw: str, turn: AbstractContextManager[object] | None = None) -> list[Contribution]:
        """The contributions of parts of a raw text to its score, in order; see `reviewlens.model.explain`.

        `turn`: a lock that is held while the engine is used.
        """
        return explain(self.engine, raw, turn=turn)
