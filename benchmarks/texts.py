"""The texts that a benchmark runs on: a labelled file's, or made ones of the lengths that reviews have."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from reviewlens.reviews.cleaning import clean_text
from reviewlens.training.corpus import labelled_frame

_OPENINGS = (
    "I bought this {thing} for my {person}.",
    "The {thing} arrived on {day}.",
    "This is my {number}th {thing}.",
    "We have used the {thing} for {number} weeks now.",
)
_SENTENCES = (
    "The {part} is better than I thought it would be and my {person} likes it too.",
    "Sadly the {part} stopped working after {number} days, and the shop has not answered yet.",
    "It does what it should, no more and no less.",
    "I would not buy it again, because the {part} feels cheap and makes a noise.",
    "For {number} dollars you cannot ask for more, and the {part} looks really nice.",
    "Setting it up took {number} minutes, most of it spent looking for the {part}.",
    "My old {thing} was louder, heavier and cost twice as much.",
    "Great value!",
    "Not recommended.",
    "If you need a {thing} with a good {part}, look no further than this one; mine has been in use every {day}.",
)
_WORDS = {
    "thing": ("kettle", "phone", "tent", "lamp", "blender", "pair of boots", "keyboard", "novel", "suitcase"),
    "person": ("mother", "son", "neighbour", "wife", "office", "best friend"),
    "part": ("battery", "handle", "screen", "lid", "zip", "cover", "manual", "button", "colour"),
    "day": ("Monday", "Friday", "Sunday", "the day before my birthday"),
}


@dataclass(frozen=True)
class Texts:
    """Distinct cleaned texts; `labels`: 1 positive, 0 negative, of each text, or None where none are known."""

    texts: tuple[str, ...]
    labels: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def like(self, count: int) -> Texts:
        """So many of them with the same spread of lengths, in their own order: evenly spaced when sorted by length."""
        if count >= len(self):
            return self
        by_length = sorted(range(len(self)), key=lambda index: (len(self.texts[index]), index))
        kept = sorted(by_length[int((place + 0.5) * len(self) / count)] for place in range(count))
        labels = tuple(self.labels[index] for index in kept) if self.labels else None
        return Texts(tuple(self.texts[index] for index in kept), labels)

    def accuracy(self, positive: Sequence[bool]) -> float | None:
        """The share of labels that these predictions match; None without labels."""
        if self.labels is None:
            return None
        hits = sum(bool(label) == bool(verdict) for label, verdict in zip(self.labels, positive, strict=True))
        return hits / len(self)


def made_texts(count: int, seed: int = 11) -> Texts:
    """Distinct generated texts with log-normal lengths: median about 55 tokens, mean about 78, as in real reviews."""
    rng = random.Random(seed)
    texts = []
    for index in range(count):
        wanted = min(400, max(3, round(math.exp(rng.gauss(math.log(48), 0.85)))))
        parts = [_filled(rng.choice(_OPENINGS), rng)]
        while sum(len(part.split()) for part in parts) < wanted:
            parts.append(_filled(rng.choice(_SENTENCES), rng))
        words = " ".join(parts).split()[:wanted]
        texts.append(" ".join([*words, f"#{index}"]))
    return Texts(tuple(texts))


def read_texts(path: Path, rows: int, split: str = "", seed: int = 11) -> Texts:
    """Distinct cleaned texts of a CSV or Parquet file, drawn at random, with labels if the file has them.

    `split`: only rows with this value in the `split` column. Three-star rows of a labelled file are left out.
    """
    columns = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path, infer_schema_length=10_000)
    labelled = bool({"label", "rating"} & set(columns.collect_schema().names()))
    frame = labelled_frame(path) if labelled else columns.collect()
    if split:
        frame = frame.filter(pl.col("split") == split)
    if labelled:
        frame = frame.filter(pl.col("label").is_not_null())
    frame = frame.unique("text", keep="first", maintain_order=True).sample(fraction=1.0, shuffle=True, seed=seed)
    labels: dict[str, int] = {}
    # Cleaning is slow: only as many texts as needed.
    for text, label in zip(frame["text"], frame["label"] if labelled else [0] * len(frame), strict=True):
        if len(labels) == rows:
            break
        if cleaned := clean_text(text):
            labels.setdefault(cleaned, int(label))
    return Texts(tuple(labels), tuple(labels.values()) if labelled else None)


def _filled(sentence: str, rng: random.Random) -> str:
    return sentence.format(number=rng.randint(2, 90), **{name: rng.choice(words) for name, words in _WORDS.items()})
