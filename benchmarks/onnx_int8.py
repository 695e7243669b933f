"""The same model on ONNX Runtime, for comparison: float32, and static int8 per channel (S8S8, QDQ)."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from reviewlens.model.encoder import TextEncoder

INPUTS = ("input_ids", "attention_mask")


class _Logits(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


class OnnxGraph:
    """An ONNX file on ONNX Runtime's CPU provider, with all fusions."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (rows, 2) for ids and mask of shape (rows, width)."""
        answer = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return np.asarray(answer, dtype=np.float32)


def export_onnx(folder: Path, into: Path) -> Path:
    """A float32 ONNX file of the classifier in a Hugging Face folder, with dynamic rows and width."""
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, attn_implementation="eager"
    ).eval()
    ids = torch.ones((2, 32), dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns about intended behaviour
        torch.onnx.export(
            _Logits(model),
            (ids, torch.ones_like(ids)),
            into,
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes={name: {0: "rows", 1: "width"} for name in INPUTS},
            opset_version=17,
            dynamo=False,
        )
    return into


def quantise_onnx(exact: Path, into: Path, encoder: TextEncoder, texts: Sequence[str]) -> Path:
    """Static int8 of products with weights, as in the engine: weights per channel, scales measured on these texts."""
    from onnxruntime.quantization import QuantFormat, QuantType, quant_pre_process, quantize_static

    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared.onnx"
        # Without symbolic shapes: this traced graph needs none, and the tool cannot always infer them.
        quant_pre_process(exact, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            into,
            _reader(encoder, texts),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
    return into


def _reader(encoder: TextEncoder, texts: Sequence[str]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Yields one text at a time, unpadded."""

        def __init__(self) -> None:
            self._texts: Iterator[dict[str, NDArray[np.int64]]] = iter(
                {"input_ids": np.array([ids], dtype=np.int64), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}
                for ids in encoder.encode(texts)[0]
            )

        def get_next(self) -> dict[str, NDArray[np.int64]] | None:
            return next(self._texts, None)

    return Reader()
