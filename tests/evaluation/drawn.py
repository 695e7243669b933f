"""Margins with labels drawn to match them."""

from __future__ import annotations

import numpy as np

from reviewlens.model.calibration import sigmoid


def drawn(scale: float, count: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Margins of a model that is overconfident by the factor `scale`, and labels drawn by the calibrated margins."""
    rng = np.random.default_rng(5)
    honest = rng.normal(0.5, 2.5, count)
    labels = (rng.random(count) < sigmoid(honest)).astype(np.int64)
    return honest * scale, labels
