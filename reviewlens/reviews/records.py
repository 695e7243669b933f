"""What reading a file yields: records, rejected rows, a resume point and the ledger that proves nothing was skipped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple


class Record(NamedTuple):
    """One row: `row` is its 1-based number among the file's records (header and blank lines have none).

    `start` and `end` are byte offsets in the decompressed, undecoded file, line end included; in Parquet and XLSX they
    are row offsets.
    """

    row: int
    fields: list[str]
    start: int
    end: int


class Rejected(NamedTuple):
    """A row that cannot be scored: its place as in `Record`, a stable kebab-case `reason`, an explanation for people,
    its raw text.

    `raw` shows undecodable bytes as \\xNN and is cut after 65,536 characters (the span tells where the whole is);
    `raw_base64` holds the raw bytes only where they cannot be decoded.
    """

    row: int
    start: int
    end: int
    reason: str
    explanation: str
    raw: str
    raw_base64: str


class Blank(NamedTuple):
    """Bytes that are no record: empty lines and, where `header` is set, the byte-order mark and the header."""

    start: int
    end: int
    header: bool


@dataclass(frozen=True)
class ReadLimits:
    """The reading limits, named as in the settings; `ReadLimits(**limits.model_dump())` makes one from a job's."""

    max_unpacked_bytes: int = 8_000_000_000
    max_compression_ratio: int = 200
    max_rows: int = 20_000_000
    max_columns: int = 500
    max_field_chars: int = 1_000_000


@dataclass(frozen=True)
class Position:
    """Where reading can go on: `offset` as in `Record.end`, `row` the number of the next record, and the tallies up to
    there.

    `to_json` and `from_json` are inverse; only positions taken from a reader (`Reader.position`) are valid for its file
    and dialect.
    """

    offset: int = 0
    row: int = 1
    tallies: dict[str, int] = field(default_factory=dict)
    unseen_keys: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Position:
        """The position that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values)


class LedgerError(AssertionError):
    """The spans that were read do not tile the file: a fault of the reader, never of the file."""


class Ledger:
    """Adds up every span and refuses a gap or an overlap; `close` compares the sum with what the stream delivered."""

    def __init__(self, position: Position) -> None:
        self.end = position.offset
        self.header_bytes = position.tallies.get("header_bytes", 0)
        self.blank_bytes = position.tallies.get("blank_bytes", 0)
        self.record_bytes = position.tallies.get("record_bytes", 0)
        self.rejected_bytes = position.tallies.get("rejected_bytes", 0)
        self._check_sum()

    def add(self, item: Record | Rejected | Blank) -> None:
        """Append the next span; LedgerError if it does not begin where the last one ended."""
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
        """At the end of the file, whose size (decompressed bytes, or rows) is `total`; LedgerError if the spans do not
        add up to it.
        """
        self._check_sum()
        if self.end != total:
            raise LedgerError(f"the spans end at {self.end}, the file at {total}")

    def as_dict(self) -> dict[str, int]:
        """Sizes by kind, and their total (bytes; rows for Parquet and XLSX)."""
        return {
            "bytes_total": self.end,
            "header_bytes": self.header_bytes,
            "record_bytes": self.record_bytes,
            "blank_bytes": self.blank_bytes,
            "rejected_bytes": self.rejected_bytes,
        }

    def _check_sum(self) -> None:
        if self.header_bytes + self.blank_bytes + self.record_bytes + self.rejected_bytes != self.end:
            raise LedgerError(f"{self.as_dict()} does not add up")
