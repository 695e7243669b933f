"""Calibration of probabilities: reliability by confidence, and the expected calibration error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reviewlens.model.calibration import Floats, Labels, sigmoid

BINS = 15


class Reliability(NamedTuple):
    """Equal-width bins of confidence from 0.5 to 1, each array of shape (bins,); the means of an empty bin are 0."""

    texts: Labels
    confidence: Floats
    accuracy: Floats

    def error(self) -> float:
        """Mean difference of confidence and accuracy, weighted by texts (Guo et al. 2017, arXiv:1706.04599)."""
        return float(np.sum(self.texts * np.abs(self.accuracy - self.confidence)) / max(1, self.texts.sum()))


def uncalibrated(scores: Floats, temperature: float) -> Floats:
    """The scores of the same margins at temperature 1. Scores of 0 and 1 stay close to them."""
    clipped = np.clip(scores, 1e-15, 1 - 1e-15)
    return sigmoid(temperature * (np.log(clipped) - np.log1p(-clipped)))


def reliability(scores: Floats, labels: Labels, bins: int = BINS) -> Reliability:
    """How often predictions of each confidence are correct. `scores`: probability of positive; `labels`: 1 or 0."""
    confidence, right = confidence_of(scores), is_right(scores, labels)
    bin_of = np.clip(((confidence - 0.5) * 2 * bins).astype(np.int64), 0, bins - 1)
    texts = np.bincount(bin_of, minlength=bins)
    share = np.maximum(texts, 1)
    return Reliability(
        texts,
        np.bincount(bin_of, weights=confidence, minlength=bins) / share,
        np.bincount(bin_of, weights=right, minlength=bins) / share,
    )


def expected_calibration_error(scores: Floats, labels: Labels, bins: int = BINS) -> float:
    """Mean difference of confidence and accuracy over equal-width bins of confidence, weighted by texts.

    `scores`: probability of positive, shape (n,); `labels`: 1 or 0.
    """
    return reliability(scores, labels, bins).error()


def confidence_of(scores: Floats) -> Floats:
    """The probability of the predicted sentiment for each score, shape (n,)."""
    return np.asarray(np.maximum(scores, 1 - scores), dtype=np.float64)


def is_right(scores: Floats, labels: Labels) -> Floats:
    """1.0 for a correct prediction, else 0.0; shape (n,)."""
    return np.asarray((scores >= 0.5) == (labels == 1), dtype=np.float64)
