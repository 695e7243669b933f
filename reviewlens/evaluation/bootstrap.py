"""Bootstrap intervals of measures, from a confusion matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

RESAMPLES = 2000
LEVEL = 0.95
SEED = 13


class Confusion(NamedTuple):
    """Counts by label and prediction; positive is the class of precision, recall and F1."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


def confusion(scores: Floats, labels: Labels) -> Confusion:
    """The counts for scores (probability of positive; positive from 0.5) and labels (1 or 0), both (n,)."""
    predicted = scores >= 0.5
    truth = labels == 1
    return Confusion(
        int(np.sum(predicted & truth)),
        int(np.sum(predicted & ~truth)),
        int(np.sum(~predicted & truth)),
        int(np.sum(~predicted & ~truth)),
    )


def rates(cells: NDArray[np.int64]) -> dict[str, Floats]:
    """Measures of confusion counts of shape (..., 4), in the order of `Confusion`; NaN for an undefined one."""
    tp, fp, fn, tn = np.moveaxis(np.asarray(cells, dtype=np.float64), -1, 0)
    recall, specificity = _share(tp, tp + fn), _share(tn, tn + fp)
    return {
        "accuracy": _share(tp + tn, tp + fp + fn + tn),
        "precision": _share(tp, tp + fp),
        "recall": recall,
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "balanced_accuracy": (recall + specificity) / 2,
    }


def intervals(
    counted: Confusion, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = SEED
) -> dict[str, list[float] | None]:
    """Percentile bootstrap interval [low, high] of each measure in `rates`; None for an undefined one.

    Drawing n texts with replacement and counting them is one multinomial draw over the four cells (Efron & Tibshirani
    1993, ch. 13), so a resample costs the same for a hundred texts as for a million. Resamples with an
    undefined measure are ignored for it. If every text is correct, the interval has no width: no error can be drawn.
    """
    cells = np.array(counted, dtype=np.int64)
    total = int(cells.sum())
    if total == 0:
        return dict.fromkeys(rates(cells))
    drawn = np.random.default_rng(seed).multinomial(total, cells / total, size=resamples)
    ends = [(1 - level) / 2, (1 + level) / 2]
    result: dict[str, list[float] | None] = {}
    for name, values in rates(drawn).items():
        defined = values[~np.isnan(values)]
        is_defined = not np.isnan(rates(cells)[name]) and len(defined) > 0
        result[name] = [round(float(end), 5) for end in np.quantile(defined, ends)] if is_defined else None
    return result


def _share(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan), dtype=np.float64)
