"""What the tests of reading share: read bytes, check that the spans tile them, and look at what came out."""

from __future__ import annotations

import io
from typing import Any

from reviewlens.contracts.tables import Dialect, Sniffed
from reviewlens.reviews.reading import Reader, ReadLimits, Record, Rejected, read_columns, read_records
from reviewlens.reviews.sniff import sniff

LIMITS = ReadLimits()


def reader(data: bytes, columns: int | None = None, *, limits: ReadLimits = LIMITS, **dialect: Any) -> Reader:
    """A reader over `data` under a dialect."""
    form = Dialect(**dialect)
    if columns is None:
        columns = len(read_columns(io.BytesIO(data), form, limits))
    return read_records(io.BytesIO(data), form, columns, limits)


def read(
    data: bytes, columns: int | None = None, *, limits: ReadLimits = LIMITS, **dialect: Any
) -> list[Record | Rejected]:
    """All rows; the reader itself checks the ledger when it reaches the end, the row numbers are checked here."""
    rows = list(reader(data, columns, limits=limits, **dialect))
    assert [row.row for row in rows] == list(range(1, len(rows) + 1))
    return rows


def good(rows: list[Record | Rejected]) -> list[list[str]]:
    """Fields of the records."""
    return [row.fields for row in rows if isinstance(row, Record)]


def bad(rows: list[Record | Rejected]) -> list[Rejected]:
    """The rejected rows."""
    return [row for row in rows if isinstance(row, Rejected)]


def look(data: bytes, filename: str = "reviews.csv", *, limits: ReadLimits = LIMITS, **overrides: Any) -> Sniffed:
    """What sniffing finds in `data`."""
    return sniff(lambda: io.BytesIO(data), filename, len(data), limits, overrides or None)


def names(found: Sniffed) -> dict[str, str | int]:
    """The mapping by header (by number where there is none)."""
    assert found.mapping is not None
    roles = {role: getattr(found.mapping, role) for role in ("text", "title", "rating", "date", "product")}
    return {role: found.columns[place].name or place for role, place in roles.items() if place is not None}
