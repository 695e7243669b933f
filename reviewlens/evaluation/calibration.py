"""How honest probabilities are: reliability by confidence, and the expected calibration error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reviewlens.model.calibration import Floats, Labels, sigmoid

BINS = 15


class Reliability(NamedTuple):
    """Equal-width bins of confidence from 0.5 to 1, shape (bins,) each; the means are 0 where a bin is empty."""

    texts: Labels
    confidence: Floats
    accuracy: Floats

    def error(self) -> float:
        """Mean gap between confidence and accuracy, weighted by texts (Guo et al. 2017, arXiv:1706.04599)."""
        return float(np.sum(self.texts * np.abs(self.accuracy - self.confidence)) / max(1, self.texts.sum()))


def uncalibrated(scores: Floats, temperature: float) -> Floats:
    """The scores that the same margins give at temperature 1, from calibrated ones: the inverse of temperature
    scaling. Scores of exactly 0 and 1 stay next to them."""
    held = np.clip(scores, 1e-15, 1 - 1e-15)
    return sigmoid(temperature * (np.log(held) - np.log1p(-held)))


def reliability(scores: Floats, labels: Labels, bins: int = BINS) -> Reliability:
    """How often predictions of each confidence are right. `scores`: probability of positive; `labels`: 1 or 0."""
    confidence, right = confidence_of(scores), is_right(scores, labels)
    which = np.clip(((confidence - 0.5) * 2 * bins).astype(np.int64), 0, bins - 1)
    texts = np.bincount(which, minlength=bins)
    share = np.maximum(texts, 1)
    return Reliability(
        texts,
        np.bincount(which, weights=confidence, minlength=bins) / share,
        np.bincount(which, weights=right, minlength=bins) / share,
    )


def expected_calibration_error(scores: Floats, labels: Labels, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence, weighted by their texts.

    `scores`: probability of positive, shape (n,); `labels`: 1 or 0.
    """
    return reliability(scores, labels, bins).error()


def confidence_of(scores: Floats) -> Floats:
    """The probability of the sentiment that each score leads to, shape (n,)."""
    return np.asarray(np.maximum(scores, 1 - scores), dtype=np.float64)


def is_right(scores: Floats, labels: Labels) -> Floats:
    """1.0 where a score leads to its label, else 0.0; shape (n,)."""
    return np.asarray((scores >= 0.5) == (labels == 1), dtype=np.float64)
