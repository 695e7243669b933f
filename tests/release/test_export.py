"""Quantising a tiny DistilBERT: the default, SmoothQuant chosen, accuracy control; needs the training extra."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")
pytest.importorskip("nncf", reason="the training extra is not installed")

import openvino as ov
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from reviewlens.model.encoder import TextEncoder, score_margins
from reviewlens.model.engines.openvino_graph import OpenVinoGraph
from reviewlens.release.export import AccuracyControl, _share_right, convert, quantise
from tests.model.tiny import made_reviews, make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def encoder(base: Path) -> TextEncoder:
    return TextEncoder(base / "tokenizer.json", 64)


def _kinds(graph: Any) -> Counter[str]:
    return Counter(operation.get_type_name() for operation in graph.get_ops())


def _quantised_weights(graph: Any) -> int:
    constants = [each for each in graph.get_ops() if each.get_type_name() == "Constant"]
    return sum(each.get_element_type() == ov.Type.i8 and len(each.get_output_shape(0)) == 2 for each in constants)


def _margins(graph: Any, encoder: TextEncoder, texts: list[str], scratch: Path) -> NDArray[np.float64]:
    path = scratch / f"{len(list(scratch.iterdir()))}.xml"
    ov.save_model(graph, path, compress_to_fp16=False)
    return score_margins(texts, encoder, OpenVinoGraph(path, 1))


def test_smooth_quant_can_be_left_out(base: Path, encoder: TextEncoder) -> None:
    texts, _ = made_reviews(20, seed=3)
    usual = _kinds(quantise(convert(base), encoder, texts))
    rough = _kinds(quantise(convert(base), encoder, texts, smooth_quant=-1.0))
    chosen = _kinds(quantise(convert(base), encoder, texts, smooth_quant=0.95))
    # SmoothQuant divides activations before a product: a multiplication more for each that it smooths.
    assert rough["Multiply"] < usual["Multiply"]
    assert rough["FakeQuantize"] > 0
    assert chosen == usual


def test_accuracy_control_gives_up_nothing_where_nothing_is_lost(base: Path, encoder: TextEncoder) -> None:
    texts, labels = made_reviews(24, seed=4)
    control = AccuracyControl(texts[12:], labels[12:], max_drop=1.0)
    controlled = quantise(convert(base), encoder, texts[:12], accuracy=control)
    plain = quantise(convert(base), encoder, texts[:12])
    assert _kinds(controlled)["FakeQuantize"] == _kinds(plain)["FakeQuantize"] > 0
    assert _quantised_weights(controlled) == _quantised_weights(plain) > 0


def test_accuracy_control_leaves_operations_in_float_where_too_much_is_lost(base: Path, tmp_path: Path) -> None:
    encoder = TextEncoder(base / "tokenizer.json", 64)
    texts, _ = made_reviews(400, seed=4)
    # Half of the texts on either side, so that rounding to int8 turns some.
    model = AutoModelForSequenceClassification.from_pretrained(base)
    model.classifier.bias.data[1] -= float(np.median(_margins(convert(base), encoder, texts, tmp_path)))
    model.save_pretrained(tmp_path / "centred")
    graph = convert(tmp_path / "centred")
    plain = quantise(convert(tmp_path / "centred"), encoder, texts[:12])
    exact = _margins(graph, encoder, texts, tmp_path) >= 0
    turned = np.flatnonzero(exact != (_margins(plain, encoder, texts, tmp_path) >= 0)).tolist()
    assert turned
    control = AccuracyControl([texts[index] for index in turned], exact[turned].astype(int).tolist(), 0.5, 2)
    controlled = quantise(graph, encoder, texts[:12], accuracy=control)
    assert _quantised_weights(controlled) < _quantised_weights(plain)


def test_the_measure_of_accuracy_control_is_the_share_of_right_labels(base: Path) -> None:
    compiled = ov.Core().compile_model(convert(base), "CPU")
    ids = np.array([[2, 5, 3]], dtype=np.int64)
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    logits = compiled(inputs)[0][0]
    said = int(logits[1] >= logits[0])

    def items() -> Iterator[tuple[dict[str, Any], int]]:
        yield inputs, said
        yield inputs, 1 - said
        yield inputs, said

    accuracy, right = _share_right(compiled, items())
    assert right == [1.0, 0.0, 1.0]
    assert accuracy == pytest.approx(2 / 3)
