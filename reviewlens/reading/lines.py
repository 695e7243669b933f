"""The base of the CSV and JSON Lines readers: splits a text stream into lines with bounded memory."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from reviewlens.contracts.encodings import encoding_label
from reviewlens.reading.records import Blank, Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import Text, human_size

RAW_CHARS = 65_536
"""Characters of a rejected row's raw text that are kept; its span locates the whole row."""


class Note(NamedTuple):
    """A repair of the item that follows; readers count notes by name."""

    name: str


Item = Record | Rejected | Blank | Note


class LineReader(ABC):
    """Yields blocks of items whose spans are contiguous.

    A line longer than `longest` is rejected without being kept in memory. `row` is 0 up to the end of the header: the
    `rows_above` it, or above the first review, and the `header_lines` of the header become a `Blank` each.
    """

    def __init__(
        self,
        text: Text,
        limits: ReadLimits,
        position: Position,
        *,
        rows_above: int = 0,
        header_lines: int = 0,
    ) -> None:
        self.text = text
        self.limits = limits
        self.offset = position.offset
        self.row = 0 if rows_above + header_lines and position.offset == 0 else position.row
        self._rows_above = rows_above
        self._header_lines = header_lines
        self.lookahead = 4 * limits.max_field_chars + (1 << 20)
        self.longest = 2 * self.lookahead

    def blocks(self) -> Iterator[list[Item]]:
        """Yield all items in file order."""
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
                lines.pop()  # incomplete, as is a line that ends with \r, because \n may follow
            items, used = self.parse(lines, buffer, final)
            if items:
                yield items
            buffer = buffer[used:]
            if len(buffer) > self.longest and not final and not lines:
                item, buffer, final = self._skip_long_line(buffer)
                yield [item]

    @abstractmethod
    def parse(self, lines: list[bytes], buffer: bytes, final: bool) -> tuple[list[Item], int]:
        """Parse the complete lines of `buffer`; returns the items and the number of bytes that they use.

        May leave lines for the next call unless `final`.
        """

    def next_row(self, row: int, *, blank: bool = False) -> int:
        """Return the number of the row after `row`; 0 as long as the header has not been read completely."""
        if row:
            return row if blank else row + 1
        if self._rows_above:
            self._rows_above -= 1
        elif not blank:
            self._header_lines -= 1
        return 0 if self._rows_above or self._header_lines else 1

    def reject(self, row: int, start: int, end: int, data: bytes, reason: str, explanation: str) -> Rejected:
        """Return a rejected row with the text `data`, in UTF-8 or the file's encoding."""
        return Rejected(row, start, end, reason, explanation, *self._raw(data))

    def _raw(self, data: bytes) -> tuple[str, str]:
        """Return a row's raw text, and its bytes in Base64 if they cannot be decoded; both cut to a limited length."""
        data = data.rstrip(b"\r\n")
        cut = data[: 4 * RAW_CHARS]
        try:
            text = cut.decode(self.text.codec, "strict" if len(cut) == len(data) else "ignore")
            return text[:RAW_CHARS].replace("\x00", ""), ""
        except UnicodeDecodeError:
            source = self.text.source_bytes(cut)[:RAW_CHARS]
            text = source.decode(self.text.encoding, "backslashreplace").replace("\x00", "\\x00")
            return text, base64.b64encode(source).decode()

    def fallback_text(self, data: bytes) -> str | None:
        """Return the text of bytes that the file's encoding cannot decode, by the fallback; None if both fail."""
        if self.text.fallback is None:
            return None
        try:
            return data.decode(self.text.fallback)
        except UnicodeDecodeError:
            return None

    def undecodable(self, row: int, start: int, end: int, data: bytes, error: UnicodeDecodeError) -> Rejected:
        """Return the rejection of a row that cannot be decoded."""
        byte = data[error.start : error.start + 1]
        fault = "a broken character"
        if byte and not self.text.wide:
            fault = f"the byte 0x{byte.hex().upper()} at place {error.start + 1:,} of the row"
        explanation = f"The row cannot be read as {encoding_name(self.text.encoding)}: it holds {fault}."
        return self.reject(row, start, end, data, "undecodable-bytes", explanation)

    def _skip_long_line(self, buffer: bytes) -> tuple[Item, bytes, bool]:
        """Reject a line over `longest` bytes; returns the rejection, the data after it, and whether the file ended."""
        head, start, size = buffer[: 4 * RAW_CHARS], self.offset, 0
        final = False
        while not final and b"\n" not in buffer and b"\r" not in buffer:
            size += self.text.source_size(buffer)
            buffer = self.text.read()
            final = not buffer
        cut = min((index + 1 for index in (buffer.find(b"\n"), buffer.find(b"\r")) if index >= 0), default=0)
        if cut and buffer[cut - 1] == 0x0D:
            if cut == len(buffer):
                buffer += self.text.read()
            cut += buffer[cut : cut + 1] == b"\n"
        self.offset = start + size + self.text.source_size(buffer[:cut])
        row, self.row = self.row, self.next_row(self.row)
        return self.too_long(row, start, self.offset, head), buffer[cut:], final

    def too_long(self, row: int, start: int, end: int, data: bytes) -> Item:
        """Return the rejection of a row over `longest` bytes; `data` is the start of the row."""
        if row == 0:
            return Blank(start, end, True)
        explanation = f"The row is longer than {human_size(self.longest)}, as if line ends were missing."
        return self.reject(row, start, end, data, "record-too-long", explanation)


def encoding_name(encoding: str) -> str:
    """Return an encoding's name for messages."""
    return f"{encoding_label(encoding).split(' (')[0]} text"
