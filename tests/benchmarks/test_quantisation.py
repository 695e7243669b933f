"""Comparing quantisations and windows: the frontier, splits that never mix, agreement, windows against heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from benchmarks.quantisation import HeadOnly, Row, compare, frontier, splits, table, windows
from benchmarks.texts import Texts
from benchmarks.variants import Variant
from reviewlens.model.encoder import TextEncoder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "lamp"]
    made = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return path


class Counting:
    """Positive where more good than bad is read."""

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        good, bad = ((ids == token).sum(axis=1) for token in (4, 5))
        return np.stack([bad, good], axis=1).astype(np.float32)


def test_the_frontier_is_what_nothing_else_beats() -> None:
    points = [(100.0, 0.9), (50.0, 0.95), (40.0, 0.94), (100.0, 0.89), (10.0, 0.95)]
    assert frontier(points) == [True, True, False, False, False]


def test_equals_share_the_frontier() -> None:
    assert frontier([(1.0, 0.9), (1.0, 0.9)]) == [True, True]


def test_the_head_of_a_long_text_is_its_first_window(tokenizer: Path) -> None:
    texts = ["good lamp", "lamp " * 40 + "bad"]
    whole, owners = TextEncoder(tokenizer, 16).encode(texts)
    head, first = HeadOnly(tokenizer, 16).encode(texts)
    assert len(whole) > 2
    assert first == [0, 1]
    assert head == [whole[0], whole[owners.index(1)]]


def test_a_split_column_is_taken_as_it_is_and_three_stars_are_left_out(tmp_path: Path) -> None:
    rows = [(f"{split} {index}", index % 2, split) for split in ("train", "validation", "test") for index in range(20)]
    path = tmp_path / "corpus.parquet"
    pl.DataFrame([*rows, ("so so", None, "test")], schema=["text", "label", "split"], orient="row").write_parquet(path)
    train, validation, test = splits(path, 5, 7, 100)
    assert (len(train), len(validation), len(test)) == (5, 7, 20)
    assert all(text.startswith("train") for text in train)
    assert all(text.startswith("validation") for text in validation.texts)
    assert test.labels == tuple(int(text.split()[1]) % 2 for text in test.texts)


def test_a_corpus_without_splits_is_split_as_for_training(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    texts = [f"review number {index} of the lamp" for index in range(300)]
    pl.DataFrame({"text": texts, "label": [index % 2 for index in range(300)]}).write_csv(path)
    train, validation, test = splits(path, 500, 500, 500)
    parts = [set(train), set(validation.texts), set(test.texts)]
    assert all(parts)
    assert sum(map(len, parts)) == 300
    assert len(set.union(*parts)) == 300


def test_agreement_is_counted_over_all_sets() -> None:
    exact = Row("fp32", "", {"a": 1.0, "b": 1.0}, {"a": np.array([2.0, -2.0]), "b": np.array([1.0, 1.0])})
    other = Row("int8", "", {"a": 1.0, "b": 0.5}, {"a": np.array([2.0, -2.0]), "b": np.array([1.0, -1.0])})
    compare([exact, other], exact)
    assert (exact.agreement, exact.mean_gap) == (1.0, 0.0)
    assert other.agreement == 0.75
    # One of four scores went from sigmoid(1) to sigmoid(-1).
    assert other.mean_gap == pytest.approx((2 / (1 + np.exp(-1)) - 1) / 4)


def test_the_table_is_sorted_by_speed_and_marks_the_frontier() -> None:
    rows = [
        Row("slow", "", {"a": 0.9}, rates=[10, 12, 11], extra=("90.0",)),
        Row("fast", "", {"a": 0.8}, rates=[100, 90, 95], extra=("23.0",)),
        Row("worse", "", {"a": 0.7}, rates=[20, 20, 20], extra=("23.0",)),
    ]
    header, cells = table(rows, ["MB"])
    assert [row[0] for row in cells] == ["* fast", "worse", "* slow"]
    assert dict(zip(header, cells[0], strict=True))["texts/s"] == "95.0"
    assert dict(zip(header, cells[2], strict=True))["a"] == "90.00 %"


def test_windows_read_what_a_head_leaves_out(tokenizer: Path) -> None:
    texts = Texts(("good lamp", "lamp " * 30 + "bad bad"), (1, 0))
    rows = windows(Variant("int8", Counting(), 0, 0.0), tokenizer, (16, 64), {"a": texts}, texts, 1)
    accuracy = {(row.name, row.what.split()[0]): row.accuracy["a"] for row in rows}
    assert accuracy == {
        ("16 tokens", "all"): 1.0,
        ("16 tokens", "its"): 0.5,
        ("64 tokens", "all"): 1.0,
        ("64 tokens", "its"): 1.0,
    }
    real, padded = map(float, rows[-1].extra)
    assert (real, padded) == ((4 + 34) / 2, (16 + 48) / 2)
