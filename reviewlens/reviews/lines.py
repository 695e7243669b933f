"""Splitting a text stream into lines and turning them into items, at bounded memory; the base of the CSV and JSON Lines
readers.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from reviewlens.reviews.records import Blank, Position, ReadLimits, Record, Rejected
from reviewlens.reviews.sources import Text, human_size

RAW_CHARS = 65_536
"""How much of a rejected row's raw text is kept; its span tells where the whole is."""


class Note(NamedTuple):
    """Something that was mended in the item that follows; counted under its name."""

    name: str


Item = Record | Rejected | Blank | Note


class LineReader(ABC):
    """Yields blocks of items whose spans follow each other without a gap.

    A line longer than `longest` is rejected without being held in memory. `row` 0 stands for the header, which becomes
    a `Blank`.
    """

    def __init__(self, text: Text, limits: ReadLimits, position: Position, *, header: bool) -> None:
        self.text = text
        self.limits = limits
        self.offset = position.offset
        self.row = 0 if header and position.offset == 0 else position.row
        self.lookahead = 4 * limits.max_field_chars + (1 << 20)
        self.longest = 2 * self.lookahead

    def blocks(self) -> Iterator[list[Item]]:
        """All items, in file order."""
        if self.text.bom and self.offset == 0:
            self.offset = self.text.bom
            yield [Blank(0, self.text.bom, True)]
        buffer = b""
        final = False
        while not final:
            data = self.text.read()
            final = not data
            buffer = buffer + data if buffer else data
            lines = buffer.splitlines(keepends=True)
            if lines and not final and not lines[-1].endswith(b"\n"):
                lines.pop()  # not complete; nor is one that ends in \r, as \n may follow
            items, used = self.take(lines, buffer, final)
            if items:
                yield items
            buffer = buffer[used:]
            if len(buffer) > self.longest and not final and not lines:
                item, buffer, final = self._skip_giant(buffer)
                yield [item]

    @abstractmethod
    def take(self, lines: list[bytes], buffer: bytes, final: bool) -> tuple[list[Item], int]:
        """Items for the complete lines of `buffer`, and how many bytes of it they use; may leave lines for later unless
        `final`.
        """

    def reject(self, row: int, start: int, end: int, data: bytes, reason: str, explanation: str) -> Rejected:
        """A rejected row whose text in UTF-8 (or the file's encoding) is `data`."""
        text, encoded = self.raw(data)
        return Rejected(row, start, end, reason, explanation, text, encoded)

    def raw(self, data: bytes) -> tuple[str, str]:
        """A row's raw text, and its bytes in Base64 where it cannot be decoded; both cut to a length that is safe to
        keep.
        """
        data = data.rstrip(b"\r\n")
        cut = data[: 4 * RAW_CHARS]
        try:
            return cut.decode(self.text.codec, "strict" if len(cut) == len(data) else "ignore")[:RAW_CHARS].replace(
                "\x00", ""
            ), ""
        except UnicodeDecodeError:
            kept = self.text.undo(cut)[:RAW_CHARS]
            return kept.decode(self.text.encoding, "backslashreplace").replace("\x00", "\\x00"), base64.b64encode(
                kept
            ).decode()

    def undecodable(self, row: int, start: int, end: int, data: bytes, error: UnicodeDecodeError) -> Rejected:
        """The rejection of a row that is not text in the file's encoding."""
        found = self.text.undo(data[error.start : error.start + 1])[:2] if not self.text.wide else b""
        what = (
            f"the byte 0x{found.hex().upper()} at place {error.start + 1:,} of the row"
            if found
            else "a broken character"
        )
        explanation = f"The row cannot be read as {encoding_name(self.text.encoding)}: it holds {what}."
        return self.reject(row, start, end, data, "undecodable-bytes", explanation)

    def _skip_giant(self, buffer: bytes) -> tuple[Item, bytes, bool]:
        """Reject a line that does not end within `longest` bytes; returns what follows it and whether the file has
        ended.
        """
        head, start, size = buffer[: 4 * RAW_CHARS], self.offset, 0
        final = False
        while not final and b"\n" not in buffer and b"\r" not in buffer:
            size += self.text.measure(buffer)
            buffer = self.text.read()
            final = not buffer
        cut = min((place + 1 for place in (buffer.find(b"\n"), buffer.find(b"\r")) if place >= 0), default=0)
        if cut and buffer[cut - 1] == 0x0D:
            if cut == len(buffer):
                buffer += self.text.read()
            cut += buffer[cut : cut + 1] == b"\n"
        self.offset = start + size + self.text.measure(buffer[:cut])
        row, self.row = self.row, self.row + 1
        return self.too_long(row, start, self.offset, head), buffer[cut:], final

    def too_long(self, row: int, start: int, end: int, data: bytes) -> Item:
        """The rejection of a row over `longest`, of which `data` is the begin."""
        if row == 0:
            return Blank(start, end, True)
        explanation = f"The row is longer than {human_size(self.longest)}, as if line ends were missing."
        return self.reject(row, start, end, data, "record-too-long", explanation)


def encoding_name(encoding: str) -> str:
    """An encoding's name for people."""
    return {"cp1252": "Windows-1252 text"}.get(encoding, f"{encoding.upper()} text")
