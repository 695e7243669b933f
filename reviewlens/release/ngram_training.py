"""Training of the n-gram model on a teacher's scores: logistic regression on soft targets."""

from __future__ import annotations

import logging
from collections import Counter
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
    """The model with the lowest log loss against the targets (0 to 1, shape (texts,)).

    `weights`: of each text, (texts,); `least_texts`: n-grams in fewer texts are left out; `penalty`: half of it times
    the squared weights is added to the mean loss. The same input gives the same model.
    """
    columns, matrix = _matrix(tokens, least_texts)
    counts = np.ones(len(targets)) if weights is None else weights
    share = counts / counts.sum()
    transposed = matrix.T.tocsr()

    def loss(point: Floats) -> tuple[float, Floats]:
        margins = matrix @ point[:-1] + point[-1]
        value = float(share @ (np.logaddexp(0.0, margins) - targets * margins))
        error = share * (sigmoid(margins) - targets)
        slope = np.append(transposed @ error + penalty * point[:-1], error.sum())
        return value + 0.5 * penalty * float(point[:-1] @ point[:-1]), slope

    solution = optimize.minimize(
        loss, np.zeros(len(columns) + 1), jac=True, method="L-BFGS-B", options={"maxiter": iterations}
    )
    log.info(
        "%d n-grams trained on %d texts in %d steps, loss %.4f", len(columns), len(tokens), solution.nit, solution.fun
    )
    return NgramModel(_fixed_point(columns, solution.x))


def out_of_source(sources: Sequence[str], folds: int = 3) -> dict[str, int]:
    """A fold (0 to folds - 1) for each source, with sources of similar size in different folds.

    A model trained on the other folds has never seen the source, as with reviews that users upload.
    """
    sizes = Counter(sources)
    ranked = sorted(sizes, key=lambda source: (-sizes[source], source))
    return {source: rank % folds for rank, source in enumerate(ranked)}


def _matrix(tokens: Sequence[Sequence[int]], least_texts: int) -> tuple[NDArray[np.int64], sparse.csr_matrix]:
    """The buckets in use, and the texts' n-grams in them, each row divided by the root of its number of n-grams."""
    texts = hashed(tokens)
    values = np.repeat(1 / np.sqrt(texts.sizes()), texts.lengths).astype(np.float32)
    row = np.repeat(np.arange(len(tokens), dtype=np.int32), texts.lengths)
    whole = sparse.csr_matrix((len(tokens), BUCKETS), dtype=np.float32)
    for buckets, inside in texts.orders:
        placed = (values[inside], (row[inside], buckets[inside].astype(np.int32)))
        whole = whole + sparse.csr_matrix(placed, shape=whole.shape)
    columns = np.flatnonzero(np.bincount(whole.indices, minlength=BUCKETS) >= least_texts)
    column_of = np.full(BUCKETS, -1, dtype=np.int32)
    column_of[columns] = np.arange(len(columns), dtype=np.int32)
    kept = column_of[whole.indices] >= 0
    ends = np.concatenate([[0], np.cumsum(kept)])[whole.indptr]
    shape = (len(tokens), len(columns))
    return columns, sparse.csr_matrix((whole.data[kept], column_of[whole.indices[kept]], ends), shape=shape)


def _fixed_point(columns: NDArray[np.int64], solution: Floats) -> NDArray[np.int16]:
    largest = np.iinfo(np.int16).max
    rounded = np.clip(np.rint(solution * UNIT), -largest, largest)
    # 0 means "not in the training data": a weight that rounds to 0 becomes 1.
    rounded[:-1][rounded[:-1] == 0] = 1
    weights = np.zeros(BUCKETS + 1, dtype=np.int16)
    weights[columns] = rounded[:-1]
    weights[BUCKETS] = rounded[-1]
    return weights
