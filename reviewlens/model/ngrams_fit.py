"""Learning the n-gram stage from a teacher's scores: logistic regression on soft targets."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse  # type: ignore[import-untyped]

from reviewlens.model.calibration import sigmoid
from reviewlens.model.ngrams import BUCKETS, UNIT, NgramModel, hashed

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


def fit_ngrams(
    tokens: Sequence[Sequence[int]],
    targets: Floats,
    weights: Floats | None = None,
    *,
    least_texts: int = 3,
    penalty: float = 1e-6,
    iterations: int = 60,
) -> NgramModel:
    """The model whose probabilities of positive come nearest to the targets (0 to 1, shape (texts,)) by log loss.

    `weights`: how much each text counts; `least_texts`: an n-gram seen less often than this is not learnt; `penalty`:
    half of it times the squared weights is added to the mean loss. The same input gives the same model.
    """
    columns, matrix = _matrix(tokens, least_texts)
    counts = np.ones(len(targets)) if weights is None else weights
    share = counts / counts.sum()
    transposed = matrix.T.tocsr()

    def loss(solution: Floats) -> tuple[float, Floats]:
        margins = matrix @ solution[:-1] + solution[-1]
        value = float(share @ (np.logaddexp(0.0, margins) - targets * margins))
        error = share * (sigmoid(margins) - targets)
        slope = np.append(transposed @ error + penalty * solution[:-1], error.sum())
        return value + 0.5 * penalty * float(solution[:-1] @ solution[:-1]), slope

    found = optimize.minimize(
        loss, np.zeros(len(columns) + 1), jac=True, method="L-BFGS-B", options={"maxiter": iterations}
    )
    log.info("%d n-grams learnt from %d texts in %d steps, loss %.4f", len(columns), len(tokens), found.nit, found.fun)
    return NgramModel(_fixed_point(columns, found.x))


def _matrix(tokens: Sequence[Sequence[int]], least_texts: int) -> tuple[NDArray[np.int64], sparse.csr_matrix]:
    """The buckets learnt, and the texts' n-grams in them, each row divided by the root of its n-grams."""
    texts = hashed(tokens)
    row = np.repeat(np.arange(len(tokens)), texts.lengths)
    rows = np.concatenate([row[inside] for _, inside in texts.orders])
    buckets = np.concatenate([found[inside] for found, inside in texts.orders])
    pairs, times = np.unique(rows * BUCKETS + buckets, return_counts=True)
    rows, buckets = pairs // BUCKETS, pairs % BUCKETS
    columns = np.flatnonzero(np.bincount(buckets, minlength=BUCKETS) >= least_texts)
    place = np.full(BUCKETS, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    kept = place[buckets] >= 0
    values = times[kept] / np.sqrt(texts.sizes())[rows[kept]]
    shape = (len(tokens), len(columns))
    return columns, sparse.csr_matrix((values, (rows[kept], place[buckets[kept]])), shape=shape)


def _fixed_point(columns: NDArray[np.int64], solution: Floats) -> NDArray[np.int16]:
    largest = np.iinfo(np.int16).max
    whole = np.clip(np.rint(solution * UNIT), -largest, largest)
    # 0 says "never learnt": a weight that rounds to nothing stays learnt.
    whole[:-1][whole[:-1] == 0] = 1
    weights = np.zeros(BUCKETS + 1, dtype=np.int16)
    weights[columns] = whole[:-1]
    weights[BUCKETS] = whole[-1]
    return weights
