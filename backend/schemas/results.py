"""What comes out of a job."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from backend.schemas.common import Body, Id
from backend.schemas.predict import PredictionAnswer
from reviewlens.insights.models import Filters


class DashboardRequest(Body):
    """The job, and the filters for its rows."""

    job_id: Id = Field(examples=["019a8c5e1f20123456789abcdef"])
    filters: Filters = Field(default_factory=Filters, examples=[{"sentiment": "negative", "words": "battery"}])


class ExplainedReview(BaseModel):
    """A review of a finished job: its title and text as they were scored together. `explanation` counts in `text`."""

    row: int
    text: str
    prediction: PredictionAnswer
    model: dict[str, Any]
