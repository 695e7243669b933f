"""A student learns from a teacher's scores, doubtful labels are found, and a base model is cut to its first layers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")
pytest.importorskip("cleanlab", reason="the training extra is not installed")

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from reviewlens.errors import ConfigurationError, InputError
from reviewlens.training import averaging, label_noise
from reviewlens.training.base_model import shape_encoder
from reviewlens.training.corpus import capped
from reviewlens.training.data import UNLABELLED, TokenisedReviews, datasets
from reviewlens.training.distillation import teacher_margins
from reviewlens.training.label_noise import doubtful_labels
from reviewlens.training.trainer import distillation_loss, train
from reviewlens.training.training_args import TrainingOptions
from tests.model.tiny import made_reviews, make_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts, labels = made_reviews(700)
    ratings = [None if index % 10 == 0 else label for index, label in enumerate(labels)]
    path = tmp_path_factory.mktemp("corpus") / "corpus.parquet"
    pl.DataFrame({"text": texts, "label": ratings}).write_parquet(path)
    return path


def _options(corpus: Path, output: Path, base: Path, **more: object) -> TrainingOptions:
    given = {"epochs": 6, "batch_tokens": 512, "learning_rate": 3e-3, "threads": 1, **more}
    return TrainingOptions(corpus=corpus, output=output, base_model=str(base), **given)  # type: ignore[arg-type]


def test_a_student_learns_from_the_teacher_alone_where_labels_say_nothing(
    corpus: Path, base: Path, tmp_path: Path
) -> None:
    teacher = train(_options(corpus, tmp_path / "teacher", base)).model
    # The student's labels are a coin's: all it can know, it knows from the teacher.
    frame = pl.read_parquet(corpus)
    held_out_too = frame.with_columns(pl.Series("label", np.random.default_rng(1).integers(0, 2, len(frame))))
    held_out_too.write_parquet(tmp_path / "coin.parquet")
    options = _options(
        tmp_path / "coin.parquet", tmp_path / "student", base, teacher=teacher, teacher_weight=1.0, patience=100
    )
    trained = train(options)
    texts, labels = made_reviews(200, seed=5)
    said = teacher_margins(trained.model, texts, tmp_path / "judged")
    assert np.mean((said >= 0) == np.array(labels)) > 0.9
    facts = json.loads((tmp_path / "student" / "training.json").read_text())
    assert facts["options"]["teacher"] == "model"
    assert str(tmp_path) not in json.dumps(facts)


def test_teacher_scores_are_kept_in_parts_and_found_again(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviewlens.training.distillation.PART_TEXTS", 20)
    texts, _ = made_reviews(50, seed=3)
    first = teacher_margins(base, texts, tmp_path)
    assert len(list((tmp_path / "teacher").glob("*.parquet"))) == 3
    (tmp_path / "teacher" / sorted(p.name for p in (tmp_path / "teacher").iterdir())[1]).unlink()
    assert np.array_equal(teacher_margins(base, texts, tmp_path), first)
    whole = tmp_path / "teacher_scores.parquet"
    assert np.array_equal(teacher_margins(whole, texts[::-1], tmp_path / "other"), first[::-1])
    with pytest.raises(InputError, match="1 of the 1"):
        teacher_margins(whole, ["never seen"], tmp_path / "other")
    with pytest.raises(ConfigurationError, match="no teacher"):
        teacher_margins(tmp_path / "nowhere", texts, tmp_path)


def test_snippets_three_stars_and_doubtful_labels_are_left_to_the_teacher(
    corpus: Path, base: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    from reviewlens.training.corpus import read_corpus

    read = read_corpus(corpus)
    train_rows = pl.concat([read.part("train"), read.part("train", neutral=True)])
    wrong = train_rows.filter(pl.col("label").is_not_null())["text"][:5].to_list()
    margins = {
        text: (-8.0 if text in wrong else 8.0) * (1 if label in (1, None) else -1)
        for text, label in train_rows.select("text", "label").iter_rows()
    }
    scores = tmp_path / "scores.parquet"
    pl.DataFrame({"text": list(margins), "margin": list(margins.values())}).write_parquet(scores)
    options = _options(corpus, tmp_path, base, teacher=scores)
    made, _ = datasets(read, AutoTokenizer.from_pretrained(base), options)
    unlabelled = sum(label == UNLABELLED for label in made.labels)
    assert unlabelled == read.part("train", neutral=True).height + len(wrong)
    assert made.margins is not None and len(made.margins) == len(made.labels) == train_rows.height
    assert {"margins", "labels", "input_ids"} == set(made[0])


def test_distillation_loss_is_nothing_in_agreement_and_grows_with_the_gap() -> None:
    margins = torch.tensor([2.0, -1.0])
    agreeing = torch.stack([torch.zeros(2), margins], dim=1)
    assert distillation_loss(agreeing, margins, 2.0).item() == pytest.approx(0, abs=1e-6)
    # One text, margin 0 against a student's 2 at temperature 1: log 2 against the entropy of a half.
    one = distillation_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([0.0]), 1.0).item()
    expected = -0.5 * math.log(1 / (1 + math.exp(-2))) - 0.5 * math.log(1 - 1 / (1 + math.exp(-2))) - math.log(2)
    assert one == pytest.approx(expected, abs=1e-6)


def test_confident_learning_finds_flipped_labels() -> None:
    rng = np.random.default_rng(4)
    truth = (rng.random(3000) < 0.7).astype(np.int64)
    margins = np.where(truth == 1, 3, -3) + rng.normal(0, 0.5, 3000)
    flipped = rng.random(3000) < 0.04
    found = doubtful_labels(np.where(flipped, 1 - truth, truth), margins.astype(np.float32))
    assert found[flipped].mean() > 0.6
    assert found[~flipped].mean() < 0.002
    assert not doubtful_labels(np.ones(10, dtype=np.int64), np.zeros(10, dtype=np.float32)).any()


def test_noise_report_names_the_noisy_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts, labels = made_reviews(900, seed=2)
    sources = ["noisy" if index % 3 == 0 else "clean" for index in range(len(texts))]
    given = [1 - label if index % 12 == 0 else label for index, label in enumerate(labels)]
    pl.DataFrame({"text": texts, "label": given, "source": sources}).write_parquet(tmp_path / "corpus.parquet")
    scores = pl.DataFrame({"text": texts, "margin": [4.0 if label else -4.0 for label in labels]})
    scores.write_parquet(tmp_path / "scores.parquet")
    assert label_noise.main([str(tmp_path / "corpus.parquet"), str(tmp_path / "scores.parquet")]) == 0
    rows = {row["source"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["clean"]["disagrees"] == 0
    assert rows["noisy"]["disagrees"] == pytest.approx(0.25, abs=0.05)
    assert rows["noisy"]["doubtful"] > 0.1
    scores.with_columns(pl.lit("other").alias("text")).write_parquet(tmp_path / "scores.parquet")
    assert label_noise.main([str(tmp_path / "corpus.parquet"), str(tmp_path / "scores.parquet")]) == 2


def test_the_first_layers_are_kept_and_the_lowest_frozen(base: Path, tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(base)
    whole = model.distilbert.transformer.layer[0].ffn.lin1.weight.clone()
    shape_encoder(model, 1, 1)
    assert len(model.distilbert.transformer.layer) == 1
    assert torch.equal(model.distilbert.transformer.layer[0].ffn.lin1.weight, whole)
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert frozen and all("embeddings" in name or "layer.0" in name for name in frozen)
    model.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    ids = torch.tensor([[2, 6, 7, 3]])
    assert torch.allclose(again.eval()(ids).logits, model.eval()(ids).logits)
    with pytest.raises(ConfigurationError, match="1 layers"):
        shape_encoder(again, 5, 0)
    with pytest.raises(ConfigurationError, match="cannot be cut"):
        shape_encoder(torch.nn.Sequential(), 1, 0)


def test_one_sided_sources_are_thinned_and_balanced_ones_are_not() -> None:
    rows = pl.DataFrame(
        {
            "text": [str(index) for index in range(400)],
            "source": ["one-sided"] * 200 + ["balanced"] * 200,
            "label": [1] * 190 + [0] * 10 + [1, 0] * 100,
        }
    )
    counts = {
        (source, label): count
        for source, label, count in capped(rows, 30, seed=1).group_by("source", "label").len().iter_rows()
    }
    assert counts == {("one-sided", 1): 30, ("one-sided", 0): 10, ("balanced", 1): 100, ("balanced", 0): 100}
    assert capped(rows, 30, seed=1).equals(capped(rows, 30, seed=1))


def test_a_text_without_a_teacher_has_no_margin(base: Path) -> None:
    from transformers import AutoTokenizer

    assert "margins" not in TokenisedReviews(AutoTokenizer.from_pretrained(base), ["great lamp"], [1], 16)[0]


def test_checkpoints_are_averaged_and_others_refused(base: Path, tmp_path: Path) -> None:
    made = []
    for number in (1, 2):
        model = AutoModelForSequenceClassification.from_pretrained(base)
        with torch.no_grad():
            for value in model.parameters():
                value.fill_(float(number))
        model.save_pretrained(tmp_path / f"checkpoint-{number}")
        made.append(tmp_path / f"checkpoint-{number}")
    (tmp_path / "training.json").write_text('{"steps": 2}')
    assert averaging.main([str(tmp_path / "out" / "model"), *map(str, made)]) == 0
    mean = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out" / "model")
    assert all(torch.all(value == 1.5) for value in mean.parameters())
    told = json.loads((tmp_path / "out" / "training.json").read_text())
    assert told == {
        "steps": 2,
        "averaged": [
            {"run": 1, "checkpoint": "checkpoint-1", "share": 1.0},
            {"run": 1, "checkpoint": "checkpoint-2", "share": 1.0},
        ],
    }
    shape_encoder(mean, 1, 0)
    mean.save_pretrained(tmp_path / "cut")
    assert averaging.main([str(tmp_path / "other"), str(made[0]), str(tmp_path / "cut")]) == 2
    assert averaging.main([str(tmp_path / "other"), str(made[0])]) == 2


def test_checkpoints_of_two_trainings_count_as_much_as_they_are_given(base: Path, tmp_path: Path) -> None:
    weights = load_file(base / "model.safetensors")
    made = []
    for number, run in enumerate(("first", "second"), start=1):
        folder = tmp_path / run / "checkpoint-1"
        folder.mkdir(parents=True)
        save_file({name: value * number for name, value in weights.items()}, folder / "model.safetensors")
        told = {"options": {"seed": number}, "steps": number, "texts_seen": 10, "minutes": 1.0}
        (tmp_path / run / "training.json").write_text(json.dumps(told))
        made.append(folder)
    into = tmp_path / "out" / "model"
    assert averaging.main([str(into), *map(str, made), "--weights", "3", "1"]) == 0
    mean = load_file(into / "model.safetensors")
    assert all(torch.allclose(mean[name], weights[name] * 1.25, atol=1e-6) for name in weights)
    told = json.loads((tmp_path / "out" / "training.json").read_text())
    assert [(each["run"], each["share"]) for each in told["averaged"]] == [(1, 3.0), (2, 1.0)]
    assert [run["options"]["seed"] for run in told["runs"]] == [1, 2]
    assert averaging.main([str(into), *map(str, made), "--weights", "3"]) == 2
    assert averaging.main([str(into), *map(str, made), "--weights", "3", "0"]) == 2
