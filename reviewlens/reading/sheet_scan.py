"""Looks through an XLSX workbook's XML before it is parsed: how large its tables would be, and what lies far outside.

The parser builds the whole rectangle around a sheet's cells. The patterns here match what spreadsheet programs write; a
workbook that is written to evade them meets the limits of the process that parses it.
"""

from __future__ import annotations

import re
import zipfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import IO, BinaryIO

from reviewlens.errors import LimitError
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.sources import human_size

FREE_CELLS = 1 << 22
"""A sheet's rectangle may always have this many cells, empty ones included."""
MAX_TEXT_BYTES = 500_000_000
"""The most text that the cells of a sheet may hold together; a shared string counts at each use."""
STRINGS = "xl/sharedStrings.xml"
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_FREE_MERGES = 1000
_GAP = 50  # empty columns between a table and what is no part of it
_STRAY_SHARE = 0.1  # of the table's cells; more are a table of their own
_CHUNK = 1 << 20
_MAX_BLOCK = 1 << 22
_STRING_MARKUP = len("<si><t></t></si>")

_CELL_STARTS = (b"<c ", b":c ")
_STRING_STARTS = (b"<si", b":si")
_COLUMN = re.compile(rb' r=["\']([A-Z]{1,3})[0-9]')
_ROW = re.compile(rb' r=["\'][A-Z]{1,3}([0-9]{1,7})["\']')
_SHARED = re.compile(rb'\st=["\']s["\'][^<>]*><(?:\w+:)?v>([0-9]{1,9})<')
_STRING = re.compile(rb"<(?:\w+:)?si\b")
_FAR_CELL = re.compile(rb'<((?:\w+:)?)c\s[^<>]*?\br=["\']([A-Z]{2,3})[0-9]+["\'][^<>]*?(?:/>|>.*?</\1c>)', re.DOTALL)


def is_sheet(part: str) -> bool:
    """Whether a part of the archive holds a sheet."""
    return _SHEET.fullmatch(part) is not None


@dataclass
class SheetFacts:
    """What one sheet's XML holds. `columns`: cells by column, counted from 0."""

    cells: int = 0
    merges: int = 0
    last_row: int = 0
    columns: Counter[int] = field(default_factory=Counter)

    @property
    def stray_from(self) -> int | None:
        """The first column right of a gap, if the few cells there cannot be a table; None if all are the table's."""
        table = 0
        for left, right in pairwise(sorted(self.columns)):
            table += self.columns[left]
            if right - left > _GAP:
                return right if self.cells - table <= _STRAY_SHARE * table else None
        return None

    @property
    def width(self) -> int:
        """Columns of the table."""
        stray = self.stray_from
        return max((column for column in self.columns if stray is None or column < stray), default=-1) + 1


def scan_sheet(pieces: Iterable[bytes], limits: ReadLimits) -> SheetFacts:
    """Count what a sheet's XML holds. Errors: LimitError for a rectangle or merged ranges out of proportion."""
    facts = SheetFacts()
    letters: Counter[bytes] = Counter()
    for block in _blocks(pieces, _CELL_STARTS):
        letters.update(_COLUMN.findall(block))
        facts.merges += block.count(b"mergeCell ")
        last = _ROW.search(block, max(block.rfind(b' r="'), block.rfind(b" r='"), 0))
        facts.last_row = max(facts.last_row, int(last[1]) if last else 0)
    facts.columns = Counter({column_number(name): count for name, count in letters.items()})
    facts.cells = letters.total()
    if facts.merges > max(_FREE_MERGES, facts.cells):
        raise LimitError(
            "A sheet of the workbook has more merged ranges than cells, as malicious files do. Save it as CSV.",
            code="too-many-merged-ranges",
        )
    if facts.last_row * facts.width > max(FREE_CELLS, limits.max_compression_ratio * facts.cells):
        raise LimitError(
            f"A sheet of the workbook has cells so far apart that its table would have {facts.last_row:,} rows and"
            f" {facts.width:,} columns, almost all of them empty. Delete the cells outside of the table, or save it as"
            " CSV.",
            code="sheet-too-large",
            details={"limit": "max_compression_ratio", "allowed": limits.max_compression_ratio},
        )
    return facts


