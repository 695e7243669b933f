"""Splits data of any length into the parts of a multipart upload, with a few megabytes in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

CHUNK = 1 << 20
PART = 8 << 20
LARGE_PART = 64 << 20
SMALL_PARTS = 1000  # of the 10,000 parts that S3 allows; with 9,000 large ones an object can have 590 GB


def chunks(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data for an `ObjectStore.put` chunk by chunk."""
    if isinstance(data, bytes):
        yield from (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    elif hasattr(data, "read"):
        while chunk := data.read(CHUNK):
            yield chunk
    else:
        yield from data


def parts(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Yield at least one part; all but the last have PART bytes, or LARGE_PART after the first SMALL_PARTS."""
    buffer, number = bytearray(), 0
    for chunk in chunks(data):
        buffer += chunk
        while len(buffer) > (size := PART if number < SMALL_PARTS else LARGE_PART):
            yield bytes(buffer[:size])
            del buffer[:size]
            number += 1
    yield bytes(buffer)


def ranges(size: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield the offsets and lengths of the ranges of at most `step` bytes that cover `size` bytes."""
    return ((start, min(step, size - start)) for start in range(0, size, step))
