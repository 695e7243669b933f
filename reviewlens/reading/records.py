"""What a reader returns: records, rejected rows, a resume position, and the ledger that accounts for every byte."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple


class Record(NamedTuple):
    """One row: `row` is its 1-based number among the file's records, without header and blank lines.

    `start` and `end` are byte offsets in the decompressed, undecoded file, including the line end; for Parquet, XLSX
    and JSON documents they are row offsets.
    """

    row: int
    fields: list[str]
    start: int
    end: int


class Rejected(NamedTuple):
    """A row that cannot be scored: its location as in `Record`, a stable kebab-case `reason`, an explanation and its
    raw text.

    `raw` shows undecodable bytes as \\xNN and is cut after 65,536 characters; `start` and `end` locate the whole row.
    `raw_base64` has the raw bytes only if they cannot be decoded.
    """

    row: int
    start: int
    end: int
    reason: str
    explanation: str
    raw: str
    raw_base64: str


class Blank(NamedTuple):
    """Bytes outside of records: empty lines or, if `header` is set, the byte-order mark and the header."""

    start: int
    end: int
    header: bool


@dataclass(frozen=True)
class ReadLimits:
    """The limits for reading, named as in the settings; `ReadLimits(**limits.model_dump())` converts a job's limits."""

    max_unpacked_bytes: int = 8_000_000_000
    max_compression_ratio: int = 200
    max_rows: int = 20_000_000
    max_columns: int = 500
    max_field_chars: int = 1_000_000


@dataclass(frozen=True)
class Position:
    """Where reading can resume: `offset` as in `Record.end`, `row` the number of the next record, tallies up to there.

    `from_json` reverses `to_json`. Only positions from `Reader.position` are valid, for the same file and dialect.
    """

    offset: int = 0
    row: int = 1
    tallies: dict[str, int] = field(default_factory=dict)
    unseen_keys: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the position as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Position:
        """Return the position that `to_json` encoded."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values)


class LedgerError(AssertionError):
    """The spans do not cover the file exactly: a bug in the reader, never a fault of the file."""


class Ledger:
    """Adds up all spans and rejects gaps and overlaps; `close` compares the sum with the size of the stream."""

    def __init__(self, position: Position) -> None:
        self.end = position.offset
        self.header_bytes = position.tallies.get("header_bytes", 0)
        self.blank_bytes = position.tallies.get("blank_bytes", 0)
        self.record_bytes = position.tallies.get("record_bytes", 0)
        self.rejected_bytes = position.tallies.get("rejected_bytes", 0)
        self._check_sum()

    def add(self, item: Record | Rejected | Blank) -> None:
        """Add the next span; LedgerError if it does not begin where the last one ended."""
        start, end = item.start, item.end
        if start != self.end or end < start:
            raise LedgerError(f"a span from {start} to {end} follows one that ended at {self.end}")
        self.end = end
        if type(item) is Record:
            self.record_bytes += end - start
        elif type(item) is Rejected:
            self.rejected_bytes += end - start
        elif type(item) is Blank and item.header:
            self.header_bytes += end - start
        else:
            self.blank_bytes += end - start

    def close(self, total: int) -> None:
        """Check that the spans add up to `total`, the file's size (decompressed bytes, or rows); else LedgerError."""
        self._check_sum()
        if self.end != total:
            raise LedgerError(f"the spans end at {self.end}, the file at {total}")

    def as_dict(self) -> dict[str, int]:
        """Return the sizes by kind and their total (bytes; rows for Parquet, XLSX and JSON documents)."""
        return {
            "bytes_total": self.end,
            "header_bytes": self.header_bytes,
            "record_bytes": self.record_bytes,
            "blank_bytes": self.blank_bytes,
            "rejected_bytes": self.rejected_bytes,
        }

    def _check_sum(self) -> None:
        if self.header_bytes + self.blank_bytes + self.record_bytes + self.rejected_bytes != self.end:
            raise LedgerError(f"the sizes do not add up: {self.as_dict()}")
