"""Training batches under a token budget."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence

from reviewlens.model.batching import padded_length


class TokenBudgetBatches:
    """Batches of indices for one epoch: shuffled, sorted by length in chunks, of at most `max_tokens` padded tokens.

    The order depends on the seed and the epoch only, so a resumed training continues with the same batches. `apart`:
    indices that share no batch with the others.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        max_tokens: int,
        max_rows: int = 128,
        seed: int = 0,
        apart: Collection[int] = (),
    ) -> None:
        self._lengths = lengths
        self._apart = frozenset(apart)
        self._max_tokens = max_tokens
        self._max_rows = max_rows
        self._seed = seed
        self._epoch = 0
        self._cached: tuple[int, list[list[int]]] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        yield from self._batches()

    def _batches(self) -> list[list[int]]:
        if self._cached is None or self._cached[0] != self._epoch:
            self._cached = (self._epoch, self._cut(random.Random(f"{self._seed}/{self._epoch}")))
        return self._cached[1]

    def _cut(self, rng: random.Random) -> list[list[int]]:
        order = list(range(len(self._lengths)))
        rng.shuffle(order)
        chunk = 50 * self._max_rows
        batches: list[list[int]] = []
        for start in range(0, len(order), chunk):
            batch: list[int] = []
            for index in sorted(order[start : start + chunk], key=lambda i: (i in self._apart, self._lengths[i])):
                # Sorted by length, so the newest text is the longest and sets the padded width.
                width = padded_length(self._lengths[index], 8)
                full = (len(batch) + 1) * width > self._max_tokens or len(batch) >= self._max_rows
                if batch and (full or (index in self._apart) != (batch[0] in self._apart)):
                    batches.append(batch)
                    batch = []
                batch.append(index)
            batches.append(batch)
        rng.shuffle(batches)
        return batches
