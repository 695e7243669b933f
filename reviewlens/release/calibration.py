"""Calibration by temperature scaling, and the thresholds on calibrated scores."""

from __future__ import annotations

import numpy as np

from reviewlens.errors import InputError
from reviewlens.evaluation.calibration import confidence_of, is_right
from reviewlens.model.calibration import Floats, Labels

_STEPS = 1000
"""Thresholds are multiples of 1/1000, so that bundle.json holds them exactly."""


def fit_temperature(margins: Floats, labels: Labels) -> float:
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


def review_threshold(scores: Floats, labels: Labels, accuracy: float = 0.98, least_coverage: float = 0.8) -> float:
    """The confidence below which a person should read a review.

    From the risk-coverage curve of validation data (El-Yaniv & Wiener 2010, JMLR 11): the lowest threshold t, a
    multiple of 1/1000, with which the predictions of confidence t or more reach `accuracy`. It never marks more than
    1 - `least_coverage` of the texts for review, even if the accuracy is then missed.
    """
    order = np.argsort(confidence_of(scores), kind="stable")
    confidence = np.round(confidence_of(scores), 6)[order]
    wrong = (1 - is_right(scores, labels))[order]
    candidates = np.arange(_STEPS // 2, _STEPS + 1) / _STEPS
    below = np.searchsorted(confidence, candidates, side="left")
    left = len(confidence) - below
    wrong_left = np.append(np.cumsum(wrong[::-1])[::-1], 0.0)[below]
    reached = candidates[(left > 0) & (wrong_left <= (1 - accuracy) * left + 1e-9)]
    affordable = candidates[left >= least_coverage * len(confidence)]
    return float(min(reached[0] if len(reached) else 1.0, affordable[-1]))


def mixed_band(
    scores: Floats, labels: Labels, neutral_scores: Floats, most_flagged: float = 0.05
) -> tuple[float, float]:
    """The mixed band: lowest and highest positive score, both included.

    Of all bands with ends at multiples of 1/1000 that hold at most `most_flagged` of the labelled reviews, the one with
    the largest share of three-star reviews; among equals the one with the fewest correctly classified reviews, then the
    narrowest. (0.5, 0.5) if no band qualifies. `scores`, `labels` (1 or 0): labelled validation reviews;
    `neutral_scores`: three-star reviews, which no model was trained on. Raises InputError (code `no-three-stars`)
    without three-star reviews.
    """
    if not len(neutral_scores):
        raise InputError("The mixed band needs three-star reviews, and the corpus has none.", code="no-three-stars")
    ends = np.arange(_STEPS + 1) / _STEPS
    flagged = _inside(scores, ends)
    right = _inside(scores[is_right(scores, labels) == 1], ends)
    caught = _inside(neutral_scores, ends)
    allowed = (flagged <= most_flagged * len(scores) + 1e-9) & (ends[:, None] <= ends[None, :])
    if not allowed.any():
        return 0.5, 0.5
    best = np.argwhere(allowed & (caught == caught[allowed].max()))
    lows, highs = best[:, 0], best[:, 1]
    chosen = np.lexsort((lows, highs - lows, right[lows, highs]))[0]
    return float(ends[lows[chosen]]), float(ends[highs[chosen]])


def _inside(scores: Floats, ends: Floats) -> Labels:
    """How many scores lie in [ends[i], ends[j]], shape (len(ends), len(ends)); undefined below the diagonal."""
    ordered = np.sort(np.round(scores, 6))
    before = np.searchsorted(ordered, ends, side="left")
    upto = np.searchsorted(ordered, ends, side="right")
    return np.asarray(upto[None, :] - before[:, None], dtype=np.int64)
