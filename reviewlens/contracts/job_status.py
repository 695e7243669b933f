"""What a job writes about itself besides its results: progress while it runs, an error or a cancellation at its end."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from reviewlens.contracts.stages import STAGE_LABELS, JobStage


def _label(so_far: dict[str, Any]) -> str:
    return STAGE_LABELS[so_far["stage"]] if "stage" in so_far else ""


def _number(so_far: dict[str, Any]) -> int:
    return list(JobStage).index(so_far["stage"]) + 1 if "stage" in so_far else 0


class Progress(BaseModel):
    """progress.json: how far a running job is. Times are ISO 8601 in UTC."""

    stage: JobStage = Field(description="The stage that runs now.")
    label: str = Field(default_factory=_label, description="The stage in words.")
    stage_number: int = Field(default_factory=_number, description="1 for the first stage.")
    stages: int = Field(len(JobStage), description="Number of stages.")
    rows_done: int = Field(0, description="Rows done in this stage.")
    rows_total: int | None = Field(None, description="Rows in this stage; null while they are being counted.")
    rows_per_second: float | None = Field(None, description="Speed of this attempt in this stage.")
    seconds_left: float | None = Field(None, description="Estimated seconds to the end, from scoring on.")
    rows_reused: int = Field(0, description="Scores taken from earlier jobs so far.")
    rows_kept: int = Field(
        0, description="Rows that this attempt finished in its stages and that no later attempt repeats."
    )
    updated_at: str = Field("", description="When this was written.")
    attempt_started_at: str = Field("", description="When this attempt started.")


class JobError(BaseModel):
    """error.json: why a job failed."""

    code: str = Field("job-failed", description="Stable code, as in docs/api.md.")
    message: str = Field("", description="The cause, in words for people.")
    details: dict[str, Any] = Field({}, description="Facts for programs.")


class Cancellation(BaseModel):
    """cancelled.json: the job was cancelled and stopped."""

    at: str = Field("", description="When it stopped; ISO 8601, UTC.")
