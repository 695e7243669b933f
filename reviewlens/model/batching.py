"""Batches of texts of equal length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

PAD_MULTIPLE = 16


def padded_length(tokens: int, multiple: int = PAD_MULTIPLE) -> int:
    """The padded length of a text of `tokens` tokens; it does not depend on the other texts."""
    return max(multiple, -(-tokens // multiple) * multiple)


def length_buckets(
    lengths: Sequence[int], max_tokens: int = 2048, max_rows: int = 64
) -> Iterator[tuple[int, list[int]]]:
    """Yield (padded length, indices) for texts of these padded lengths, with one length and bounded tokens and rows per
    batch."""
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    start = 0
    while start < len(order):
        width = lengths[order[start]]
        rows = max(1, min(max_rows, max_tokens // width))
        end = start
        while end < len(order) and end - start < rows and lengths[order[end]] == width:
            end += 1
        yield width, order[start:end]
        start = end
