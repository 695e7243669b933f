"""The texts of a benchmark: distinct, labelled, subsets with the same spread of lengths; made uploads with copies."""

from __future__ import annotations

import csv
import statistics
from collections import Counter
from pathlib import Path

import polars as pl

from benchmarks.memory import write_reviews
from benchmarks.texts import Texts, made_texts, read_texts


def test_made_texts_are_distinct_and_the_same_every_time() -> None:
    texts = made_texts(300)
    assert len(set(texts.texts)) == 300
    assert texts == made_texts(300)
    assert 30 < statistics.median(len(text.split()) for text in texts.texts) < 70


def test_a_subset_keeps_order_labels_and_the_spread_of_lengths() -> None:
    texts = Texts(tuple("x" * (1 + index * 37 % 200) for index in range(200)), tuple(index % 2 for index in range(200)))
    few = texts.like(20)
    assert len(few) == 20
    places = [texts.texts.index(text) for text in few.texts]
    assert places == sorted(places)
    assert few.labels == tuple(place % 2 for place in places)
    lengths = sorted(map(len, few.texts))
    assert lengths[0] <= 10
    assert lengths[-1] > 190
    assert abs(statistics.mean(lengths) - 100.5) < 3
    assert texts.like(500) is texts


def test_accuracy_is_the_share_of_labels_hit() -> None:
    assert Texts(("a", "b", "c", "d"), (1, 0, 1, 0)).accuracy([True, True, True, False]) == 0.75
    assert Texts(("a",)).accuracy([True]) is None


def test_a_labelled_file_gives_distinct_cleaned_texts_without_three_stars(tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text('text,rating\n"<b>Good</b>  lamp",5\nbad lamp,1\nso so,3\n"<b>Good</b>  lamp",5\n"  ",4\n')
    texts = read_texts(file, 10)
    assert texts.labels is not None
    assert dict(zip(texts.texts, texts.labels, strict=True)) == {"Good lamp": 1, "bad lamp": 0}
    assert len(read_texts(file, 1)) == 1


def test_rows_of_one_split_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "corpus.parquet"
    pl.DataFrame({"text": ["one", "two"], "label": [1, 0], "split": ["train", "test"]}).write_parquet(file)
    assert read_texts(file, 10, "test") == Texts(("two",), (0,))


def test_a_file_without_labels_gives_texts_alone(tmp_path: Path) -> None:
    file = tmp_path / "plain.csv"
    file.write_text("text\nfirst one\nsecond one\n")
    texts = read_texts(file, 10)
    assert sorted(texts.texts) == ["first one", "second one"]
    assert texts.labels is None


def test_one_made_review_in_ten_is_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "made.csv"
    write_reviews(file, 3000, 60)
    with file.open(newline="") as stream:
        found = Counter((row["title"], row["review"]) for row in csv.DictReader(stream))
    assert found.total() == 3000
    assert 0.08 < (found.total() - len(found)) / 3000 < 0.12
