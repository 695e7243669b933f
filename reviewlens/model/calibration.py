"""The logistic function, and array types of scores and labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def sigmoid(margins: Floats) -> Floats:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * margins)), dtype=np.float64)
