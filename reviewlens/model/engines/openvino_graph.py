"""A graph compiled by OpenVINO for the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from reviewlens.errors import ConfigurationError

Arithmetic = Literal["int8", "bf16", "fp32"]


class OpenVinoGraph:
    """A compiled graph.

    `arithmetic`: int8 as the graph was quantised; bf16 and fp32 without quantisation of activations (weights stay as
    they are stored). Raises ConfigurationError (code `no-bf16`) if the processor has no bf16 instructions.
    """

    def __init__(self, model_xml: Path, threads: int, *, arithmetic: Arithmetic = "int8") -> None:
        core = ov.Core()
        if arithmetic == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ConfigurationError(
                "This processor has no bf16 arithmetic; choose openvino or openvino-fp32.", code="no-bf16"
            )
        model = core.read_model(model_xml)
        if arithmetic != "int8":
            strip_activation_quantisation(model)
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": str(threads),
            "NUM_STREAMS": "1",
            # Pinned threads of several workers share the same cores: two workers then run at half speed.
            "ENABLE_CPU_PINNING": "NO",
            # On some processors the default is bf16: scores would depend on the machine.
            "INFERENCE_PRECISION_HINT": "bf16" if arithmetic == "bf16" else "f32",
        }
        if arithmetic != "int8":
            # On some processors the default quantises activations in groups as they come; on AVX2 the logits are then
            # empty (OpenVINO 2026.4.1).
            config["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = "0"
        self._request = core.compile_model(model, "CPU", config).create_infer_request()

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (rows, 2) for ids and mask of shape (rows, width)."""
        self._request.infer({"input_ids": ids, "attention_mask": mask})
        return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)


def strip_activation_quantisation(model: Any) -> int:
    """Remove the quantisation of activations from a graph in place; returns the number of removed operations."""
    removed = 0
    for operation in model.get_ops():
        if operation.get_type_name() == "FakeQuantize":
            source = operation.input_value(0)
            if source.get_node().get_type_name() == "Constant":
                continue
            for target in operation.output(0).get_target_inputs():
                target.replace_source_output(source)
            removed += 1
    model.validate_nodes_and_infer_types()
    return removed
