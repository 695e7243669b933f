"""Training data: reading, licences, splits by hash without near copies across them, and a fingerprint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from reviewlens.errors import InputError
from reviewlens.reviews.cleaning import clean_text

Split = Literal["train", "validation", "test"]

# Shares of a hundred hash buckets; changing them would move texts between splits of models already trained.
_VALIDATION_BUCKETS = 5
_TEST_BUCKETS = 12

SHINGLE_WORDS = 12
"""Texts that share this many consecutive words are near copies."""

_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Corpus:
    """Labelled texts of one split or of all; columns: text, label (1, 0, null for 3 stars), source, licence, split."""

    frame: pl.DataFrame
    dropped_near_copies: int

    def part(self, split: Split, *, neutral: bool = False) -> pl.DataFrame:
        """The labelled rows of a split, or its three-star rows."""
        wanted = pl.col("label").is_null() if neutral else pl.col("label").is_not_null()
        return self.frame.filter((pl.col("split") == split) & wanted)

    def fingerprint(self) -> str:
        """SHA-256 over the sorted hashes of every text with its label and split."""
        digest = hashlib.sha256()
        rows = zip(self.frame["text"], self.frame["label"], self.frame["split"], strict=True)
        for line in sorted(f"{_hash(text)}:{label}:{split}" for text, label, split in rows):
            digest.update(line.encode())
        return digest.hexdigest()


def read_corpus(path: Path, licences: Sequence[str] = ()) -> Corpus:
    """Read a Parquet or CSV corpus, clean its texts, keep the given licences (all when empty) and split it.

    The file has `text` and `label` (1 positive, 0 negative, empty for three stars), or `text` and `rating`; `source`
    and `licence` are optional. Raises InputError for anything else.
    """
    frame = labelled_frame(path)
    if licences:
        if "licence" not in frame.columns:
            raise InputError(
                "Licences can only be chosen from a corpus that has a 'licence' column.", code="no-licence-column"
            )
        frame = frame.filter(pl.col("licence").is_in(list(licences)))
    for column in ("source", "licence"):
        if column not in frame.columns:
            frame = frame.with_columns(pl.lit("unstated").alias(column))
    frame = (
        frame.select(
            pl.col("text").map_elements(clean_text, return_dtype=pl.String),
            pl.col("label").cast(pl.Int8),
            pl.col("source").cast(pl.String),
            pl.col("licence").cast(pl.String),
        )
        .filter(pl.col("text") != "")
        .unique("text", keep="first", maintain_order=True)
    )
    if frame.is_empty():
        raise InputError("No labelled text is left in this corpus.", code="empty-corpus")
    frame = frame.with_columns(pl.col("text").map_elements(split_of, return_dtype=pl.String).alias("split"))
    kept = without_near_copies(frame["text"].to_list(), frame["split"].to_list())
    return Corpus(frame.filter(pl.Series(kept)), dropped_near_copies=len(kept) - sum(kept))


def split_of(text: str) -> Split:
    """The split of a text, by the hash of its words: it never changes, and case and punctuation do not matter."""
    bucket = int(_hash(text)[:8], 16) % 100
    if bucket < _VALIDATION_BUCKETS:
        return "validation"
    return "test" if bucket < _VALIDATION_BUCKETS + _TEST_BUCKETS else "train"


def capped(rows: pl.DataFrame, cap: int, seed: int) -> pl.DataFrame:
    """Labelled rows with less of one-sided sources: of a source's larger class at most `cap` rows or as many as the
    smaller class has, whichever is more, drawn by the seed."""
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    sizes = pl.len().over("source")
    own = pl.len().over("source", "label")
    position = pl.int_range(pl.len()).over("source", "label")
    return shuffled.filter(position < pl.max_horizontal(sizes - own, pl.lit(cap)))


def _read(path: Path) -> pl.DataFrame:
    if path.is_dir():
        files = sorted([*path.glob("*.parquet"), *path.glob("*.csv")])
        if not files:
            raise InputError(f"No .parquet or .csv file in {path}.", code="no-corpus")
        return pl.concat([_read(file) for file in files], how="diagonal_relaxed")
    if not path.exists():
        raise InputError(f"There is no corpus at {path}.", code="no-corpus")
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=10_000)


def labelled_frame(path: Path) -> pl.DataFrame:
    """The rows of a CSV or Parquet file, or of a folder of them; without `label`, it is derived from `rating`.

    Raises InputError when the file or a column is missing.
    """
    frame = _read(path)
    if "text" not in frame.columns or not {"label", "rating"} & set(frame.columns):
        raise InputError("A corpus needs a 'text' column and a 'label' or 'rating' column.", code="corpus-columns")
    if "label" in frame.columns:
        return frame
    stars = pl.col("rating").cast(pl.Float64)
    label = pl.when(stars > 3).then(1).when(stars < 3).then(0).otherwise(None)
    return frame.filter(stars.is_not_null()).with_columns(label.alias("label"))


def _hash(text: str) -> str:
    return hashlib.sha256(" ".join(_WORDS.findall(text.lower())).encode()).hexdigest()


def _shingles(text: str) -> Iterator[int]:
    words = _WORDS.findall(text.lower().replace("'", "").replace("’", ""))
    for start in range(max(1, len(words) - SHINGLE_WORDS + 1)):
        # Python seeds string hashes per process; within this call equal strings have equal hashes.
        yield hash(" ".join(words[start : start + SHINGLE_WORDS]))


def without_near_copies(texts: Sequence[str], splits: Sequence[str]) -> list[bool]:
    """Which texts to keep, in the given order.

    Dropped are texts that share a shingle with an earlier split (in the order test, validation, train) and, within test
    and validation, with an earlier text.
    """
    kept = [True] * len(texts)
    held_out: set[int] = set()
    for current in ("test", "validation", "train"):
        for index, (text, split) in enumerate(zip(texts, splits, strict=True)):
            if split != current:
                continue
            shingles = set(_shingles(text))
            if not shingles.isdisjoint(held_out):
                kept[index] = False
            elif split != "train":
                held_out |= shingles
    return kept
