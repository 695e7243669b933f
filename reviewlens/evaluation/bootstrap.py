"""How far a measure could be off by the luck of the texts drawn: bootstrap intervals over a confusion matrix."""

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
    """Counts by what a text is and what it was called; positive is the class of precision, recall and F1."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


def confusion(scores: Floats, labels: Labels) -> Confusion:
    """The counts for scores (probability of positive, called positive from 0.5 up) and labels (1 or 0)."""
    guessed = scores >= 0.5
    truth = labels == 1
    return Confusion(
        int(np.sum(guessed & truth)),
        int(np.sum(guessed & ~truth)),
        int(np.sum(~guessed & truth)),
        int(np.sum(~guessed & ~truth)),
    )


def rates(cells: NDArray[np.int64]) -> dict[str, Floats]:
    """Measures of confusion counts of shape (..., 4), in the order of `Confusion`; NaN where one is undefined."""
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
    """Percentile bootstrap interval [low, high] of each measure in `rates`; None where the measure is undefined.

    Drawing n texts with replacement and counting them is one multinomial draw over the four cells (Efron & Tibshirani
    1993, ch. 13), so a resample costs the same for a hundred texts as for a million. Resamples in which a measure is
    undefined are left out of it. Where every text is right the interval has no width: the method cannot see errors
    that the sample holds none of.
    """
    cells = np.array(counted, dtype=np.int64)
    total = int(cells.sum())
    if total == 0:
        return dict.fromkeys(rates(cells))
    drawn = np.random.default_rng(seed).multinomial(total, cells / total, size=resamples)
    ends = [(1 - level) / 2, (1 + level) / 2]
    found: dict[str, list[float] | None] = {}
    for name, values in rates(drawn).items():
        defined = values[~np.isnan(values)]
        whole = not np.isnan(rates(cells)[name]) and len(defined) > 0
        found[name] = [round(float(end), 5) for end in np.quantile(defined, ends)] if whole else None
    return found


def _share(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan), dtype=np.float64)
