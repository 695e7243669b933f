"""The first stage of a cascade: a linear model over hashed n-grams of word pieces, far cheaper than a transformer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reviewlens.errors import ConfigurationError

LONGEST = 3
"""Word pieces in the longest n-gram."""

_BITS = 20
BUCKETS = 1 << _BITS
"""Number of hash buckets for all n-grams; one more weight, the last, is the intercept."""

UNIT = 256.0
"""Weights are integers in multiples of 1/UNIT: their sums are the same in any order, on any processor."""

MOST_REPEATED = 0.05
"""Largest share of repeated n-grams of two word pieces or more in a text that the model can judge; 75 % of the texts of
the corpus have less. The sum counts every repetition, so that 32 question marks outvote all words before them."""

PARTS = 3
MOST_AGAINST = 0.01
"""No such part of a text may lean against the whole by more than this share of the whole sum: pasted praise
does not outvote a complaint."""

_BOUNDARY = 0xFFFF_FFFF
_GROW = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX = np.uint64(0xD6E8_FEB8_6659_FD93)


@dataclass(frozen=True)
class HashedTexts:
    """N-grams of several texts in one sequence of positions.

    `starts`, `lengths`: of the texts. `orders`: for each n (1 to LONGEST), the bucket of the n-gram that starts at a
    position, and whether it ends within its text; both (positions,).
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    orders: list[tuple[NDArray[np.int64], NDArray[np.bool_]]]

    def sizes(self) -> NDArray[np.int64]:
        """Number of n-grams of each text, shape (texts,)."""
        return np.asarray(sum(np.maximum(self.lengths - order, 0) for order in range(LONGEST)), dtype=np.int64)


def hashed(tokens: Sequence[Sequence[int]]) -> HashedTexts:
    """The n-grams of texts as token ids. A marker before and after each text distinguishes its first and last words.

    No n-gram spans two texts.
    """
    lengths = np.fromiter((len(ids) + 2 for ids in tokens), dtype=np.int64, count=len(tokens))
    ends = np.cumsum(lengths)
    starts = ends - lengths
    positions = int(ends[-1]) if len(ends) else 0
    sequence = np.full(positions, _BOUNDARY, dtype=np.uint64)
    within = np.ones(positions, dtype=np.bool_)
    within[starts] = within[ends - 1] = False
    sequence[within] = np.fromiter(chain.from_iterable(tokens), dtype=np.uint64, count=positions - 2 * len(tokens))
    left = np.repeat(ends, lengths) - np.arange(positions)
    return HashedTexts(starts, lengths, list(_orders(sequence, left)))


def _orders(
    sequence: NDArray[np.uint64], left: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    rolling = np.zeros(len(sequence), dtype=np.uint64)
    for order in range(1, LONGEST + 1):
        shifted = np.zeros_like(sequence)
        shifted[: max(0, len(sequence) - order + 1)] = sequence[order - 1 :]
        rolling = (rolling + shifted + np.uint64(order)) * _GROW  # overflow is intended
        mixed = (rolling ^ (rolling >> np.uint64(31))) * _MIX
        yield (mixed >> np.uint64(64 - _BITS)).astype(np.int64), left >= order


@dataclass(frozen=True)
class NgramReading:
    """What the n-grams say of each of n texts; every field has the shape (n,).

    `margins`: uncalibrated. `known`: the known share of a text's n-grams of two word pieces or more. `plain`: the text
    does not repeat itself (MOST_REPEATED), and no part of it leans against the whole (PARTS).
    """

    margins: NDArray[np.float64]
    known: NDArray[np.float64]
    plain: NDArray[np.bool_]

    def may_answer(self, least_known: float) -> NDArray[np.bool_]:
        """Which texts are like those that the model was fitted on, so that its margins can be trusted."""
        return (self.known >= least_known) & self.plain


class NgramModel:
    """Weights of the buckets, int16 in multiples of 1/UNIT, shape (BUCKETS + 1,); 0 for an unknown n-gram."""

    def __init__(self, weights: NDArray[np.int16]) -> None:
        if weights.shape != (BUCKETS + 1,) or weights.dtype != np.int16:
            raise ConfigurationError("The n-gram weights of this bundle have the wrong shape.", code="bad-bundle")
        self.weights = weights

    @classmethod
    def open(cls, path: Path) -> NgramModel:
        """Read a .npy file without pickled objects; ConfigurationError (code `bad-bundle`) for anything else."""
        try:
            return cls(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise ConfigurationError(f"{path.name} of this bundle cannot be read.", code="bad-bundle") from error

    def save(self, path: Path) -> None:
        """Write the file that `open` reads."""
        with path.open("wb") as file:
            np.save(file, self.weights, allow_pickle=False)

    def read(self, tokens: Sequence[Sequence[int]]) -> NgramReading:
        """What the n-grams say of texts as token ids. A text's values depend on its own tokens alone, to the bit."""
        if not len(tokens):
            return NgramReading(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.bool_))
        texts = hashed(tokens)
        sums = np.zeros(int(texts.lengths.sum()), dtype=np.int64)
        known = np.zeros_like(sums)
        for order, (buckets, inside) in enumerate(texts.orders, start=1):
            weights = np.where(inside, self.weights[buckets], 0)
            sums += weights
            if order > 1:
                known += weights != 0
        sizes = texts.sizes()
        totals = np.add.reduceat(sums, texts.starts)
        longer = sizes - texts.lengths
        return NgramReading(
            margins=(totals / np.sqrt(sizes) + self.weights[BUCKETS]) / UNIT,
            known=np.add.reduceat(known, texts.starts) / longer,
            plain=(_repeated(texts) <= MOST_REPEATED * longer) & _agree(sums, texts, totals),
        )


def _repeated(texts: HashedTexts) -> NDArray[np.int64]:
    """Number of n-grams of two word pieces or more that occur earlier in their text, shape (texts,)."""
    owner = np.repeat(np.arange(len(texts.starts)), texts.lengths)
    repeated = np.zeros(len(texts.starts), dtype=np.int64)
    for buckets, inside in texts.orders[1:]:
        keys = np.sort((owner[inside] << _BITS) | buckets[inside])
        again = keys[1:][keys[1:] == keys[:-1]] >> _BITS
        repeated += np.bincount(again, minlength=len(repeated))
    return repeated


def _agree(sums: NDArray[np.int64], texts: HashedTexts, totals: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether no part of a text leans against the whole; `sums`: weights by position. Shape (texts,)."""
    cumulated = np.concatenate([[0], np.cumsum(sums)])
    borders = texts.starts[:, None] + texts.lengths[:, None] * np.arange(PARTS + 1) // PARTS
    parts = np.diff(cumulated[borders], axis=1) * np.sign(totals)[:, None]
    return np.asarray((parts >= -MOST_AGAINST * np.abs(totals)[:, None]).all(axis=1), dtype=np.bool_)
