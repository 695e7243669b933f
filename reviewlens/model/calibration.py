"""Making probabilities honest: temperature scaling, and the expected calibration error that judges it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(margins: Floats) -> Floats:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * margins)), dtype=np.float64)


def fit_temperature(margins: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature T > 0 that minimises the log loss of sigmoid(margin / T) (Guo et al. 2017, arXiv:1706.04599).

    `margins`: positive logit less negative logit, shape (n,); `labels`: 1 or 0. Golden section search over log T.
    """
    signed = np.where(labels == 1, margins, -margins)

    def loss(log_t: float) -> float:
        return float(np.mean(np.logaddexp(0.0, -signed / np.exp(log_t))))

    low, high = np.log(0.05), np.log(20.0)
    ratio = (np.sqrt(5.0) - 1) / 2
    for _ in range(80):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def expected_calibration_error(scores: Floats, labels: NDArray[np.int64], bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence, weighted by their texts.

    `scores`: probability of positive, shape (n,); `labels`: 1 or 0.
    """
    guessed = (scores >= 0.5).astype(np.int64)
    confidence = np.maximum(scores, 1 - scores)
    right = (guessed == labels).astype(np.float64)
    which = np.clip(((confidence - 0.5) * 2 * bins).astype(np.int64), 0, bins - 1)
    gap = 0.0
    for index in range(bins):
        chosen = which == index
        if chosen.any():
            gap += float(chosen.mean()) * abs(float(right[chosen].mean()) - float(confidence[chosen].mean()))
    return gap


def review_threshold(
    scores: Floats, labels: NDArray[np.int64], accuracy: float = 0.98, least_coverage: float = 0.8
) -> float:
    """The lowest confidence from which predictions are right with the given accuracy: below it a person should look.

    From the risk-coverage curve of validation data; never so high that less than `least_coverage` of the texts is left.
    """
    confidence = np.maximum(scores, 1 - scores)
    order = np.argsort(-confidence, kind="stable")
    right = ((scores >= 0.5).astype(np.int64) == labels)[order]
    kept = np.arange(1, len(right) + 1)
    good = np.flatnonzero(np.cumsum(right) / kept >= accuracy)
    reach = max(int(good[-1]) + 1 if len(good) else 0, int(np.ceil(least_coverage * len(right))))
    return round(float(confidence[order][reach - 1]), 3)
