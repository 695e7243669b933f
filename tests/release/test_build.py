"""A release of two tiny trained models as a cascade bundle: built by one command, cached, and described."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")
pytest.importorskip("nncf", reason="the training extra is not installed")

import torch
from transformers import AutoModelForSequenceClassification

from reviewlens.errors import InputError
from reviewlens.model.bundle import unpack
from reviewlens.model.encoder import TextEncoder
from reviewlens.model.engines.cascade import CascadeEngine
from reviewlens.model.engines.transformers import TorchGraph
from reviewlens.model.loading import load_engine
from reviewlens.release import export
from reviewlens.release import graphs as release_graphs
from reviewlens.release.build import main
from reviewlens.release.ngram_stage import training_rows
from reviewlens.training.corpus import Corpus
from tests.model.tiny import made_reviews, make_base


def _taught(folder: Path, seed: int, steps: int) -> Path:
    """The tiny model, fitted to made reviews by a plain loop."""
    torch.manual_seed(seed)
    make_base(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    encoder = TextEncoder(folder / "tokenizer.json", 128)
    texts, labels = made_reviews(400, seed=40 + seed)
    pieces, _ = encoder.encode(texts)
    width = max(map(len, pieces))
    ids = torch.tensor([[*piece, *[0] * (width - len(piece))] for piece in pieces])
    mask = torch.tensor([[*[1] * len(piece), *[0] * (width - len(piece))] for piece in pieces])
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(
            model(input_ids=ids, attention_mask=mask).logits, torch.tensor(labels)
        ).backward()
        optimiser.step()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, two trained models and a teacher's scores."""
    folder = tmp_path_factory.mktemp("shop")
    last, _ = _taught(folder / "last", 1, 60), _taught(folder / "small", 2, 40)
    texts, labels = made_reviews(900)
    sources = [f"shop {index % 4}" for index in range(len(texts))]
    marked: list[int | None] = [None if index % 20 == 0 else label for index, label in enumerate(labels)]
    facts = {"text": texts, "label": marked, "source": sources, "licence": ["unstated"] * len(texts)}
    pl.DataFrame(facts).write_parquet(folder / "corpus.parquet")
    more, more_labels = made_reviews(60, seed=8)
    pl.DataFrame({"text": more, "label": more_labels}).write_csv(folder / "test_more.csv")
    scores = (TorchGraph(last).logits(*_padded(last, texts)) @ np.array([-1.0, 1.0])).astype(np.float32)
    pl.DataFrame({"text": texts, "margin": scores}).write_parquet(folder / "scores.parquet")
    (folder / "variants.json").write_text(json.dumps({"teacher": {"more": 0.9}, "open": {"more": 0.8}}))
    return folder


