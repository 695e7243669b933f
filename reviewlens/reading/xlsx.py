"""The reader for Excel workbooks: the first sheet, with cells as Excel shows them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, ZipError

from reviewlens.errors import InputError, LimitError
from reviewlens.reading.lines import RAW_CHARS, Item, Note
from reviewlens.reading.records import Blank, Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import human_size

Cell = int | float | str | bool | time | date | datetime | timedelta | None


def check_archive(source: BinaryIO, limits: ReadLimits) -> None:
    """Decompress every part once without storing it, to check size and integrity before the workbook is parsed."""
    total = 0
    try:
        with zipfile.ZipFile(source) as archive:
            declared = sum(part.file_size for part in archive.infolist())
            packed = sum(part.compress_size for part in archive.infolist())
            _check_size(declared, packed, limits)
            if "xl/workbook.xml" not in archive.namelist() and "xl/workbook.bin" not in archive.namelist():
                raise InputError(
                    "This is a ZIP archive, not an Excel workbook. Unpack it and upload the file inside.",
                    code="zip-archive",
                )
            for part in archive.infolist():
                with archive.open(part) as stream:
                    while piece := stream.read(1 << 20):
                        total += len(piece)
                        _check_size(total, packed, limits)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise _damaged() from error
    finally:
        source.seek(0)


def _check_size(unpacked: int, packed: int, limits: ReadLimits) -> None:
    if unpacked > limits.max_unpacked_bytes:
        raise LimitError(
            f"The workbook has more than {human_size(limits.max_unpacked_bytes)} of decompressed data. Split it, or"
            " raise max_unpacked_bytes.",
            code="unpacked-too-large",
            details={"limit": "max_unpacked_bytes", "allowed": limits.max_unpacked_bytes},
        )
    if unpacked > max(1 << 20, limits.max_compression_ratio * packed):
        raise LimitError(
            f"The workbook decompresses to more than {limits.max_compression_ratio} times its size, as malicious files"
            " do. Save it as CSV, or raise max_compression_ratio.",
            code="compression-ratio",
            details={"limit": "max_compression_ratio", "allowed": limits.max_compression_ratio},
        )


def sheet_rows(source: BinaryIO, limits: ReadLimits) -> list[list[str]]:
    """Return all rows of the first sheet as text, from row 1 on; a row without content is an empty list."""
    check_archive(source, limits)
    try:
        sheet = CalamineWorkbook.from_filelike(source).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except PasswordError as error:
        raise InputError(
            "The workbook is protected with a password. Save it without one and upload it again.",
            code="locked-workbook",
        ) from error
    except (CalamineError, ZipError, OSError, IndexError, ValueError) as error:
        raise _damaged() from error
    return [_trimmed(row) for row in rows]


def sheet_columns(rows: Sequence[list[str]], *, header: bool) -> list[str]:
    """Return the column names from the first row with content, with '' for further columns."""
    width = max(map(len, rows), default=0)
    first = next((row for row in rows if row), []) if header else []
    return [*(name.replace("\x00", "") for name in first), *[""] * (width - len(first))]


class XlsxReader:
    """Yields blocks of items; spans are row offsets. Keeps the sheet in memory: a sheet has at most 1,048,576 rows."""

    def __init__(self, source: BinaryIO, columns: int, limits: ReadLimits, position: Position, *, header: bool) -> None:
        self.rows = sheet_rows(source, limits)
        self.columns = columns
        self.limits = limits
        self.position = position
        self.header = header and position.offset == 0

    @property
    def total(self) -> int:
        """The number of rows of the sheet."""
        return len(self.rows)

    def blocks(self) -> Iterator[list[Item]]:
        """Yield all items from the position on."""
        row, header = self.position.row, self.header
        limit = self.limits.max_field_chars
        items: list[Item] = []
        for offset in range(self.position.offset, len(self.rows)):
            fields = self.rows[offset]
            if not fields or header:
                header = header and not fields
                items.append(Blank(offset, offset + 1, bool(fields)))
                continue
            long = next((column for column, field in enumerate(fields) if len(field) > limit), None)
            if long is not None or len(fields) > self.columns:
                reason = "too-many-fields" if long is None else "field-too-long"
                explanation = f"The row has {len(fields)} fields where {self.columns} are expected."
                if long is not None:
                    explanation = (
                        f"Field {long + 1} has {len(fields[long]):,} characters; at most "
                        f"{limit:,} are allowed (max_field_chars)."
                    )
                raw = "\t".join(fields)[:RAW_CHARS]
                items.append(Rejected(row, offset, offset + 1, reason, explanation, raw, ""))
            else:
                if any("\x00" in field for field in fields):
                    items.append(Note("nul_rows"))
                padded = [field.replace("\x00", "") for field in fields] + [""] * (self.columns - len(fields))
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


def _damaged() -> InputError:
    return InputError(
        "The workbook is damaged or incomplete. Open it, save it as .xlsx or CSV, and upload it again.",
        code="corrupt-xlsx",
    )
