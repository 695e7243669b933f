"""A job as the API shows it: its row, its progress while it runs, its summary when it has succeeded."""

from __future__ import annotations

from pydantic import BaseModel, Field

from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.summary import RowCounts, Summary
from reviewlens.jobs.interface import Job, JobState


class JobView(RowCounts[int | None]):
    """One job. Times are ISO 8601 in UTC. The row counts are those of its summary, null until it has succeeded."""

    job_id: str = Field(description="The job's id.")
    state: JobState = Field(description="Where it stands.")
    filename: str = Field(description="Name of the uploaded file.")
    upload_id: str = Field(description="The upload that it analyses.")
    engine: str = Field(description="The engine that scores.")
    model: str | None = Field(None, description="The model that scored, when it succeeded.")
    created_at: str = Field(description="When it was submitted.")
    started_at: str | None = Field(None, description="When its first attempt started.")
    finished_at: str | None = Field(None, description="When it finished.")
    attempts: int = Field(description="Attempts so far.")
    error: str | None = Field(None, description="Why it failed, in words.")
    error_code: str | None = Field(None, description="Why it failed: the stable code.")
    seconds: float | None = Field(None, description="Seconds from the first start to the end.")
    queue_position: int | None = Field(None, description="Place in the queue; 1 is the next to start.")
    progress: Progress | None = Field(None, description="How far it is, while it is unfinished.")
    summary: Summary | None = Field(None, description="What it did, when it succeeded.")


class JobPage(BaseModel):
    """Some of a user's jobs, newest first; `next_cursor` is null on the last page."""

    jobs: list[JobView] = Field(description="The jobs.")
    next_cursor: str | None = Field(None, description="Cursor of the next page.")


class OwnedJob(BaseModel):
    """A job and the subject of the user who owns it."""

    user: str = Field(description="The owner's subject.", examples=["u0123456789abcdef01234567"])
    job: JobView = Field(description="The job.")


class OwnedJobs(BaseModel):
    """Some of all users' jobs, newest first; `next_cursor` is null on the last page."""

    jobs: list[OwnedJob] = Field(description="The jobs.")
    next_cursor: str | None = Field(None, description="Cursor of the next page.")


def view_of(
    job: Job,
    *,
    progress: Progress | None = None,
    summary: Summary | None = None,
    queue_position: int | None = None,
    with_summary: bool = True,
) -> JobView:
    """The view of a row. `summary` fills the counts; lists omit the summary itself."""
    return JobView(
        job_id=job.id,
        state=job.state,
        filename=job.filename,
        upload_id=job.upload,
        engine=job.engine,
        model=summary.model.title or None if summary else None,
        created_at=job.created_at,
        started_at=job.started_at or None,
        finished_at=job.finished_at or None,
        attempts=job.attempts,
        error=job.error or None,
        error_code=job.error_code or None,
        **{name: getattr(summary, name, None) for name in RowCounts.model_fields},
        seconds=job.seconds or None,
        queue_position=queue_position,
        progress=progress,
        summary=summary if with_summary else None,
    )
