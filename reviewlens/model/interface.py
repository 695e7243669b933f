"""What an engine is, and how a score becomes a sentiment, a confidence, a call for review and the word mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Sentiment = Literal["positive", "negative"]

SCORE_DECIMALS = 6
"""Scores are rounded to this many decimals before anything is decided or written, so every reader sees one number."""


@dataclass(frozen=True)
class Thresholds:
    """`needs_review`: a prediction with less confidence than this (0.5 to 1) should be read by a person.

    `mixed`: the band of positive scores, both ends within, that is called mixed; None where the engine has none, so
    that nothing is called mixed.
    """

    needs_review: float
    mixed: tuple[float, float] | None = None


@dataclass(frozen=True)
class Prediction:
    """One review's outcome; `positive_score` is the calibrated probability of positive, `confidence` that of
    `sentiment`.

    `mixed` is one more fact about the review (praise and blame together, or neither clearly): `sentiment` stays the
    side that it leans to.
    """

    sentiment: Sentiment
    confidence: float
    positive_score: float
    needs_review: bool
    mixed: bool = False


class Engine(Protocol):
    """Scores cleaned texts; loaded once per process, used from one thread at a time."""

    @property
    def name(self) -> str:
        """The name it is chosen by, for example cascade, openvino or textblob."""
        ...

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds that belong to this engine's scores."""
        ...

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Calibrated probability of positive (0 to 1) for each already cleaned text, in the order given; shape
        (len(texts),).

        A text's score does not depend on its neighbours, and no text is cut.
        """
        ...

    def describe(self) -> dict[str, object]:
        """JSON-able facts: engine, model version and SHA-256, precision, whether it fell back, and the two thresholds.

        `needs_review_below` is a number, `mixed_band` is [lowest, highest] score or null.
        """
        ...


def decide(positive_score: float, thresholds: Thresholds) -> Prediction:
    """Positive from 0.5 up; the confidence is the probability of the sentiment given; mixed inside the band, ends
    included."""
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
