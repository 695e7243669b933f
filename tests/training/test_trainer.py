"""Training, export and the PyTorch engine with a tiny DistilBERT built from its config; needs the training extra."""

from __future__ import annotations

import json
import random
import runpy
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")
pytest.importorskip("nncf", reason="the training extra is not installed")

from transformers import AutoModelForSequenceClassification

from reviewlens.errors import ConfigurationError
from reviewlens.model.bundle import unpack
from reviewlens.model.calibration import sigmoid
from reviewlens.model.encoder import TextEncoder, score_margins
from reviewlens.model.engines.openvino import OpenVinoGraph
from reviewlens.model.loading import load_engine
from reviewlens.release import build
from reviewlens.release.export import convert, quantise, save_members
from reviewlens.training import clock as clock_module
from reviewlens.training.clock import Clock, time_decay
from reviewlens.training.snippets import snippet
from reviewlens.training.trainer import train
from reviewlens.training.training_args import TrainingOptions
from tests.model.tiny import FILL, made_reviews, make_base
from tests.timing import FakeClock, wait_until

TRAIN_SCRIPT = Path(__file__).parents[2] / "sagemaker" / "train.py"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts, labels = made_reviews(700)
    path = tmp_path_factory.mktemp("corpus") / "corpus.csv"
    pl.DataFrame({"text": texts, "label": labels}).write_csv(path)
    return path