def _padded(model: Path, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    pieces, _ = TextEncoder(model / "tokenizer.json", 128).encode(texts)
    ids = np.zeros((len(pieces), max(map(len, pieces))), dtype=np.int64)
    for row, piece in enumerate(pieces):
        ids[row, : len(piece)] = piece
    return ids, (np.arange(ids.shape[1]) < np.array([[len(piece)] for piece in pieces])).astype(np.int64)


def _command(shop: Path, bundle: Path, *more: str) -> list[str]:
    return [
        *(str(shop / "last"), str(shop / "corpus.parquet"), "--version", "tiny-1", "--threads", "1"),
        *("--small", str(shop / "small"), "--teacher-scores", str(shop / "scores.parquet")),
        *("--tests", str(shop / "test_more.csv"), "--work", str(shop / "work"), "--bundle", str(bundle)),
        *("--card", str(bundle.with_name("CARD.md")), "--variants", str(shop / "variants.json"), *more),
    ]


def test_a_release_is_a_cascade_and_is_cached(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(_command(shop, tmp_path / "model.tar.gz", "--disagreement", "0.05")) == 0
    bundle = unpack(tmp_path / "model.tar.gz", tmp_path / "into")
    facts, card = bundle.metadata, (tmp_path / "CARD.md").read_text()
    assert [stage.name for stage in facts.cascade] == ["ngrams", "small"]
    assert all(len(stage.known_answers) == 64 for stage in facts.cascade)
    assert facts.mixed is not None
    metrics: dict = facts.metrics  # type: ignore[type-arg]
    assert set(metrics["sets"]) == {"in-domain test split", "more"}
    assert set(metrics["pace"]) == {"cascade", "openvino", "openvino-small"}

    texts, labels = made_reviews(60, seed=8)
    engine = load_engine("auto", tmp_path / "model.tar.gz", cache_dir=tmp_path / "into")
    assert isinstance(engine, CascadeEngine)
    scores = engine.score(texts)
    told = metrics["compared"]["more"]
    assert np.mean((scores >= 0.5) == np.array(labels)) == pytest.approx(told["cascade"], abs=1e-4)
    alone = load_engine("openvino", bundle.dir).score(texts)
    assert np.mean((scores >= 0.5) == (alone >= 0.5)) == pytest.approx(told["agreement"], abs=1e-4)
    shares = {name: count / len(texts) for name, count in engine.answered.items()}
    assert shares == pytest.approx(told["answered"], abs=1e-3)
    assert shares["last"] < 0.9, "the cheap stages answer"
    assert told["cascade"] > 0.9

    assert card == (bundle.dir / "MODEL_CARD.md").read_text()
    assert "| more | accuracy" not in card
    assert "worst of the sets | accuracy lost against the teacher | ≤ 2 points" in card
    assert "| open | – | 80.00 % |" in card
    assert "Mind the licences" in card
    assert "--small out/small/model --teacher-scores out/small/teacher_scores.parquet" in card
    assert str(shop) not in card + (bundle.dir / "bundle.json").read_text(), "no path of this machine is published"

    def again(*_: object) -> None:
        raise AssertionError("this was computed before")

    for name in ("convert", "quantise"):
        monkeypatch.setattr(export, name, again)
    monkeypatch.setattr(release_graphs.ReleaseGraph, "_float32_graph", property(again))
    assert main(_command(shop, tmp_path / "second.tar.gz", "--disagreement", "0")) == 0
    strict = unpack(tmp_path / "second.tar.gz", tmp_path / "into").metadata
    assert strict.metrics["cascade_fit"]["agreement"] == 1  # type: ignore[index]
    assert strict.known_answers == facts.known_answers


def test_a_bundle_is_fitted_anew_with_the_graphs_that_it_has(shop: Path, tmp_path: Path) -> None:
    assert main(_command(shop, tmp_path / "model.tar.gz", "--disagreement", "0.02", "--exact-texts", "30")) == 0
    old = unpack(tmp_path / "model.tar.gz", tmp_path / "into")
    fresh = [str(tmp_path / "model.tar.gz"), *_command(shop, tmp_path / "again.tar.gz")[1:]]
    less = [each for index, each in enumerate(fresh) if "--small" not in fresh[max(0, index - 1) : index + 1]]
    assert main([*less, "--version", "tiny-2", "--longer", "6:0.1", "--long-texts", "windows"]) == 0
    new = unpack(tmp_path / "again.tar.gz", tmp_path / "into")
    assert new.version == "tiny-2"
    for member in ("model.bin", "model.xml", "small.bin", "small.xml", "ngrams.npy", "tokenizer.json", "config.json"):
        assert (new.dir / member).read_bytes() == (old.dir / member).read_bytes(), member
    facts, before = new.metadata, old.metadata
    assert (before.long_texts, facts.long_texts) == ("ends", "windows")
    assert [bounds.from_tokens for stage in facts.cascade for bounds in stage.longer] == [6, 6]
    assert facts.training == before.training
    old_metrics: dict = before.metrics
    metrics: dict = facts.metrics
    for name, told in old_metrics["compared"].items():
        assert told["exact_float32"] == metrics["compared"][name]["exact_float32"]
    texts, labels = made_reviews(60, seed=8)
    engine = CascadeEngine(new)
    accuracy = np.mean((engine.score(texts) >= 0.5) == np.array(labels))
    assert accuracy == pytest.approx(metrics["sets"]["more"]["accuracy"], abs=1e-4)
    card = (tmp_path / "CARD.md").read_text()
    assert "--disagreement 0.003 --longer 6:0.1" in card
    assert "| small model | under 6 word pieces |" in card
    assert "| small model | from 6 word pieces on |" in card


def test_a_bundle_may_get_another_small_model_and_window(shop: Path, tmp_path: Path) -> None:
    assert main(_command(shop, tmp_path / "model.tar.gz")) == 0
    fresh = [str(tmp_path / "model.tar.gz"), *_command(shop, tmp_path / "again.tar.gz")[1:]]
    assert main([*fresh, "--small", str(shop / "last"), "--window", "16"]) == 0
    new = unpack(tmp_path / "again.tar.gz", tmp_path / "into")
    assert new.metadata.max_length == 16
    assert (new.dir / "small.bin").read_bytes() == (new.dir / "model.bin").read_bytes()
    texts, labels = made_reviews(60, seed=8)
    long = [f"{text} and it was a thing that I had for some time {text}" for text in texts]
    whole = unpack(tmp_path / "model.tar.gz", tmp_path / "into")
    assert np.any(CascadeEngine(new).score(long) != CascadeEngine(whole).score(long))
    told = new.metadata.metrics["sets"]["more"]["accuracy"]
    assert np.mean((CascadeEngine(new).score(texts) >= 0.5) == np.array(labels)) == pytest.approx(told, abs=1e-4)
    assert "| window | 16 tokens" in (tmp_path / "CARD.md").read_text()


def test_what_cannot_be_shipped_is_said(shop: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(shop / "corpus.parquet", tmp_path / "none.parquet")
    (tmp_path / "bad.json").write_text("[1]")
    for wrong, said in (
        (["--small", str(tmp_path)], "no trained model"),
        (["--window", "8"], "from 16 to 512"),
        (["--teacher-scores", str(tmp_path / "none.parquet")], "text and margin"),
        (["--variants", str(tmp_path / "bad.json")], "should be like"),
    ):
        assert main(_command(shop, tmp_path / "model.tar.gz", *wrong)) == 2
        assert any(said in message for message in caplog.messages)
    assert not (tmp_path / "model.tar.gz").exists()


def test_labels_stand_in_where_the_teacher_is_silent(tmp_path: Path) -> None:
    splits = ["train", "train", "train", "train", "train", "test", "validation"]
    frame = pl.DataFrame(
        {"text": list("abcdefg"), "label": [1, 0, 1, None, None, 1, 0], "source": ["s"] * 7, "split": splits}
    )
    taught = {"text": ["b", "d", "f", "g", "part of a"], "margin": [2.0, 0.0, 9.0, 9.0, -2.0]}
    pl.DataFrame(taught).write_parquet(tmp_path / "s.parquet")
    rows = training_rows(Corpus(frame, 0), tmp_path / "s.parquet")
    assert rows["text"].to_list() == ["a", "b", "c", "d", "part of a"], "nothing of the validation and test splits"
    sigma = 1 / (1 + np.exp(-2))
    assert rows["target"].to_list() == pytest.approx([0.95, sigma, 0.95, 0.5, 1 - sigma])
    assert rows["weight"].to_list() == [0.5, 1.0, 0.5, 1.0, 1.0]
    assert rows["source"].to_list() == [*"ssss", None]
    pl.DataFrame({"text": ["x", "f"], "margin": [1.0, 1.0]}).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(InputError) as caught:
        training_rows(Corpus(frame, 0), tmp_path / "s.parquet")
    assert caught.value.code == "teacher-scores"
