"""The reader for workbooks (XLSX, XLSB, XLS and ODS): sheets as tables, with cells as Excel shows them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
    ZipError,
)

from reviewlens.contracts.tables import Dialect, FileFormat
from reviewlens.errors import InputError
from reviewlens.reading.lines import RAW_CHARS, Item, Note
from reviewlens.reading.outline import SummaryRows, join_headings
from reviewlens.reading.records import Blank, Position, ReadLimits, Record, Rejected
from reviewlens.reading.sheet_scan import column_letters, without_strays
from reviewlens.reading.workbook_checks import OLE2, check_archive, damaged, is_locked, locked_workbook

Cell = int | float | str | bool | time | date | datetime | timedelta | None

SHEET_COLUMN = "sheet"
"""Header of the column with the name of the sheet, where several are read as one."""
_HEADER_SEARCH_ROWS = 50  # rows in which the header of a further sheet is looked for


class Workbook:
    """An open workbook. Every sheet is parsed when its rows are read.

    The few cells that some workbooks have far right of their tables are not read; `stray_column` is the first column
    with such cells.
    Errors: InputError for a damaged or protected workbook, LimitError for `max_unpacked_bytes` and
    `max_compression_ratio`.
    """

    def __init__(self, source: BinaryIO, limits: ReadLimits) -> None:
        self._max_columns = limits.max_columns
        self._format = FileFormat.XLS
        self.stray_column = ""
        head = source.read(len(OLE2))
        source.seek(0)
        if not head.startswith(OLE2):
            self._format, sheets = check_archive(source, limits)
            strays = [facts.stray_from for facts in sheets.values() if facts.stray_from is not None]
            if strays:
                self.stray_column = column_letters(min(strays))
                source = without_strays(source, sheets)
        elif is_locked(source):
            raise locked_workbook()
        with self._errors():
            self._book = CalamineWorkbook.from_filelike(source)
            self._metadata = [sheet for sheet in self._book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]

    @property
    def names(self) -> list[str]:
        """The names of all sheets with cells, in order."""
        return [sheet.name for sheet in self._metadata]

    def is_hidden(self, name: str) -> bool:
        """Whether the workbook hides a sheet."""
        return any(sheet.name == name and sheet.visible != SheetVisibleEnum.Visible for sheet in self._metadata)

    def rows(self, name: str | None) -> list[list[str]]:
        """Return all rows of a sheet (None: of the first) as text, from row 1 on; a row without content is an empty
        list. A merged cell has its value in each of its rows that have other cells."""
        if name is not None and name not in self.names:
            listed = ", ".join(f"“{sheet}”" for sheet in self.names[:20])
            raise InputError(f"The workbook has no sheet “{name}”. It has {listed}.", code="no-such-sheet")
        with self._errors():
            sheet = self._book.get_sheet_by_index(0) if name is None else self._book.get_sheet_by_name(name)
            before = [""] * (sheet.start[1] if sheet.start else 0)
            # One column more than the limit is kept for the error about too many columns.
            most = max(0, self._max_columns + 1 - len(before))
            rows = [before + fields if (fields := _trimmed(row)[:most]) else [] for row in sheet.iter_rows()]
            _carry_down(rows, sheet.merged_cell_ranges or [])
        return rows

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except PasswordError as error:
            raise locked_workbook() from error
        except (CalamineError, ZipError, OSError, IndexError, ValueError) as error:
            raise damaged(self._format) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # how Rust's panics arrive; the class cannot be imported
                raise
            raise damaged(self._format) from error


def _carry_down(rows: list[list[str]], ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    """Copy the value of each merged cell into its rows below that have content of their own."""
    cells = sum(map(len, rows)) + len(rows)
    for (top, column), (bottom, _) in ranges:
        below = rows[top + 1 : bottom + 1]
        cells -= len(below)
        if cells < 0:
            raise ValueError("merged cells overlap")
        if not below or column >= len(rows[top]):
            continue
        for row in below:
            if row:
                row.extend([""] * (column + 1 - len(row)))
                row[column] = row[column] or rows[top][column]


@dataclass
class Table:
    """The rows of one or more sheets with the same columns.

    `rows`: those of all sheets, one sheet after the other, as `Workbook.rows` returns them. `columns`: the names, with
    '' for further columns. `header`: the header row, None without one. `headings`: offsets of the rows with content up
    to the end of each header. `starts`: the offset of the first row of each sheet, and its name; empty for one sheet.
    Of several sheets, the last column has the name of the sheet, which is not in `rows`.
    """

    rows: list[list[str]]
    columns: list[str]
    header: list[str] | None
    headings: set[int]
    starts: list[tuple[int, str]]


def read_table(source: BinaryIO, dialect: Dialect, limits: ReadLimits) -> Table:
    """Read the sheets that a dialect names, or the first sheet."""
    workbook = Workbook(source, limits)
    rows: list[list[str]] = []
    headings: set[int] = set()
    header: list[str] | None = None
    columns: list[str] = []
    starts: list[tuple[int, str]] = []
    several = isinstance(dialect.sheet, tuple) and len(dialect.sheet) > 1
    for name in dialect.sheet if isinstance(dialect.sheet, tuple) else (dialect.sheet,):
        sheet = workbook.rows(name)
        if several and name is not None:
            starts.append((len(rows), name))
        filled = [offset for offset, row in enumerate(sheet) if row]
        if dialect.header and filled:
            if header is None:
                first = next(
                    (index for index, offset in enumerate(filled) if offset + 1 >= (dialect.header_row or 1)), 0
                )
                header = sheet[filled[first]]
                columns = join_headings([sheet[offset] for offset in filled[first : first + dialect.header_lines]])
            else:
                first = _same_header(sheet, filled, header, name)
            headings.update(len(rows) + offset for offset in filled[: first + dialect.header_lines])
        elif not dialect.header:
            headings.update(len(rows) + offset for offset in filled if offset < dialect.title_rows)
        rows += sheet
    width = max((len(row) for offset, row in enumerate(rows) if offset not in headings), default=0)
    names = [column.replace("\x00", "") for column in columns]
    names += [""] * (width - len(names)) + [SHEET_COLUMN] * several
    return Table(rows, names, header, headings, starts)


def same_columns(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether two headers have the same names in the same order, apart from case and empty columns at the end."""
    return _plain(left) == _plain(right)


