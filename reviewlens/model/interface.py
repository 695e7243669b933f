"""The engine interface, and how a score becomes a sentiment, a confidence, needs_review and mixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Sentiment = Literal["positive", "negative"]

SCORE_DECIMALS = 6
"""Decimals that a score is rounded to before it is used or written, so that every reader gets the same number."""


@dataclass(frozen=True)
class Thresholds:
    """`needs_review`: a prediction with less confidence (0.5 to 1) should be read by a person.

    `mixed`: the mixed band, lowest and highest positive score, both included; None for an engine without one.
    """

    needs_review: float
    mixed: tuple[float, float] | None = None


@dataclass(frozen=True)
class Prediction:
    """One review's result.

    `needs_review`: the confidence is below the threshold, or the middle of a long text contradicts the sentiment.
    `positive_score`: calibrated probability of positive; `confidence`: that of `sentiment`. `mixed`: the review has
    praise and blame, or neither clearly; `sentiment` is then the side that it leans to.
    """

    sentiment: Sentiment
    confidence: float
    positive_score: float
    needs_review: bool
    mixed: bool = False


OnScored = Callable[[int], object]
"""Called with the number of texts whose score is known since the last call."""


class Engine(Protocol):
    """Scores cleaned texts. It is loaded once per process and used by one thread at a time."""

    @property
    def name(self) -> str:
        """Its name in the table of engines, for example cascade, openvino or textblob."""
        ...

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds for this engine's scores."""
        ...

    def score(self, texts: Sequence[str], on_scored: OnScored | None = None) -> NDArray[np.float64]:
        """Calibrated probability of positive (0 to 1) for each cleaned text, in order; shape (len(texts),).

        `on_scored` is called after each batch of the model; its numbers add up to len(texts).

        A text's score does not depend on the other texts. Of a text longer than the model's window, the shipped model
        reads the beginning and the end (see `reviewlens.model.encoder.LongTexts`).
        """
        ...

    def describe(self) -> dict[str, object]:
        """Facts for JSON: engine, model version and SHA-256, precision, fallback to full precision, and thresholds.

        `languages`: codes of those that the model was validated for. `needs_review_below` is a number, `mixed_band`
        is [lowest, highest] score or null.
        """
        ...


def decide(positive_score: float, thresholds: Thresholds) -> Prediction:
    """The prediction for a score: positive from 0.5, mixed inside the band with its ends."""
    score = round(float(positive_score), SCORE_DECIMALS)
    positive = score >= 0.5
    confidence = round(score if positive else 1.0 - score, SCORE_DECIMALS)
    return Prediction(
        sentiment="positive" if positive else "negative",
        confidence=confidence,
        positive_score=score,
        needs_review=confidence < thresholds.needs_review,
        mixed=thresholds.mixed is not None and thresholds.mixed[0] <= score <= thresholds.mixed[1],
    )
