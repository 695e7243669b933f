"""The peak of int8 operations per second on this machine: large quantised matrix products on OpenVINO."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

# (rows, depth, columns): the fastest depends on the caches.
SHAPES = ((256, 1024, 1024), (512, 4096, 4096), (1024, 1024, 4096), (2048, 2048, 2048))


@dataclass(frozen=True)
class Peak:
    """`gops`: 10^9 operations a second; `precision`: that of the product, as the plugin reports it."""

    gops: float
    precision: str


def int8_peak(threads: int, seconds: float = 1.0, shapes: tuple[tuple[int, int, int], ...] = SHAPES) -> Peak:
    """The best rate over the shapes; each shape is repeated for its share of the seconds."""
    best = Peak(0.0, "none")
    for shape in shapes:
        compiled = ov.Core().compile_model(
            product(*shape),
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": str(threads),
                "NUM_STREAMS": "1",
                "ENABLE_CPU_PINNING": "NO",
                "INFERENCE_PRECISION_HINT": "f32",
            },
        )
        request = compiled.create_infer_request()
        values = np.random.default_rng(1).uniform(-1, 1, shape[:2]).astype(np.float32)
        request.set_input_tensor(ov.Tensor(values))
        request.infer()
        fastest = float("inf")
        end = time.perf_counter() + seconds / len(shapes)
        while time.perf_counter() < end:
            start = time.perf_counter()
            request.infer()
            fastest = min(fastest, time.perf_counter() - start)
        gops = 2 * shape[0] * shape[1] * shape[2] / fastest / 1e9
        if gops > best.gops:
            best = Peak(gops, _precision(compiled))
    return best


def product(rows: int, depth: int, columns: int) -> Any:
    """A graph of one quantised matrix product: float activations to int8, int8 weights per column.

    On processors without VNNI its sums saturate, so that only its speed means anything there.
    """
    values = op.parameter([rows, depth], ov.Type.f32)
    low, high = np.float32(-1), np.float32(127 / 128)
    quantised = op.fake_quantize(values, low, high, low, high, 256)
    weights = np.random.default_rng(0).integers(-127, 128, (columns, depth), dtype=np.int8)
    scale = np.full((columns, 1), 1 / 127 / depth, dtype=np.float32)
    scaled = op.multiply(op.convert(op.constant(weights), "f32"), op.constant(scale))
    return ov.Model([op.result(op.matmul(quantised, scaled, False, True))], [values])


def _precision(compiled: Any) -> str:
    for operation in compiled.get_runtime_model().get_ops():
        facts = operation.get_rt_info()
        if facts["layerType"].astype(str) in {"FullyConnected", "MatMul"}:
            return str(facts["runtimePrecision"].astype(str))
    return "unknown"
