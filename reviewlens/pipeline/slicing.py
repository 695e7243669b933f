"""What reads an upload into slices: it runs in a process of its own, which sends each slice as tables in Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reviewlens.contracts.outputs import REJECTED_COLUMNS, arrow_schema
from reviewlens.contracts.tables import Dialect
from reviewlens.reading.reader import Position, Reader, ReadLimits, Record, Rejected, read_columns, read_records

MAX_SLICE_CHARS = 32_000_000
"""A slice also ends after this many characters, so that very long reviews do not fill the memory."""
_LENGTH_BYTES = 8


@dataclass(frozen=True)
class ReadSlice:
    """One slice as it was read: its counts, the position after it, and its tables (b'' for one without rows)."""

    first_row: int
    records: int
    rejected: int
    chars: int
    position: str
    records_parquet: bytes
    rejected_parquet: bytes

    def to_message(self) -> bytes:
        """The slice as bytes, for `from_message`."""
        facts = {name: value for name, value in vars(self).items() if not isinstance(value, bytes)}
        return _joined(json.dumps(facts).encode(), self.records_parquet, self.rejected_parquet)

    @classmethod
    def from_message(cls, message: bytes) -> ReadSlice:
        """The slice that `to_message` encoded."""
        facts, records, rejected = _parted(message, 3)
        return cls(**json.loads(facts), records_parquet=records, rejected_parquet=rejected)


def read_slices(
    path: str,
    dialect: dict[str, Any],
    limits: dict[str, int],
    resume_at: str | None,
    slice_rows: int,
) -> Iterator[bytes]:
    """Yield the headers as JSON, then each slice as a message, and at last the ledger and warnings as JSON.

    Errors: InputError, LimitError.
    """
    layout, bounds = Dialect.model_validate(dialect), ReadLimits(**limits)
    with Path(path).open("rb") as file:
        headers = read_columns(file, layout, bounds)
    yield json.dumps(headers).encode()
    position = Position.from_json(resume_at) if resume_at else None
    with Path(path).open("rb") as file:
        reader = read_records(file, layout, len(headers), bounds, resume_at=position)
        pending = _Pending(len(headers))
        for item in reader:
            pending.add(item)
            if pending.rows == slice_rows or pending.chars >= MAX_SLICE_CHARS:
                yield pending.to_slice(reader.position).to_message()
                pending = _Pending(len(headers))
        if pending.rows:
            yield pending.to_slice(reader.position).to_message()
        yield json.dumps({"ledger": _ledger(reader), "warnings": reader.warnings}).encode()


class _Pending:
    """Collects the rows of one slice."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.records: list[Record] = []
        self.rejected: list[Rejected] = []
        self.chars = 0

    @property
    def rows(self) -> int:
        return len(self.records) + len(self.rejected)

    def add(self, item: Record | Rejected) -> None:
        if isinstance(item, Record):
            self.records.append(item)
            self.chars += sum(map(len, item.fields))
        else:
            self.rejected.append(item)
            self.chars += len(item.raw) + len(item.raw_base64)

    def to_slice(self, position: Position) -> ReadSlice:
        return ReadSlice(
            first_row=min([record.row for record in self.records[:1]] + [item.row for item in self.rejected[:1]]),
            records=len(self.records),
            rejected=len(self.rejected),
            chars=self.chars,
            position=position.to_json(),
            records_parquet=_parquet(self._records_table()) if self.records else b"",
            rejected_parquet=_parquet(self._rejected_table()) if self.rejected else b"",
        )

    def _records_table(self) -> pa.Table:
        arrays = [
            pa.array([record.row for record in self.records], pa.int64()),
            pa.array([record.start for record in self.records], pa.int64()),
            pa.array([record.end for record in self.records], pa.int64()),
        ]
        names = ["row", "start", "end"]
        for column in range(self.columns):
            arrays.append(pa.array([record.fields[column] for record in self.records], pa.string()))
            names.append(f"c{column}")
        return pa.table(arrays, names=names)

    def _rejected_table(self) -> pa.Table:
        return pa.table(
            [
                pa.array(values, column.type)
                for values, column in zip(zip(*self.rejected, strict=True), REJECTED_COLUMNS, strict=True)
            ],
            schema=arrow_schema(REJECTED_COLUMNS),
        )


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


def _ledger(reader: Reader) -> dict[str, int]:
    ledger = reader.ledger.as_dict()
    parts = sum(size for name, size in ledger.items() if name != "bytes_total")
    if parts != ledger["bytes_total"]:
        raise AssertionError(f"the byte ledger does not add up: {ledger}")
    return ledger


def _joined(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") for part in parts) + b"".join(parts)


def _parted(message: bytes, count: int) -> list[bytes]:
    start, parts = count * _LENGTH_BYTES, []
    for index in range(count):
        size = int.from_bytes(message[index * _LENGTH_BYTES : (index + 1) * _LENGTH_BYTES], "big")
        parts.append(message[start : start + size])
        start += size
    return parts
