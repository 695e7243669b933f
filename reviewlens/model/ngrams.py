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

    def margins(self, tokens: Sequence[Sequence[int]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each text's uncalibrated margin, and the known share of its n-grams of two word pieces or more.

        Both have the shape (len(tokens),). A text's values depend on its own tokens only, to the last bit.
        """
        if not len(tokens):
            return np.zeros(0), np.zeros(0)
        texts = hashed(tokens)
        sums = np.zeros(int(texts.lengths.sum()), dtype=np.int64)
        known = np.zeros_like(sums)
        for order, (buckets, inside) in enumerate(texts.orders, start=1):
            weights = np.where(inside, self.weights[buckets], 0)
            sums += weights
            if order > 1:
                known += weights != 0
        sizes = texts.sizes()
        total = np.add.reduceat(sums, texts.starts) / np.sqrt(sizes)
        known_share = np.add.reduceat(known, texts.starts) / (sizes - texts.lengths)
        return (total + self.weights[BUCKETS]) / UNIT, known_share
