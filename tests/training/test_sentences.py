"""Learning sentence by sentence: how texts are cut, batched, padded, and what the loss asks of their sentences."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("torch", reason="the training extra is not installed")
pytest.importorskip("transformers", reason="the training extra is not installed")

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from reviewlens.errors import ConfigurationError
from reviewlens.training.batching import TokenBudgetBatches
from reviewlens.training.data import UNLABELLED, Collator, TokenisedReviews
from reviewlens.training.snippets import MOST_SENTENCES, sentences
from reviewlens.training.trainer import bag_loss, train
from reviewlens.training.training_args import TrainingOptions
from tests.model.tiny import BAD, FILL, GOOD, make_base

EVEN = torch.tensor([1.0, 1.0])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def logits_of(*positive: float) -> torch.Tensor:
    odds = torch.logit(torch.tensor(positive))
    return torch.stack([torch.zeros_like(odds), odds], dim=1)


def test_a_text_is_cut_at_ends_of_sentences_lines_and_semicolons() -> None:
    text = "It works very well. Nice!\nThe box was broken; I sent it back."
    assert sentences(text, random.Random(1)) == ["It works very well.", "The box was broken", "I sent it back."]
    assert sentences("Good", random.Random(1)) == ["Good"]


def test_of_a_long_text_some_sentences_stand_for_all() -> None:
    text = " ".join(f"This is sentence {number}." for number in range(30))
    chosen = sentences(text, random.Random(1))
    assert len(set(chosen)) == MOST_SENTENCES
    assert all(part in text for part in chosen)


def test_the_loss_asks_for_the_mean_of_a_texts_sentences() -> None:
    labels, bags = torch.tensor([1]), torch.tensor([0, 0])
    told = bag_loss(logits_of(0.95, 0.35), labels, bags, EVEN, smoothing=0.0)
    assert float(told) == pytest.approx(-float(torch.log(torch.tensor(0.65))), abs=1e-5)
    one = bag_loss(logits_of(0.65), labels, torch.tensor([0]), EVEN, smoothing=0.0)
    assert float(told) == pytest.approx(float(one), abs=1e-5)


def test_a_three_star_text_is_held_against_the_middle() -> None:
    neutral = torch.tensor([UNLABELLED])
    even = bag_loss(logits_of(0.9, 0.1), neutral, torch.tensor([0, 0]), EVEN)
    lopsided = bag_loss(logits_of(0.9, 0.9), neutral, torch.tensor([0, 0]), EVEN)
    assert float(even) == pytest.approx(float(torch.log(torch.tensor(2.0))), abs=1e-5)
    assert float(lopsided) > float(even) + 0.3


def test_each_text_counts_once_however_many_sentences_it_has() -> None:
    labels, bags = torch.tensor([1, 0]), torch.tensor([0, 0, 0, 1])
    both = bag_loss(logits_of(0.8, 0.8, 0.8, 0.4), labels, bags, EVEN, smoothing=0.0)
    alone = [
        bag_loss(logits_of(0.8), torch.tensor([1]), torch.tensor([0]), EVEN, smoothing=0.0),
        bag_loss(logits_of(0.4), torch.tensor([0]), torch.tensor([0]), EVEN, smoothing=0.0),
    ]
    assert float(both) == pytest.approx(float(sum(alone)) / 2, abs=1e-5)


def test_texts_read_by_sentences_share_no_batch_with_others() -> None:
    apart = set(range(0, 300, 3))
    batches = list(TokenBudgetBatches([5 + index % 40 for index in range(300)], max_tokens=256, apart=apart))
    assert sorted(index for batch in batches for index in batch) == list(range(300))
    assert all(len({index in apart for index in batch}) == 1 for batch in batches)


def test_sentences_become_rows_that_know_their_text(base: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    by_sentences = {0: ["the lamp is great", "the box was awful today"], 1: ["a lovely table"]}
    data = TokenisedReviews(tokenizer, ["x", "y", "the lamp"], [1, 0, 1], 32, by_sentences=by_sentences)
    batch = Collator(tokenizer)([data[0], data[1]])
    assert batch["bags"].tolist() == [0, 0, 1]
    assert batch["labels"].tolist() == [1, 0]
    assert batch["input_ids"].shape[0] == 3
    assert batch["attention_mask"].sum(dim=1).tolist() == [6, 7, 5]
    assert data.lengths() == [14, 5, 4]
    assert "bags" not in Collator(tokenizer)([data[2]])


def mixed_reviews(count: int) -> tuple[list[str], list[int | None]]:
    """Reviews of several sentences: of a good one every fourth is bad, of a bad one every fourth good."""
    rng = random.Random(3)
    texts: list[str] = []
    labels: list[int | None] = []
    for number in range(count):
        label = rng.choice([0, 1, None]) if number % 5 == 0 else rng.choice([0, 1])
        share = {1: 0.75, 0: 0.25, None: 0.5}[label]
        good = [index < round(share * 4) for index in range(4)]
        parts = [[*rng.choices(FILL, k=5), rng.choice(GOOD if kind else BAD), f"a{rng.randrange(7)}"] for kind in good]
        texts.append(" ".join(" ".join(rng.sample(part, len(part))) + "." for part in parts))
        labels.append(label)
    return texts, labels


def test_sentences_learn_their_own_mind_from_the_labels_of_whole_reviews(base: Path, tmp_path: Path) -> None:
    texts, labels = mixed_reviews(600)
    pl.DataFrame({"text": texts, "label": labels}).write_csv(tmp_path / "corpus.csv")
    report = train(
        TrainingOptions(
            corpus=tmp_path / "corpus.csv",
            output=tmp_path / "out",
            base_model=str(base),
            epochs=8,
            batch_tokens=512,
            learning_rate=3e-3,
            sentence_share=1.0,
            threads=1,
        )
    )
    model = AutoModelForSequenceClassification.from_pretrained(report.model).eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    told = [f"the lamp {word} and the box ." for word in (*GOOD, *BAD)]
    with torch.inference_mode():
        logits = model(**tokenizer(told, padding=True, return_tensors="pt")).logits
    assert (logits[:, 1] > logits[:, 0]).tolist() == [True] * len(GOOD) + [False] * len(BAD)


def test_sentences_and_a_teacher_are_not_for_one_run(base: Path, tmp_path: Path) -> None:
    texts, labels = mixed_reviews(60)
    pl.DataFrame({"text": texts, "label": labels}).write_csv(tmp_path / "corpus.csv")
    rows = pl.DataFrame({"text": texts, "margin": [1.0] * len(texts)})
    rows.write_parquet(tmp_path / "scores.parquet")
    options = TrainingOptions(
        corpus=tmp_path / "corpus.csv",
        output=tmp_path / "out",
        base_model=str(base),
        teacher=tmp_path / "scores.parquet",
        sentence_share=0.5,
    )
    with pytest.raises(ConfigurationError, match="--sentence-share or --teacher"):
        train(options)
