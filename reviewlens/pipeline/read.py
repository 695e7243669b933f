"""Stage 1: read the upload record by record into slices of Parquet, which Spark cannot misread."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from reviewlens.contracts.outputs import REJECTED_COLUMNS, arrow_schema
from reviewlens.contracts.roles import check_columns
from reviewlens.contracts.stages import JobStage
from reviewlens.errors import InputError
from reviewlens.pipeline.work import JobContext, Plan, Slice, fetch_input
from reviewlens.reading.reader import Position, Reader, ReadLimits, Record, Rejected, read_columns, read_records

MAX_SLICE_CHARS = 32_000_000
"""A slice also ends after this many characters, so that very long reviews do not fill the memory."""


def read(job: JobContext, on_first_slice: Callable[[], None]) -> Plan:
    """Commit every slice and then the plan; resumes after the last committed slice.

    Errors: InputError, LimitError.
    """
    if job.store.head(job.work.plan) is not None:
        return job.plan()
    source = fetch_input(job.store, job.spec, job.scratch / "input")
    _verify(job, source)
    limits = ReadLimits(**job.spec.limits.model_dump())
    with source.open("rb") as file:
        headers = read_columns(file, job.spec.dialect, limits)
    check_columns(job.spec.mapping.columns(), len(headers), job.spec.mapping.further_texts)
    slices, position = _resume(job)
    with (
        job.progress.stage(JobStage.READ, sum(part.rows for part in slices)),
        source.open("rb") as file,
    ):
        reader = read_records(file, job.spec.dialect, len(headers), limits, resume_at=position)
        pending = _Pending(len(headers))
        for item in reader:
            pending.add(item)
            if pending.rows == job.spec.slice_rows or pending.chars >= MAX_SLICE_CHARS:
                slices.append(_commit(job, pending, len(slices), reader.position))
                on_first_slice()
                pending = _Pending(len(headers))
                job.control.check()
        if pending.rows:
            slices.append(_commit(job, pending, len(slices), reader.position))
        plan = Plan(tuple(slices), tuple(headers), _ledger(reader), tuple(reader.warnings))
        job.put(job.work.plan, plan.to_json())
    return plan


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

    def first_row(self) -> int:
        return min([record.row for record in self.records[:1]] + [item.row for item in self.rejected[:1]])

    def records_table(self) -> pa.Table:
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

    def rejected_table(self) -> pa.Table:
        return pa.table(
            [
                pa.array(values, column.type)
                for values, column in zip(zip(*self.rejected, strict=True), REJECTED_COLUMNS, strict=True)
            ],
            schema=arrow_schema(REJECTED_COLUMNS),
        )


def _commit(job: JobContext, pending: _Pending, number: int, position: Position) -> Slice:
    part = Slice(number, pending.first_row(), len(pending.records), len(pending.rejected), pending.chars)
    if pending.records:
        job.put_table(job.work.raw(number), pending.records_table())
    if pending.rejected:
        job.put_table(job.work.raw_rejected(number), pending.rejected_table())
    # The mark is written last: a slice without it is read again.
    mark = {"slice": vars(part), "position": position.to_json()}
    job.put(job.work.read_mark(number), json.dumps(mark).encode())
    job.progress.advance(part.rows)
    return part


def _resume(job: JobContext) -> tuple[list[Slice], Position | None]:
    """The slices that earlier attempts committed, and the position after them."""
    slices: list[Slice] = []
    position = None
    for number in range(len(job.numbers(job.work.read))):
        mark = json.loads(job.store.get(job.work.read_mark(number)))
        slices.append(Slice(**mark["slice"]))
        position = Position.from_json(mark["position"])
    return slices, position


def _verify(job: JobContext, source: Path) -> None:
    """Check that the file is the one that was submitted. Errors: InputError (`input-changed`)."""
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
            job.control.check()
    if digest.hexdigest() != job.spec.input_sha256:
        raise InputError(
            "The uploaded file has changed since the job was submitted; upload it again.", code="input-changed"
        )


def _ledger(reader: Reader) -> dict[str, int]:
    ledger = reader.ledger.as_dict()
    parts = sum(size for name, size in ledger.items() if name != "bytes_total")
    if parts != ledger["bytes_total"]:
        raise AssertionError(f"the byte ledger does not add up: {ledger}")
    return ledger
