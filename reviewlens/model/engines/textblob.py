"""The lexicon baseline: TextBlob's polarity as a probability. It needs no model file, is fast and much weaker."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textblob.en import sentiment

from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.model.calibration import sigmoid
from reviewlens.model.interface import OnScored, Thresholds
from reviewlens.reviews.cleaning import CLEANING_VERSION

# Logistic regression of the label on polarity over the corpus's validation split: most reviews with a barely positive
# polarity are polite complaints.
_SLOPE = 6.03
_OFFSET = -0.51
_NEEDS_REVIEW = 0.72
_BATCH = 100  # texts after which progress is reported


class TextBlobEngine:
    """Scores with a word list; it downloads no corpora."""

    name = "textblob"
    thresholds = Thresholds(needs_review=_NEEDS_REVIEW)

    @classmethod
    def open(cls, _name: str, _model: Path | None, _threads: int, _cache_dir: Path | None) -> TextBlobEngine:
        """See `loading.load_engine`."""
        return cls()

    def score(self, texts: Sequence[str], on_scored: OnScored | None = None) -> NDArray[np.float64]:
        """Probability of positive for each cleaned text."""
        polarity = np.zeros(len(texts), dtype=np.float64)
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            polarity[start : start + len(batch)] = [sentiment(text)[0] for text in batch]
            if on_scored is not None:
                on_scored(len(batch))
        return sigmoid(_SLOPE * polarity + _OFFSET)

    def describe(self) -> dict[str, object]:
        """Engine and the lexicon's version."""
        return {
            "engine": self.name,
            "model_version": f"textblob-{version('textblob')}",
            "model_sha256": "",
            "precision": "lexicon",
            "full_precision_fallback": False,
            "cleaning_version": CLEANING_VERSION,
            "needs_review_below": self.thresholds.needs_review,
            "mixed_band": None,
            "languages": list(MODEL_LANGUAGES),
        }
