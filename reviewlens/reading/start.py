"""Reads the start of a file, or all of a small one, for detection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from reviewlens.contracts.tables import Dialect, FileFormat, Warned, delimiter_name
from reviewlens.errors import InputError
from reviewlens.reading.reader import ReadLimits, Record, Rejected, read_records

OpenSource = Callable[[], BinaryIO]

READ_WHOLE_BYTES = 16_000_000
"""Smaller files are read completely, so that counts and warnings are exact."""
_PREVIEW_ROWS = 20
_SAMPLE_ROWS = 2000
_SAMPLE_CHARS = 8_000_000  # of the records of a large file that are kept
_PREVIEW_CHARS = 200


@dataclass
class FileStart:
    """The records that were read: all of a small file, the first of a large one."""

    sample: list[list[str]] = field(default_factory=list)
    head: list[list[str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    estimated_rows: int = 0


def read_start(
    open_source: OpenSource,
    dialect: Dialect,
    columns: int,
    limits: ReadLimits,
    unpacked_bytes: int,
    document_rows: int | None,
) -> FileStart:
    """Read small files completely and the start of large ones; the sample is spread evenly over the records read."""
    start = FileStart()
    parquet = dialect.format is FileFormat.PARQUET  # its footer has the number of rows
    whole = not parquet and (unpacked_bytes <= READ_WHOLE_BYTES or dialect.format.is_workbook)
    records: list[list[str]] = []
    with open_source() as source:
        reader = read_records(source, dialect, columns, limits)
        chars = 0
        for item in reader if whole else islice(reader, _SAMPLE_ROWS):
            if isinstance(item, Record):
                records.append(item.fields)
                chars += sum(map(len, item.fields))
                if chars > _SAMPLE_CHARS and not whole:
                    break
            else:
                assert isinstance(item, Rejected)
                start.reasons[item.reason] += 1
        exact = whole or next(iter(reader), None) is None
        ledger = reader.ledger
        total = len(records) + sum(start.reasons.values())
        start.warnings = list(reader.warnings)
    body = ledger.record_bytes + ledger.blank_bytes + ledger.rejected_bytes
    start.estimated_rows = total if exact or not body else round(total * (unpacked_bytes - ledger.header_bytes) / body)
    if document_rows is not None:
        start.estimated_rows = document_rows
    if parquet and not exact:
        with open_source() as source:
            start.estimated_rows = read_records(source, dialect, columns, limits).total
    start.records = len(records)
    start.head = [[field[:_PREVIEW_CHARS] for field in fields] for fields in records[:_PREVIEW_ROWS]]
    start.sample = records[:: max(1, len(records) // _SAMPLE_ROWS)]
    part = "" if exact else f" among the first {total:,}"
    for reason, count in sorted(start.reasons.items()):
        rows = f"{count:,} row{'' if count == 1 else 's'}{part}"
        start.warnings.append(Warned("rows-rejected", f"{rows} will be rejected ({_REASONS[reason]})."))
    return start


_REASONS = {
    "too-many-fields": "more fields than there are columns",
    "unclosed-quote": "a quotation mark is never closed",
    "field-too-long": "a field is longer than max_field_chars allows",
    "record-too-long": "too long; line ends may be missing",
    "undecodable-bytes": "bytes that the file's encoding does not allow",
    "invalid-json": "not complete JSON",
    "not-an-object": "JSON, but not an object in curly brackets",
    "repeated-header": "the header again",
    "total-row": "a total or an average of other rows",
}


def check_rows(start: FileStart, dialect: Dialect, columns: int, chosen: dict[str, Any]) -> None:
    """Add warnings about rows that do not fit; InputError `no-rows` for a file without rows."""
    rejected = sum(start.reasons.values())
    if not start.records and not rejected:
        raise InputError(
            "The file has a header but no rows." if dialect.header else "The file has no rows.", code="no-rows"
        )
    if dialect.format is not FileFormat.CSV:
        return
    if columns == 1:
        delimiter = f" with the delimiter {delimiter_name(dialect.delimiter)}" if "delimiter" in chosen else ""
        start.warnings.append(
            Warned(
                "one-column", f"The file has only one column{delimiter}. Check the delimiter if it should have more."
            )
        )
    elif rejected > max(3, start.records // 4):
        start.warnings.append(
            Warned("many-rejected", "Many rows do not match the columns. Check delimiter, quoting and header.")
        )
