"""Stage 1: read the upload record by record into slices of Parquet, which Spark cannot misread."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from reviewlens.contracts.roles import check_columns
from reviewlens.contracts.stages import JobStage
from reviewlens.errors import InputError
from reviewlens.pipeline.slicing import ReadSlice, read_slices
from reviewlens.pipeline.work import JobContext, Plan, Slice, fetch_input
from reviewlens.reading.records import Position
from reviewlens.reading.sandboxed import new_sandbox, reading_seconds
from reviewlens.settings import Settings


def read(job: JobContext, settings: Settings, on_first_slice: Callable[[], None]) -> Plan:
    """Commit every slice and then the plan; resumes after the last committed slice. A process of its own parses the
    file.

    Errors: InputError, LimitError, TransientError `parsers-unavailable`.
    """
    if job.store.head(job.work.plan) is not None:
        return job.plan()
    source = fetch_input(job.store, job.spec, job.scratch / "input")
    _verify(job, source)
    slices, position = _resume(job)
    messages = _messages(job, settings, source, position)
    with closing(messages):
        headers = json.loads(next(messages))
        check_columns(job.spec.mapping.columns(), len(headers), job.spec.mapping.further_texts)
        with job.progress.stage(JobStage.READ, sum(part.rows for part in slices)):
            message = next(messages)
            for following in messages:  # the last message is no slice
                slices.append(_commit(job, ReadSlice.from_message(message), len(slices)))
                on_first_slice()
                job.control.check()
                message = following
            end = json.loads(message)
            plan = Plan(tuple(slices), tuple(headers), end["ledger"], tuple(end["warnings"]))
            job.put(job.work.plan, plan.to_json())
    return plan


def _messages(
    job: JobContext, settings: Settings, source: Path, position: Position | None
) -> Generator[bytes, None, None]:
    """What `read_slices` yields in a worker of the sandbox."""
    times = reading_seconds(settings, source.stat().st_size)
    with closing(new_sandbox(settings, size=1, detects=False)) as sandbox, sandbox.worker() as worker:
        yield from worker.call(
            f"{read_slices.__module__}:{read_slices.__name__}",
            **times,
            path=str(source.absolute()),
            dialect=job.spec.dialect.model_dump(mode="json"),
            limits=job.spec.limits.model_dump(),
            resume_at=position.to_json() if position else None,
            slice_rows=job.spec.slice_rows,
        )


def _commit(job: JobContext, read: ReadSlice, number: int) -> Slice:
    part = Slice(number, read.first_row, read.records, read.rejected, read.chars)
    if read.records:
        job.put(job.work.raw(number), read.records_parquet)
    if read.rejected:
        job.put(job.work.raw_rejected(number), read.rejected_parquet)
    # The mark is written last: a slice without it is read again.
    mark = {"slice": vars(part), "position": read.position}
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
