"""One model in every precision and quantisation to compare, made from its Hugging Face folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from reviewlens.model.encoder import Graph, TextEncoder

if TYPE_CHECKING:  # torch is needed once something is made
    from reviewlens.release.export import AccuracyControl

VARIANTS: dict[str, str] = {
    "fp32": "OpenVINO, float32",
    "bf16": "OpenVINO, float32 weights, bfloat16 arithmetic",
    "int8": "OpenVINO, NNCF static int8, its own SmoothQuant (0.95): as released",
    "int8-rough": "the same without SmoothQuant",
    "int8-smooth-0.5": "the same, SmoothQuant 0.5",
    "int8-smooth-0.8": "the same, SmoothQuant 0.8",
    "int8-control": "the same as int8, with accuracy control",
    "onnx-fp32": "ONNX Runtime, float32",
    "onnx-int8": "ONNX Runtime, static int8, per channel, S8S8, QDQ",
}
"""The variants, by name."""

REFERENCE = "fp32"
_SMOOTH = {"int8-rough": -1.0, "int8-smooth-0.5": 0.5, "int8-smooth-0.8": 0.8}


@dataclass(frozen=True)
class Variant:
    """A model ready to score; `size`: bytes of its files; `made_in`: seconds that making it took."""

    name: str
    graph: Graph
    size: int
    made_in: float


class CompiledGraph:
    """An OpenVINO graph compiled as the product compiles it, in float32 or bfloat16 arithmetic."""

    def __init__(self, model_xml: Path, threads: int, precision: str = "f32") -> None:
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": str(threads),
            "NUM_STREAMS": "1",
            "ENABLE_CPU_PINNING": "NO",
            "INFERENCE_PRECISION_HINT": precision,
        }
        core = ov.Core()
        self._request = core.compile_model(core.read_model(model_xml), "CPU", config).create_infer_request()

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (rows, 2) for ids and mask of shape (rows, width)."""
        self._request.infer({"input_ids": ids, "attention_mask": mask})
        return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)


@dataclass(frozen=True)
class VariantMaker:
    """Makes variants of a model.

    `calibration`: cleaned training texts; `control`: validation texts and labels for accuracy control; `scratch`:
    folder for files.
    """

    folder: Path
    encoder: TextEncoder
    calibration: Sequence[str]
    control: AccuracyControl
    scratch: Path
    threads: int

    def make(self, name: str) -> Variant:
        """Make a variant of VARIANTS. Raises ImportError if its tool is not installed."""
        started = time.perf_counter()
        if name.startswith("onnx"):
            from benchmarks.onnx_int8 import OnnxGraph, export_onnx, quantise_onnx

            path = self.scratch / "onnx-fp32.onnx"
            if not path.exists():
                export_onnx(self.folder, path)
            if name == "onnx-int8":
                path = quantise_onnx(path, self.scratch / "onnx-int8.onnx", self.encoder, self.calibration)
            return self._variant(name, OnnxGraph(path, self.threads), [path], started)
        from reviewlens.release import export

        xml = self.scratch / f"{name}.xml"
        exact = name in {"fp32", "bf16"}
        graph = export.convert(self.folder)
        if not exact:
            control = self.control if name == "int8-control" else None
            smooth = _SMOOTH.get(name)
            graph = export.quantise(graph, self.encoder, self.calibration, smooth_quant=smooth, accuracy=control)
        ov.save_model(graph, xml, compress_to_fp16=not exact)
        compiled = CompiledGraph(xml, self.threads, "bf16" if name == "bf16" else "f32")
        return self._variant(name, compiled, [xml, xml.with_suffix(".bin")], started)

    def _variant(self, name: str, graph: Graph, files: Sequence[Path], started: float) -> Variant:
        return Variant(name, graph, sum(file.stat().st_size for file in files), time.perf_counter() - started)
