"""A job as the API shows it: its row, its progress while it runs, its summary when it has succeeded."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from reviewlens.jobs.interface import Job, JobState


class JobView(BaseModel):
    """One job. `model` is the model that scored, known once the job has succeeded; times are ISO 8601 in UTC."""

    job_id: str
    state: JobState
    filename: str
    upload_id: str
    engine: str
    model: str | None = None
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    attempts: int
    error: str | None = Field(None, description="Why it failed, for people.")
    error_code: str | None = None
    rows_read: int | None = None
    rows_scored: int | None = None
    rows_duplicate: int | None = None
    rows_rejected: int | None = None
    rows_reused: int | None = Field(None, description="Scored rows whose score came from an earlier job.")
    seconds: float | None = Field(None, description="From first start to end.")
    queue_position: int | None = Field(None, description="1: the next to start.")
    progress: dict[str, Any] | None = Field(
        None, description="Stage, rows done and in all, rows a second, seconds left."
    )
    summary: dict[str, Any] | None = Field(
        None, description="Counts, distribution, model and timings, when it succeeded."
    )


class JobPage(BaseModel):
    """Some of a user's jobs, newest first; `next_cursor` is null on the last page."""

    jobs: list[JobView]
    next_cursor: str | None = None


class OwnedJob(BaseModel):
    """A job and the subject of the user who owns it."""

    user: str = Field(examples=["u0123456789abcdef01234567"])
    job: JobView


class OwnedJobs(BaseModel):
    """Some of all users' jobs, newest first; `next_cursor` is null on the last page."""

    jobs: list[OwnedJob]
    next_cursor: str | None = None


def view_of(
    job: Job,
    *,
    progress: dict[str, Any] | None = None,
    summary: dict[str, Any] | None = None,
    queue_position: int | None = None,
    with_summary: bool = True,
) -> JobView:
    """The view of a row. `summary` fills the counts; lists omit the summary itself."""
    facts = summary or {}
    model = facts.get("model") or {}
    return JobView(
        job_id=job.id,
        state=job.state,
        filename=job.filename,
        upload_id=job.upload,
        engine=job.engine,
        model=" ".join(dict.fromkeys(str(model[part]) for part in ("name", "version") if model.get(part))) or None,
        created_at=job.created_at,
        started_at=job.started_at or None,
        finished_at=job.finished_at or None,
        attempts=job.attempts,
        error=job.error or None,
        error_code=job.error_code or None,
        rows_read=facts.get("rows_read"),
        rows_scored=facts.get("rows_scored"),
        rows_duplicate=facts.get("rows_duplicate"),
        rows_rejected=facts.get("rows_rejected"),
        rows_reused=facts.get("rows_reused"),
        seconds=job.seconds or None,
        queue_position=queue_position,
        progress=progress,
        summary=summary if with_summary else None,
    )
