"""From a trained Hugging Face folder to the graph that ships: conversion, static int8 quantisation, agreement."""

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
    """The model with exactly the inputs that an engine gives, whatever else its architecture takes."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def convert(folder: Path) -> Any:
    """A float32 OpenVINO graph of the model in a Hugging Face folder; inputs input_ids and attention_mask, (rows,
    width)."""
    # Fused attention where the architecture has it, which is the library's own choice; MPNet has none.
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
    """Leave operations in float, those that cost the most accuracy first, until int8 is at most `max_drop` (0.001 is
    0.1 points) less accurate than float32 on these texts (validation data) and labels (1 or 0).

    At most `most_operations` are left in float.
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
    """Static int8 weights and activations, scales measured on these cleaned texts (training data, never a test split).

    Static scales: with dynamic ones a text's score would depend on what else is in its batch. `keep_precise`: patterns
    of operation names left in float. `smooth_quant`: how much of the activations' spread SmoothQuant moves into the
    weights (Xiao et al. 2023, arXiv:2211.10438), 0 to 1; below 0 none; None for NNCF's own choice. `accuracy`: give up
    speed where int8 costs too much.
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
    # The head of a text is enough to rank operations by, and keeps one row a text.
    first: dict[int, list[int]] = {}
    for ids, owner in zip(*encoder.encode(accuracy.texts), strict=True):
        first.setdefault(owner, ids)
    judged = [(_padded(ids), accuracy.labels[owner]) for owner, ids in first.items()]
    return nncf.quantize_with_accuracy_control(
        graph,
        nncf.Dataset(samples),
        nncf.Dataset(judged, lambda item: item[0]),
        _share_right,
        max_drop=accuracy.max_drop,
        advanced_quantization_parameters=advanced,
        advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
            max_num_iterations=accuracy.most_operations,
            ranking_subset_size=min(300, len(judged)),
        ),
        **common,
    )


def _share_right(compiled: Any, items: Iterable[tuple[dict[str, Any], int]]) -> tuple[float, list[float]]:
    """Accuracy, and for each text whether it was right (1.0 or 0.0)."""
    request = compiled.create_infer_request()
    right = []
    for inputs, label in items:
        request.infer(inputs)
        logits = request.get_output_tensor(0).data[0]
        right.append(float((logits[1] >= logits[0]) == bool(label)))
    return float(np.mean(right)), right


def save_members(graph: Any, model_folder: Path, into: Path, *, halve: bool = True) -> None:
    """Write model.xml, model.bin, config.json and tokenizer.json for a bundle; `halve`: floats that remain as
    float16."""
    into.mkdir(parents=True, exist_ok=True)
    ov.save_model(graph, into / "model.xml", compress_to_fp16=halve)
    for name in ("tokenizer.json", "config.json"):
        shutil.copyfile(model_folder / name, into / name)


def agreement(reference: NDArray[np.float64], scores: NDArray[np.float64]) -> dict[str, float]:
    """How far scores are from reference ones: share of equal labels, mean and worst gap."""
    gap = np.abs(reference - scores)
    return {
        "same_label": round(float(np.mean((reference >= 0.5) == (scores >= 0.5))), 5),
        "mean_gap": round(float(gap.mean()), 5),
        "p99_gap": round(float(np.quantile(gap, 0.99)), 5),
        "worst_gap": round(float(gap.max()), 5),
    }


def _padded(ids: list[int]) -> dict[str, NDArray[np.int64]]:
    width = padded_length(len(ids))
    row = np.zeros((1, width), dtype=np.int64)
    mask = np.zeros((1, width), dtype=np.int64)
    row[0, : len(ids)] = ids
    mask[0, : len(ids)] = 1
    return {"input_ids": row, "attention_mask": mask}