@pytest.fixture(scope="module")
def trained(base: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained")
    report = train(
        TrainingOptions(
            corpus=corpus,
            output=output,
            base_model=str(base),
            epochs=6,
            batch_tokens=512,
            learning_rate=3e-3,
            class_weights="balanced",
            snippet_share=0.2,
            threads=1,
        )
    )
    assert report.steps > 50
    assert report.model == output / "model"
    return output


def test_training_learns_and_writes_down_how(trained: Path) -> None:
    facts = json.loads((trained / "training.json").read_text())
    assert facts["validation"]["eval_balanced_accuracy"] > 0.95
    assert facts["options"]["seed"] == 13
    assert len(facts["corpus_sha256"]) == 64
    curve = [json.loads(line) for line in (trained / "training_log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in curve if "loss" in line]
    assert float(losses[-1]) < float(losses[0])
    assert (trained / "model" / "model.safetensors").exists()


def test_training_goes_on_after_a_kill_and_ends_in_time(
    base: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    arguments = [
        *("--corpus", str(corpus), "--output", str(run), "--base-model", str(base), "--epochs=100000"),
        *("--batch-tokens=512", "--evaluate-every-minutes=0.01", "--threads=1", "--patience=100000"),
    ]
    first = subprocess.Popen(
        [sys.executable, TRAIN_SCRIPT, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: _minutes(run) > 0)
    first.kill()
    first.wait()
    before, step_before = _minutes(run), _last_step(run)
    assert not (run / "model").exists(), "it was killed before its end"
    monkeypatch.setattr(clock_module, "time", FakeClock())
    monkeypatch.setattr(sys, "path", [*sys.path])  # the script changes it
    main = runpy.run_path(str(TRAIN_SCRIPT))["main"]
    caplog.set_level("INFO")
    # With half the time that is gone, the first step after the kill is the last.
    assert main([*arguments, "--max_minutes", str(before / 2), "--model-dir", str(tmp_path / "copy")]) == 0
    assert "resuming from" in caplog.text
    assert "resuming from None" not in caplog.text
    facts = json.loads((run / "training.json").read_text())
    assert 0 <= facts["steps"] - step_before <= 1
    assert facts["minutes"] == pytest.approx(before, abs=0.01), "the time before the kill counts"
    assert (tmp_path / "copy" / "model.safetensors").exists()


def _minutes(run: Path) -> float:
    """Minutes of training that a checkpoint has recorded; 0 before the first."""
    try:
        return float(json.loads((run / "clock.json").read_text())["minutes"])
    except (FileNotFoundError, ValueError):
        return 0.0


def _last_step(run: Path) -> int:
    return max(json.loads(line)["step"] for line in (run / "training_log.jsonl").read_text().splitlines())


def test_float32_graph_scores_as_the_torch_model_does(trained: Path, tmp_path: Path) -> None:
    save_members(convert(trained / "model"), trained / "model", tmp_path, halve=False)
    encoder = TextEncoder(tmp_path / "tokenizer.json", 64)
    texts = [*made_reviews(80, seed=9)[0], " ".join(FILL * 20)]
    ours = sigmoid(score_margins(texts, encoder, OpenVinoGraph(tmp_path / "model.xml", 1)))
    torch_engine = load_engine("transformers", _with_window(trained / "model", tmp_path / "folder", 64))
    assert np.abs(ours - torch_engine.score(texts)).max() < 1e-3


def _with_window(model: Path, into: Path, max_length: int) -> Path:
    into.mkdir()
    for path in model.iterdir():
        (into / path.name).symlink_to(path)
    (into / "bundle.json").write_text(json.dumps({"temperature": 1, "needs_review": 0.7, "max_length": max_length}))
    return into


def test_int8_graph_agrees_with_float32(trained: Path, tmp_path: Path) -> None:
    graph = convert(trained / "model")
    encoder = TextEncoder(trained / "model" / "tokenizer.json", 256)
    save_members(graph, trained / "model", tmp_path / "exact", halve=False)
    save_members(quantise(graph, encoder, made_reviews(60, seed=3)[0]), trained / "model", tmp_path / "int8")
    texts, labels = made_reviews(150, seed=5)
    exact = score_margins(texts, encoder, OpenVinoGraph(tmp_path / "exact" / "model.xml", 1))
    int8 = score_margins(texts, encoder, OpenVinoGraph(tmp_path / "int8" / "model.xml", 1))
    assert np.mean((exact >= 0) == (int8 >= 0)) > 0.98
    assert np.mean((int8 >= 0) == np.array(labels)) > 0.95
    stripped = score_margins(texts, encoder, OpenVinoGraph(tmp_path / "int8" / "model.xml", 1, arithmetic="fp32"))
    assert np.abs(sigmoid(stripped) - sigmoid(exact)).mean() < 0.02


def test_the_release_command_makes_a_bundle_that_loads(trained: Path, corpus: Path, tmp_path: Path) -> None:
    texts, labels = made_reviews(60, seed=8)
    pl.DataFrame({"text": texts, "label": labels}).write_csv(tmp_path / "test_more.csv")
    arguments = [
        *(trained / "model", corpus, "--version", "tiny-1", "--limit", "200", "--note", "Trained in two stretches."),
        *("--bundle", tmp_path / "model.tar.gz", "--card", tmp_path / "CARD.md", "--tests", tmp_path / "test_more.csv"),
    ]
    assert build.main([str(argument) for argument in arguments]) == 0
    bundle = unpack(tmp_path / "model.tar.gz", tmp_path / "into")
    assert len(bundle.metadata.known_answers) == 64
    assert bundle.metadata.training["steps"] == json.loads((trained / "training.json").read_text())["steps"]
    assert set(bundle.metadata.metrics["sets"]) == {"in-domain test split", "more"}  # type: ignore[call-overload]
    card = (tmp_path / "CARD.md").read_text()
    assert card == (bundle.dir / "MODEL_CARD.md").read_text()
    assert "| more | 60 |" in card
    assert "\nTrained in two stretches.\n" in card
    assert str(corpus) not in card + (bundle.dir / "bundle.json").read_text(), "no path of this machine is published"
    scores = load_engine("openvino", tmp_path / "model.tar.gz", cache_dir=tmp_path / "into").score(texts)
    assert np.mean((scores >= 0.5) == np.array(labels)) > 0.95


def test_transformers_engine_from_a_plain_archive(trained: Path, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            tar.add(trained / "model" / name, name)
    engine = load_engine("transformers", archive, cache_dir=tmp_path / "cache")
    texts, labels = made_reviews(50, seed=4)
    scores = engine.score(texts)
    assert np.mean((scores >= 0.5) == np.array(labels)) > 0.95
    assert np.abs(scores - load_engine("transformers", trained / "model").score(texts)).max() < 1e-6
    assert load_engine("transformers", archive, cache_dir=tmp_path / "cache").score([]).shape == (0,)
    assert engine.describe()["precision"] == "float32"


def test_transformers_engine_puts_labels_in_order(trained: Path, tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(trained / "model")
    model.config.id2label = {0: "POSITIVE", 1: "NEGATIVE"}
    model.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((trained / "model" / "tokenizer.json").read_bytes())
    texts = made_reviews(10, seed=4)[0]
    turned = load_engine("transformers", tmp_path).score(texts)
    assert np.allclose(turned, 1 - load_engine("transformers", trained / "model").score(texts), atol=1e-6)


def test_transformers_engine_refuses_what_it_cannot_use(trained: Path, tmp_path: Path) -> None:
    for path in (None, tmp_path / "none.tar.gz", tmp_path):
        with pytest.raises(ConfigurationError):
            load_engine("transformers", path)
    model = AutoModelForSequenceClassification.from_pretrained(
        trained / "model", num_labels=3, ignore_mismatched_sizes=True
    )
    model.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes((trained / "model" / "tokenizer.json").read_bytes())
    with pytest.raises(ConfigurationError, match="two labels"):
        load_engine("transformers", tmp_path)


def test_learning_rate_follows_steps_or_time(tmp_path: Path) -> None:
    untimed = time_decay(Clock(None, tmp_path / "a.json"), 100, 0.1)
    assert [round(untimed(step), 3) for step in (0, 5, 10, 55, 100)] == [0.001, 0.5, 1.0, 0.5, 0.0]
    (tmp_path / "b.json").write_text('{"minutes": 5.0}')
    half_gone = time_decay(Clock(10, tmp_path / "b.json"), 1_000_000, 0.1)
    assert half_gone(3) == pytest.approx(0.5 / 0.9, abs=0.01)


def test_snippets_are_parts_of_their_text() -> None:
    text = "At first it was fine. Then it broke in the rain. We sent it back. They paid nothing at all. Never again."
    rng = random.Random(2)
    made = {snippet(text, rng) for _ in range(50)}
    assert len(made) > 2
    assert all(part in text for part in made)
    assert snippet("Too short. To cut.", rng) == "Too short. To cut."
