"""Baselines that a model should beat: the word lists TextBlob and VADER."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reviewlens.model.calibration import sigmoid
from reviewlens.model.engines.textblob import TextBlobEngine
from reviewlens.model.interface import Engine, OnScored, Thresholds
from reviewlens.reviews.cleaning import CLEANING_VERSION

NOT_INSTALLED = "not installed"

# Logistic regression of the label on the compound score over the corpus's validation split, as for TextBlob. With a
# threshold at a compound score of 0, VADER calls far too many complaints positive and looks weaker than it is.
_SLOPE = 2.1
_OFFSET = -0.51
_NEEDS_REVIEW = 0.69


class VaderEngine:
    """VADER's compound score as a probability (Hutto & Gilbert 2014, ICWSM); for comparison only."""

    name = "vader"
    thresholds = Thresholds(needs_review=_NEEDS_REVIEW)

    def __init__(self) -> None:
        """Raises ImportError if vaderSentiment is not installed."""
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self._analyzer: Any = SentimentIntensityAnalyzer()

    def compound(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """VADER's own score of each text, -1 to 1, shape (len(texts),)."""
        return np.array([self._analyzer.polarity_scores(text)["compound"] for text in texts], dtype=np.float64)

    def score(self, texts: Sequence[str], on_scored: OnScored | None = None) -> NDArray[np.float64]:
        """Probability of positive for each cleaned text; reports all at once."""
        scores = sigmoid(_SLOPE * self.compound(texts) + _OFFSET)
        if on_scored is not None:
            on_scored(len(scores))
        return scores

    def describe(self) -> dict[str, object]:
        """Engine and the lexicon's version."""
        return {
            "engine": self.name,
            "model_version": f"vaderSentiment-{version('vaderSentiment')}",
            "model_sha256": "",
            "precision": "lexicon",
            "full_precision_fallback": False,
            "cleaning_version": CLEANING_VERSION,
            "needs_review_below": self.thresholds.needs_review,
            "mixed_band": None,
        }


def baselines() -> dict[str, Engine | None]:
    """Each baseline by name; None if its package is not installed."""
    engines: dict[str, Engine | None] = {"textblob": TextBlobEngine()}
    try:
        engines["vader"] = VaderEngine()
    except ImportError:
        engines["vader"] = None
    return engines
