"""A file-like stream over something that is read by ranges of bytes, such as an object over HTTP."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SPAN = 8 << 20
"""Bytes of one request while a stream is read from front to back; also what it holds in memory."""
_FIRST_SPAN = 256 << 10

ReadRange = Callable[[int, int], bytes]
"""From an offset and a count, which lie within the object, to its bytes there."""


class RangedStream(io.RawIOBase):
    """Readable and seekable, at constant memory; wrap it in io.BufferedReader.

    `head` are the object's first bytes, already at hand. A jump is followed by a small request, and each request that
    goes on where the last one ended is twice as large, up to SPAN.
    """

    def __init__(self, size: int, head: bytes, read_range: ReadRange) -> None:
        super().__init__()
        self._size = size
        self._read_range = read_range
        self._position = 0
        self._block, self._start = head, 0
        self._span = SPAN

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Nothing is requested before the next read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """At most one request; 0 at the end."""
        view = memoryview(buffer).cast("B")
        count = min(len(view), self._size - self._position)
        if count <= 0:
            return 0
        if not self._start <= self._position < self._start + len(self._block):
            self._load(count)
        at = self._position - self._start
        piece = self._block[at : at + count]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _load(self, wanted: int) -> None:
        goes_on = self._position == self._start + len(self._block)
        self._span = min(SPAN, 2 * self._span) if goes_on else _FIRST_SPAN
        self._span = min(SPAN, max(self._span, wanted))
        self._block = b""  # never two in memory
        self._block = self._read_range(self._position, min(self._span, self._size - self._position))
        self._start = self._position
