"""What int8 products give on this processor: exact sums with VNNI, pairs that saturate at 16 bits without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as op

EXACT = ("avx512_vnni", "avx_vnni", "amx_int8")
STEP = 1 / 128

_PRODUCT = """
import sys
import numpy as np
from tests.model.test_int8_product import product
np.save(sys.argv[1], product(*(np.load(name) for name in sys.argv[2:])))
"""


def product(values: NDArray[np.float32], weights: NDArray[np.int8]) -> NDArray[np.float32]:
    """Values (rows, depth) times transposed weights (columns, depth), in int8; values are multiples of 1/128."""
    given = op.parameter(list(values.shape), ov.Type.f32)
    low, high = np.float32(-1), np.float32(127 * STEP)
    quantised = op.fake_quantize(given, low, high, low, high, 256)
    scale = np.full((len(weights), 1), 1 / 128, dtype=np.float32)
    scaled = op.multiply(op.convert(op.constant(weights), "f32"), op.constant(scale))
    graph = ov.Model([op.result(op.matmul(quantised, scaled, False, True))], [given])
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(values)[0], dtype=np.float32)


def saturating(values: NDArray[np.float32], weights: NDArray[np.int8]) -> NDArray[np.float64]:
    """The same product by VPMADDUBSW: activations moved up to 0..255, sums of two neighbours cut to 16 bits."""
    shifted = np.rint(values / STEP).astype(np.int64) + 128
    terms = shifted[:, None, :] * weights.astype(np.int64)[None, :, :]
    pairs = np.clip(terms[..., 0::2] + terms[..., 1::2], -(2**15), 2**15 - 1).sum(axis=-1)
    return (pairs - 128 * weights.astype(np.int64).sum(axis=1)) * STEP / 128


def exact(values: NDArray[np.float32], weights: NDArray[np.int8]) -> NDArray[np.float64]:
    """The same product without loss."""
    return values.astype(np.float64) @ weights.T.astype(np.float64) / 128


def _has(*features: str) -> bool:
    """Whether Linux names one of these features of the processor."""
    info = Path("/proc/cpuinfo")
    found = set(info.read_text(errors="replace").split()) if info.exists() else set()
    return not found.isdisjoint(features)


@pytest.fixture
def drawn() -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Values and weights over their whole ranges, of which many pairs of terms exceed 16 bits."""
    rng = np.random.default_rng(0)
    values = rng.integers(-128, 128, (4, 64)).astype(np.float32) * STEP
    return values, rng.integers(-127, 128, (32, 64), dtype=np.int8)


def test_a_product_is_exact_with_vnni_and_saturates_on_avx2(
    drawn: tuple[NDArray[np.float32], NDArray[np.int8]],
) -> None:
    loses = _has("avx2") and not _has(*EXACT)
    assert np.abs(product(*drawn) - (saturating if loses else exact)(*drawn)).max() < 1e-3
    assert np.abs(saturating(*drawn) - exact(*drawn)).max() > 0.1, "the two can be told apart"


def test_avx2_saturates_wherever_it_is_forced(
    tmp_path: Path, drawn: tuple[NDArray[np.float32], NDArray[np.int8]]
) -> None:
    expected = (saturating if _has("avx2") else exact)(*drawn)
    names = [tmp_path / name for name in ("values.npy", "weights.npy")]
    for name, array in zip(names, drawn, strict=True):
        np.save(name, array)
    subprocess.run(
        [sys.executable, "-c", _PRODUCT, tmp_path / "product.npy", *names],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        check=True,
    )
    assert np.abs(np.load(tmp_path / "product.npy") - expected).max() < 1e-3


def test_small_terms_are_exact_on_every_processor(drawn: tuple[NDArray[np.float32], NDArray[np.int8]]) -> None:
    values, weights = drawn
    halved = (weights // 2).astype(np.int8)  # 2 x 255 x 64 fits 16 bits
    assert np.array_equal(saturating(values, halved), exact(values, halved))
    assert np.abs(product(values, halved) - exact(values, halved)).max() < 1e-3
