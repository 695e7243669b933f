"""Data of any length in the parts that a multipart upload takes, a few megabytes of it in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

CHUNK = 1 << 20
PART = 8 << 20
LARGE_PART = 64 << 20
SMALL_PARTS = 1000  # of the 10,000 that S3 takes; the rest are large, which makes 590 GB in all


def chunks(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """What an ObjectStore is given to write, as an iterator over bytes."""
    if isinstance(data, bytes):
        yield from (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    elif hasattr(data, "read"):
        while chunk := data.read(CHUNK):
            yield chunk
    else:
        yield from data


def parts(data: bytes | BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """At least one; all but the last are of PART bytes, from the thousandth on of LARGE_PART."""
    buffer, number = bytearray(), 0
    for chunk in chunks(data):
        buffer += chunk
        while len(buffer) > (size := PART if number < SMALL_PARTS else LARGE_PART):
            yield bytes(buffer[:size])
            del buffer[:size]
            number += 1
    yield bytes(buffer)


def ranges(size: int, step: int) -> Iterator[tuple[int, int]]:
    """Offsets and counts that make up `size` bytes, `step` at a time."""
    return ((start, min(step, size - start)) for start in range(0, size, step))