def _plain(header: Sequence[str]) -> list[str]:
    names = [" ".join(name.split()).casefold() for name in header]
    while names and not names[-1]:
        names.pop()
    return names


def _same_header(sheet: list[list[str]], filled: list[int], header: list[str], name: str | None) -> int:
    for index, offset in enumerate(filled[:_HEADER_SEARCH_ROWS]):
        if same_columns(sheet[offset], header):
            return index
    raise InputError(
        f"The sheet “{name}” does not have the columns of the first one. Choose sheets with the same columns.",
        code="sheets-differ",
    )


class XlsxReader:
    """Yields blocks of items; spans are row offsets. Keeps the rows in memory: a sheet has at most 1,048,576."""

    def __init__(
        self, source: BinaryIO, columns: int, limits: ReadLimits, position: Position, dialect: Dialect
    ) -> None:
        table = read_table(source, dialect, limits)
        self.rows = table.rows
        self.headings = table.headings
        self.starts = table.starts
        self.columns = columns - bool(self.starts)
        self.limits = limits
        self.position = position
        self.summary_rows = SummaryRows(table.header)

    @property
    def total(self) -> int:
        """The number of rows of the sheets."""
        return len(self.rows)

    def blocks(self) -> Iterator[list[Item]]:
        """Yield all items from the position on."""
        row, suspects = self.position.row, self.summary_rows.suspects
        limit = self.limits.max_field_chars
        items: list[Item] = []
        for offset in range(self.position.offset, len(self.rows)):
            fields = self.rows[offset]
            if not fields or offset in self.headings:
                items.append(Blank(offset, offset + 1, bool(fields)))
                continue
            rejection = self.summary_rows.check(fields) if fields[0] in suspects else None
            long = next((column for column, field in enumerate(fields) if len(field) > limit), None)
            if long is not None:
                explanation = (
                    f"Field {long + 1} has {len(fields[long]):,} characters; at most "
                    f"{limit:,} are allowed (max_field_chars)."
                )
                rejection = "field-too-long", explanation
            elif len(fields) > self.columns:
                explanation = f"The row has {len(fields)} fields where {self.columns} are expected."
                rejection = "too-many-fields", explanation
            if rejection is not None:
                raw = "\t".join(fields)[:RAW_CHARS]
                items.append(Rejected(row, offset, offset + 1, *rejection, raw, ""))
            else:
                if any("\x00" in field for field in fields):
                    items.append(Note("nul_rows"))
                padded = [field.replace("\x00", "") for field in fields] + [""] * (self.columns - len(fields))
                if self.starts:
                    padded.append(self.starts[bisect_right(self.starts, (offset, "\U0010ffff")) - 1][1])
                items.append(Record(row, padded, offset, offset + 1))
            row += 1
            if len(items) >= 1000:
                yield items
                items = []
        yield items


def _trimmed(row: Sequence[Cell]) -> list[str]:
    fields = [cell_text(value) for value in row]
    while fields and not fields[-1]:
        fields.pop()
    return fields


def cell_text(value: Cell) -> str:
    """Convert a cell to text: whole numbers without '.0', dates in ISO form, without the time if it is midnight."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
