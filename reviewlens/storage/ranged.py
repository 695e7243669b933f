"""A file-like stream over a source that is read by byte ranges, such as an object over HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SPAN = 8 << 20
"""Bytes per request while a stream is read sequentially; also the size of the buffer in memory."""
_FIRST_SPAN = 256 << 10

ReadRange = Callable[[int, int], bytes]
"""Returns the bytes at an offset and length within the object."""


class RangedStream(io.RawIOBase):
    """A readable, seekable stream with constant memory; wrap it in io.BufferedReader.

    `head` holds the first bytes of the object. The request after a seek is small, and each sequential request after
    it is twice as large, up to SPAN.
    """

    def __init__(self, size: int, head: bytes, read_range: ReadRange) -> None:
        super().__init__()
        self._size = size
        self._read_range = read_range
        self._position = 0
        self._block, self._start = head, 0
        self._span = SPAN

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the offset without a request."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("negative offset")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read with at most one request; returns 0 at the end."""
        view = memoryview(buffer).cast("B")
        count = min(len(view), self._size - self._position)
        if count <= 0:
            return 0
        if not self._start <= self._position < self._start + len(self._block):
            self._load(count)
        offset = self._position - self._start
        piece = self._block[offset : offset + count]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _load(self, count: int) -> None:
        sequential = self._position == self._start + len(self._block)
        self._span = min(SPAN, 2 * self._span) if sequential else _FIRST_SPAN
        self._span = min(SPAN, max(self._span, count))
        self._block = b""  # free the old block first
        self._block = self._read_range(self._position, min(self._span, self._size - self._position))
        self._start = self._position