def check_text(archive: zipfile.ZipFile, sheets: dict[str, SheetFacts]) -> None:
    """Check how much text the cells of each sheet would hold. Errors: LimitError `too-much-text`."""
    if STRINGS not in archive.namelist():
        return
    lengths = _string_lengths(archive)
    longest = max(lengths, default=0)
    for part, facts in sheets.items():
        if facts.cells * longest <= MAX_TEXT_BYTES:
            continue
        uses: Counter[bytes] = Counter()
        with archive.open(part) as stream:
            for block in _blocks(read_pieces(stream), _CELL_STARTS):
                uses.update(_SHARED.findall(block))
        total = sum(lengths[int(index)] * count for index, count in uses.items() if int(index) < len(lengths))
        if total > MAX_TEXT_BYTES:
            raise LimitError(
                f"The cells of a sheet hold {human_size(total)} of text; at most {human_size(MAX_TEXT_BYTES)} are"
                " allowed in a sheet. Save it as CSV.",
                code="too-much-text",
                details={"allowed": MAX_TEXT_BYTES, "actual": total},
            )


def without_strays(source: BinaryIO, sheets: dict[str, SheetFacts]) -> BinaryIO:
    """A copy of the workbook in memory without the cells far right of its tables."""
    copy = BytesIO()
    with (
        zipfile.ZipFile(source) as archive,
        zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
    ):
        for part in archive.infolist():
            stray = sheets[part.filename].stray_from if part.filename in sheets else None
            with archive.open(part) as stream, target.open(part.filename, "w", force_zip64=True) as out:
                pieces = read_pieces(stream)
                for piece in pieces if stray is None else _near_cells(pieces, stray):
                    out.write(piece)
    copy.seek(0)
    return copy


def read_pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a stream, 1 MiB at a time."""
    while piece := stream.read(_CHUNK):
        yield piece


def column_number(letters: bytes) -> int:
    """The number of a column from 0: AA is 26."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number - 1


def column_letters(number: int) -> str:
    """The name of a column that is counted from 0."""
    letters = ""
    while number >= 0:
        letters = chr(65 + number % 26) + letters
        number = number // 26 - 1
    return letters


def _blocks(pieces: Iterable[bytes], starts: tuple[bytes, ...]) -> Iterator[bytes]:
    """The same bytes in blocks that end before an element with one of these starts, or at least before a tag."""
    carry = b""
    for piece in pieces:
        block = carry + piece
        cut = block.rfind(b"<", 0, max(block.rfind(start) for start in starts) + 1)
        if cut <= 0:
            cut = max(block.rfind(b"<"), 0) if len(block) < _MAX_BLOCK else len(block)
        yield block[:cut]
        carry = block[cut:]
    yield carry


def _near_cells(pieces: Iterable[bytes], stray_from: int) -> Iterator[bytes]:
    def keep(match: re.Match[bytes]) -> bytes:
        return b"" if column_number(match[2]) >= stray_from else match[0]

    for block in _blocks(pieces, _CELL_STARTS):
        yield _FAR_CELL.sub(keep, block)


def _string_lengths(archive: zipfile.ZipFile) -> array[int]:
    lengths = array("q")
    with archive.open(STRINGS) as stream:
        for block in _blocks(read_pieces(stream), _STRING_STARTS):
            starts = [match.start() for match in _STRING.finditer(block)]
            if lengths:
                lengths[-1] += starts[0] if starts else len(block)
            lengths.extend(right - left - _STRING_MARKUP for left, right in pairwise([*starts, len(block)]))
    return lengths
