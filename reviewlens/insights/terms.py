"""The words and phrases (1 to 3 words) in a sample of the reviews; identical texts count once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from reviewlens.insights.filters import is_positive
from reviewlens.insights.words import NEGATIONS, NUMBERS, STOP_WORDS, WORD_OR_BREAK, full_text

SAMPLE = 40_000
MAX_WORDS = 3
MAX_TEXT = 20_000
_ID_BITS = 21  # three of them fill a 63-bit number

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """Distinct texts: `frame` has text, positive, date, product and weight (its rows); `rows`: sum of weights."""

    frame: pl.DataFrame
    rows: int
    sampled: bool


@dataclass(frozen=True)
class Occurrences:
    """Each pair of (`doc`, `term`) once; `terms[i]` is a term's text, `words[i]` its number of words."""

    terms: list[str]
    words: Ints
    doc: Ints
    term: Ints

    def count(self, weights: npt.NDArray[Any]) -> Ints:
        """For each term, the sum of the weights of the texts that contain it; True weighs 1."""
        summed = np.bincount(self.term, weights=weights[self.doc].astype(np.float64), minlength=len(self.terms))
        return summed.round().astype(np.int64)


def take_sample(rows: pl.LazyFrame, shown: int, size: int = SAMPLE) -> Sample:
    """About `size` of the `shown` rows, chosen by a hash of the row number, so that the sample is always the same."""
    sampled = shown > size
    if sampled:
        spread = (pl.col("_row").cast(pl.UInt64) * 2_654_435_761) % 2**32
        rows = rows.filter(spread < int(size / shown * 2**32))
    frame = (
        rows.select(
            key=pl.coalesce("_duplicate_of", "_row"),
            text=full_text().str.head(MAX_TEXT),
            positive=is_positive(),
            date="_date",
            product="_product",
            row="_row",
        )
        .sort("row")
        .group_by("key", maintain_order=True)
        .agg(pl.col("text", "positive").first(), pl.col("date", "product").drop_nulls().first(), weight=pl.len())
        .drop("key")
        .collect()
    )
    return Sample(frame, int(frame["weight"].sum()), sampled)


def find_terms(texts: pl.Series, least: int) -> Occurrences:
    """All terms that occur in at least `least` texts and mean something by themselves.

    A term does not begin or end with a stop word, does not end in a negation, has a word that is neither a number nor a
    negation, and lies within one sentence.
    """
    tokens = (
        pl.DataFrame({"text": texts})
        .with_row_index("doc")
        .select(
            pl.col("doc").cast(pl.Int64),
            word=pl.col("text")
            .fill_null("")
            .str.to_lowercase()
            .str.replace_all("’", "'")
            .str.extract_all(WORD_OR_BREAK),
        )
        .explode("word", empty_as_null=False)
    )
    vocabulary = tokens.select("word").unique(maintain_order=True).head(2**_ID_BITS - 1).with_row_index("id", offset=1)
    ids = (
        tokens.join(vocabulary, on="word", how="left", maintain_order="left")["id"]
        .fill_null(0)
        .cast(pl.Int64)
        .to_numpy()
    )
    doc = tokens["doc"].to_numpy()
    names = ["", *vocabulary["word"].to_list()]
    is_word = np.array([name[:1].isalnum() or name[:1] == "_" for name in names])
    stop = np.array([name in STOP_WORDS for name in names])
    negation = np.array([name in NEGATIONS for name in names])
    bare = np.array([name.isdigit() or name in NUMBERS for name in names])
    opens, closes = is_word & ~stop, is_word & ~stop & ~negation

    all_terms: list[str] = []
    sizes: list[int] = []
    found_docs: list[Ints] = []
    found_terms: list[Ints] = []
    for size in range(1, MAX_WORDS + 1):
        at = _starts(ids, doc, size, is_word=is_word, opens=opens, closes=closes, hollow=negation | bare)
        codes = np.zeros(len(at), dtype=np.int64)
        for offset in range(size):
            codes = (codes << _ID_BITS) | ids[at + offset]
        pairs = pl.DataFrame({"code": codes, "doc": doc[at]}).unique(maintain_order=True)
        kept = pairs.filter(pl.len().over("code") >= least)
        terms = kept.select("code").unique(maintain_order=True).with_row_index("term", offset=len(all_terms))
        kept = kept.join(terms, on="code", how="left", maintain_order="left")
        found_docs.append(kept["doc"].to_numpy().astype(np.int64))
        found_terms.append(kept["term"].to_numpy().astype(np.int64))
        all_terms += [_name(code, size, names) for code in terms["code"].to_list()]
        sizes += [size] * terms.height
    return Occurrences(
        all_terms, np.array(sizes, dtype=np.int64), np.concatenate(found_docs), np.concatenate(found_terms)
    )


def _starts(ids: Ints, doc: Ints, size: int, *, is_word: Bools, opens: Bools, closes: Bools, hollow: Bools) -> Ints:
    """Positions where a term of `size` words begins: in one text, words only, valid ends, and not all words hollow."""
    count = max(0, len(ids) - size + 1)
    last = ids[size - 1 : size - 1 + count]
    fits = opens[ids[:count]] & closes[last] & (doc[:count] == doc[size - 1 : size - 1 + count])
    solid = np.zeros(count, dtype=np.bool_)
    for offset in range(size):
        part = ids[offset : offset + count]
        fits &= is_word[part]
        solid |= ~hollow[part]
    starts: Ints = np.flatnonzero(fits & solid).astype(np.int64)
    return starts


def _name(code: int, size: int, names: list[str]) -> str:
    mask = 2**_ID_BITS - 1
    return " ".join(names[(code >> (_ID_BITS * (size - 1 - place))) & mask] for place in range(size))


def without_echoes(order: list[int], occurrences: Occurrences, limit: int) -> list[int]:
    """The first `limit` terms of `order` without echoes: terms that repeat a better one, as 'waste' 'waste of money'.

    A longer phrase replaces its listed part if it occurs in nearly all reviews with that part; otherwise it is an echo.
    A term that occurs in nearly the same reviews as a listed one is an echo too.
    """
    kept: list[int] = []
    reviews: list[Ints] = []
    by_term = np.argsort(occurrences.term, kind="stable")
    edges = np.searchsorted(occurrences.term[by_term], np.arange(len(occurrences.terms) + 1))
    for index in order:
        held_by = occurrences.doc[by_term[edges[index] : edges[index + 1]]]
        echoes = [
            place for place, other in enumerate(kept) if _within(occurrences.terms[index], occurrences.terms[other])
        ]
        if echoes:
            longer = all(occurrences.words[index] > occurrences.words[kept[place]] for place in echoes)
            if longer and all(len(held_by) >= 0.6 * len(reviews[place]) for place in echoes):
                kept[echoes[0]], reviews[echoes[0]] = index, held_by
                for place in reversed(echoes[1:]):
                    del kept[place], reviews[place]
        elif all(_overlap(held_by, others) < 0.8 for others in reviews):
            if len(kept) == limit:
                break
            kept.append(index)
            reviews.append(held_by)
    # A phrase that replaced its part may occur in nearly the same reviews as another term.
    return [
        index
        for place, index in enumerate(kept)
        if all(_overlap(reviews[place], others) < 0.8 for others in reviews[:place])
    ]


def _within(one: str, other: str) -> bool:
    return f" {one} " in f" {other} " or f" {other} " in f" {one} "


def _overlap(one: Ints, other: Ints) -> float:
    """Share of reviews with both terms among those with either."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)
