"""Conversion of a trained Hugging Face folder to a graph, and static int8 quantisation."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from reviewlens.model.batching import padded_length
from reviewlens.model.encoder import TextEncoder

log = logging.getLogger(__name__)


class _TwoInputs(torch.nn.Module):  # type: ignore[misc]
    """The model with the two inputs that engines give, and no others."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def convert(folder: Path) -> Any:
    """A float32 OpenVINO graph of the model in a Hugging Face folder; inputs input_ids and attention_mask, (rows,
    width)."""
    # transformers chooses fused attention where the architecture has it; MPNet has none.
    model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True).eval()
    ids = torch.ones((2, 32), dtype=torch.int64)
    graph = ov.convert_model(
        _TwoInputs(model),
        example_input={"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        input=[("input_ids", [-1, -1], ov.Type.i64), ("attention_mask", [-1, -1], ov.Type.i64)],
    )
    for position, name in enumerate(("input_ids", "attention_mask")):
        graph.inputs[position].get_tensor().set_names({name})
    return graph


@dataclass(frozen=True)
class AccuracyControl:
    """Keeps operations in float until int8 loses at most `max_drop` of accuracy (0.001 is 0.1 points).

    The operations that cost the most accuracy come first, at most `most_operations` of them. `texts` and `labels`
    (1 or 0) are validation data.
    """

    texts: Sequence[str]
    labels: Sequence[int]
    max_drop: float = 0.001
    most_operations: int = 10


def quantise(
    graph: Any,
    encoder: TextEncoder,
    texts: Sequence[str],
    *,
    keep_precise: Sequence[str] = (),
    smooth_quant: float | None = None,
    accuracy: AccuracyControl | None = None,
) -> Any:
    """The graph with static int8 weights and activations; scales are measured on these cleaned training texts.

    With dynamic scales a text's score would depend on its batch. `keep_precise`: patterns of operation names left in
    float. `smooth_quant`: how much of the activations' spread SmoothQuant moves into the weights (Xiao et al. 2023,
    arXiv:2211.10438), 0 to 1; negative for none; None for NNCF's default. `accuracy`: keep operations in float where
    int8 costs too much accuracy.
    """
    import nncf  # a training extra

    pieces, _ = encoder.encode(texts)
    samples = [_padded(ids) for ids in pieces]
    advanced = None
    if smooth_quant is not None:
        alphas = nncf.AdvancedSmoothQuantParameters(matmul=smooth_quant)
        advanced = nncf.AdvancedQuantizationParameters(smooth_quant_alphas=alphas)
    common: dict[str, Any] = {
        "subset_size": len(samples),
        "preset": nncf.QuantizationPreset.MIXED,
        "model_type": nncf.ModelType.TRANSFORMER,
        "fast_bias_correction": True,
        "ignored_scope": nncf.IgnoredScope(patterns=list(keep_precise)) if keep_precise else None,
    }
    if accuracy is None:
        return nncf.quantize(graph, nncf.Dataset(samples), advanced_parameters=advanced, **common)
    # The first window of a text is enough to rank operations, and keeps one row per text.
    first: dict[int, list[int]] = {}
    for ids, owner in zip(*encoder.encode(accuracy.texts), strict=True):
        first.setdefault(owner, ids)
    validation = [(_padded(ids), accuracy.labels[owner]) for owner, ids in first.items()]
    return nncf.quantize_with_accuracy_control(
        graph,
        nncf.Dataset(samples),
        nncf.Dataset(validation, lambda item: item[0]),
        _share_right,
        max_drop=accuracy.max_drop,
        advanced_quantization_parameters=advanced,
        advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
            max_num_iterations=accuracy.most_operations,
            ranking_subset_size=min(300, len(validation)),
        ),
        **common,
    )


def _share_right(compiled: Any, items: Iterable[tuple[dict[str, Any], int]]) -> tuple[float, list[float]]:
    """Accuracy, and 1.0 or 0.0 for each text: classified correctly or not."""
    request = compiled.create_infer_request()
    right = []
    for inputs, label in items:
        request.infer(inputs)
        logits = request.get_output_tensor(0).data[0]
        right.append(float((logits[1] >= logits[0]) == bool(label)))
    return float(np.mean(right)), right


def save_members(graph: Any, model_folder: Path, into: Path, *, halve: bool = True) -> None:
    """Write model.xml, model.bin, config.json and tokenizer.json for a bundle; `halve`: store floats as float16."""
    into.mkdir(parents=True, exist_ok=True)
    ov.save_model(graph, into / "model.xml", compress_to_fp16=halve)
    for name in ("tokenizer.json", "config.json"):
        shutil.copyfile(model_folder / name, into / name)


def _padded(ids: list[int]) -> dict[str, NDArray[np.int64]]:
    width = padded_length(len(ids))
    row = np.zeros((1, width), dtype=np.int64)
    mask = np.zeros((1, width), dtype=np.int64)
    row[0, : len(ids)] = ids
    mask[0, : len(ids)] = 1
    return {"input_ids": row, "attention_mask": mask}
