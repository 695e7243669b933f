"""Helpers for the tests of readers and detection."""

from __future__ import annotations

import io
from typing import Any

from reviewlens.contracts.tables import Dialect, Sniffed
from reviewlens.reading.reader import Reader, ReadLimits, Record, Rejected, read_columns, read_records
from reviewlens.reading.sniff import sniff

LIMITS = ReadLimits()


def reader(data: bytes, columns: int | None = None, *, limits: ReadLimits = LIMITS, **dialect: Any) -> Reader:
    """Open a reader for `data` with a dialect."""
    form = Dialect(**dialect)
    if columns is None:
        columns = len(read_columns(io.BytesIO(data), form, limits))
    return read_records(io.BytesIO(data), form, columns, limits)


def read(
    data: bytes, columns: int | None = None, *, limits: ReadLimits = LIMITS, **dialect: Any
) -> list[Record | Rejected]:
    """Read all rows and check their numbers; the reader itself checks the ledger at the end."""
    rows = list(reader(data, columns, limits=limits, **dialect))
    assert [row.row for row in rows] == list(range(1, len(rows) + 1))
    return rows


def good(rows: list[Record | Rejected]) -> list[list[str]]:
    """Return the fields of the records."""
    return [row.fields for row in rows if isinstance(row, Record)]


def bad(rows: list[Record | Rejected]) -> list[Rejected]:
    """Return the rejected rows."""
    return [row for row in rows if isinstance(row, Rejected)]


def look(data: bytes, filename: str = "reviews.csv", *, limits: ReadLimits = LIMITS, **overrides: Any) -> Sniffed:
    """Detect dialect and mapping of `data`."""
    return sniff(lambda: io.BytesIO(data), filename, len(data), limits, overrides or None)


def names(detected: Sniffed) -> dict[str, str | int]:
    """Return the mapping with headers, or numbers of columns without a header."""
    assert detected.mapping is not None
    roles = {role: getattr(detected.mapping, role) for role in ("text", "title", "rating", "date", "product")}
    return {role: detected.columns[place].name or place for role, place in roles.items() if place is not None}
