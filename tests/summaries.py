"""A whole inference_summary.json for tests that need one to be there."""

from __future__ import annotations

from typing import Any

from reviewlens.contracts.summary import ScoringModel, SentimentCounts, Summary, Timings
from reviewlens.contracts.tables import Dialect, Mapping


def summary_of(**changes: Any) -> dict[str, Any]:
    """The document, with these fields changed."""
    summary = Summary(
        job="job-1",
        filename="reviews.csv",
        rows_read=2,
        rows_scored=2,
        rows_duplicate=0,
        rows_rejected=0,
        rows_reused=0,
        distribution=SentimentCounts(positive=1, negative=1),
        needs_review=0,
        mixed=0,
        mean_confidence=0.9,
        rejected_reasons={},
        warnings=[],
        model=ScoringModel(name="m", version="1"),
        mapping=Mapping(text=0),
        dialect=Dialect(),
        columns=[],
        ledger={},
        cleaning_version=1,
        submitted_at="2026-01-01T00:00:00Z",
        timings=Timings(started_at="2026-01-01T00:00:00Z", attempts=1, finished_at="2026-01-01T00:01:00Z"),
    )
    return {**summary.model_dump(mode="json"), **changes}
