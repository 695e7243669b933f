"""Reading of uploads: every record of a file in order, with its place, and every row that cannot be used, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from reviewlens.reviews.records import Ledger, LedgerError, Position, ReadLimits, Record, Rejected
from reviewlens.reviews.tables import Dialect

__all__ = ["Ledger", "LedgerError", "Position", "ReadLimits", "Reader", "Record", "Rejected", "read_columns", "read_records"]


class Reader(Iterator[Record | Rejected]):
    """Iterates over the rows of one file.

    `position` is the resume point after the row last returned, `ledger` the account of all bytes up to there, `warnings` sentences
    about what was mended on the way (complete once the iteration has ended).
    """

    position: Position
    ledger: Ledger
    warnings: list[str]


def read_columns(source: BinaryIO, dialect: Dialect, limits: ReadLimits) -> list[str]:
    """The headers of a file's columns in file order ('' where a column has none); the same file and dialect give the same list."""
    raise NotImplementedError


def read_records(source: BinaryIO, dialect: Dialect, columns: int, limits: ReadLimits, *, resume_at: Position | None = None) -> Reader:
    """Read a file from `resume_at`, or from its start, to its end.

    `source`: the file as uploaded (compressed or not); `columns`: `len(read_columns(...))`: each record has so many fields.
    Errors: InputError when the file as a whole cannot be read, LimitError when it exceeds a limit.
    """
    raise NotImplementedError
