"""A tiny DistilBERT on ONNX Runtime: float32 as in torch, int8 near it; needs the training extra, onnx and
onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnx
import torch
from transformers import AutoModelForSequenceClassification

from benchmarks.onnx_int8 import OnnxGraph, export_onnx, quantise_onnx
from reviewlens.model.encoder import TextEncoder, score_margins
from tests.model.tiny import made_reviews, make_base


def test_the_onnx_graphs_score_as_the_model_they_are_made_from(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    encoder = TextEncoder(base / "tokenizer.json", 64)
    exact = export_onnx(base, tmp_path / "exact.onnx")
    int8 = quantise_onnx(exact, tmp_path / "int8.onnx", encoder, made_reviews(12, seed=3)[0])

    model = AutoModelForSequenceClassification.from_pretrained(base, use_safetensors=True).eval()
    ids = np.array([[2, 5, 6, 7, 3, 0], [2, 8, 9, 10, 11, 3]], dtype=np.int64)
    mask = (ids != 0).astype(np.int64)
    with torch.inference_mode():
        wanted = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.numpy()
    # Other rows and another width than those it was traced with.
    assert np.abs(OnnxGraph(exact, 1).logits(ids, mask) - wanted).max() < 1e-4

    texts, _ = made_reviews(20, seed=5)
    margins = score_margins(texts, encoder, OnnxGraph(exact, 1))
    quantised = score_margins(texts, encoder, OnnxGraph(int8, 1))
    assert np.abs(margins - quantised).max() < 0.05
    assert not np.array_equal(margins, quantised)

    kinds = [node.op_type for node in onnx.load(int8).graph.node]
    assert "QuantizeLinear" in kinds
    weights = [each for each in onnx.load(int8).graph.initializer if each.data_type == onnx.TensorProto.INT8]
    assert sum(len(each.dims) == 2 for each in weights) == 2 * 6 + 2
