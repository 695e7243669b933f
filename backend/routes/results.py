"""What came out of a job: dashboard, reviews, export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from backend.deps import CurrentUser, PlatformDep, ServicesDep
from backend.routes.jobs import JobId
from backend.schemas import DashboardRequest, ExplainedReview, PredictionAnswer, errors
from reviewlens.errors import ConflictError, InputError, NotFoundError
from reviewlens.identity.interface import User
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.export import MEDIA_TYPES, export_name, export_rows
from reviewlens.insights.models import Dashboard, ExportQuery, Filters, ReviewPage, ReviewQuery
from reviewlens.insights.results import Results, open_results
from reviewlens.insights.reviews import query_reviews, reviews_by_row
from reviewlens.jobs.interface import JobState
from reviewlens.jobs.rules import check_kept
from reviewlens.platform import Platform
from reviewlens.reviews.cleaning import join_title

router = APIRouter(tags=["results"])

Row = Annotated[int, Path(ge=1, lt=2**63, description="The review's row, as in `row`.")]


@router.post(
    "/generate_dashboard",
    summary="Everything the dashboard shows",
    response_model=Dashboard,
    responses=errors(400, 401, 404, 409, 422, 429),
)
def generate_dashboard(body: DashboardRequest, user: CurrentUser, services: ServicesDep) -> Response:
    """Of all rows of a finished job, or of those that the filters leave."""
    results = _results(services.platform, user, body.job_id)

    def compute() -> bytes:
        return build_dashboard(results, body.filters).model_dump_json().encode()

    document = services.dashboards.get(user.subject, body.job_id, body.filters.model_dump_json(), compute)
    return Response(document, media_type="application/json")


@router.get("/jobs/{job_id}/reviews", summary="The reviews of a job", responses=errors(401, 404, 409, 422, 429))
def reviews(
    job_id: JobId, query: Annotated[ReviewQuery, Query()], user: CurrentUser, platform: PlatformDep
) -> ReviewPage:
    """Filtered, sorted, in pages: `next_cursor` of one page is the `cursor` of the next."""
    return query_reviews(_results(platform, user, job_id), query.plain(), query.sort, query.limit, query.cursor)


@router.get(
    "/jobs/{job_id}/reviews/{row}/explanation",
    summary="What carried the score of a review",
    response_model_exclude_unset=True,
    responses=errors(401, 404, 409, 422, 429, 503),
)
def explanation(job_id: JobId, row: Row, user: CurrentUser, services: ServicesDep) -> ExplainedReview:
    """Of a served row, by the model that scored it: refused (`other-model`) when this backend now uses another one."""
    results = _results(services.platform, user, job_id)
    try:
        (review,) = reviews_by_row(results, [row])
    except KeyError:
        raise NotFoundError(
            f"Row {row:,} has no score in this analysis: it was set aside, or there is no such row.",
            code="row-not-found",
        ) from None
    facts = services.model.facts()
    scored_by = results.summary.model
    if scored_by.sha256 != facts["model_sha256"]:
        raise ConflictError(
            "This analysis was made with another model than the one in use now, which would explain scores of its own. "
            "Analyse the file again to have its reviews explained.",
            code="other-model",
        )
    if scored_by.engine != facts["engine"]:
        raise ConflictError(
            f"This analysis was scored by the engine {scored_by.engine}, and {facts['engine']} is in use here, "
            "whose scores may differ. Submit the file without naming an engine to have its reviews explained.",
            code="other-model",
        )
    text = join_title(review.title, review.text)
    allowed = services.platform.settings.max_predict_chars
    if len(text) > allowed:
        raise InputError(
            f"This review has {len(text):,} characters; at most {allowed:,} can be explained.",
            code="text-too-long",
            details={"limit": "max_predict_chars", "allowed": allowed, "actual": len(text)},
        )
    (found,), model = services.model.predict([text])
    return ExplainedReview(
        row=row, text=text, prediction=PredictionAnswer.of(found, services.model.explain(text)), model=model
    )


@router.get(
    "/jobs/{job_id}/export",
    summary="Download rows or the report",
    response_class=Response,
    responses={
        200: {
            "description": "A file to download",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
        },
        **errors(401, 404, 409, 422, 429),
    },
)
def export(
    job_id: JobId, query: Annotated[ExportQuery, Query()], user: CurrentUser, platform: PlatformDep
) -> StreamingResponse:
    """`served`, `rejected` or `filtered` rows as CSV or Parquet; `report` is one HTML file that needs no network.

    In CSV, cells that a spreadsheet would run as a formula get a leading apostrophe.
    """
    results = _results(platform, user, job_id)
    filters: Filters = query.plain()
    blocks = export_rows(results, query.what, query.format, filters, max_rows=platform.settings.max_export_rows)
    name = export_name(results, query.what, query.format)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(blocks, media_type=MEDIA_TYPES[query.format], headers=headers)


def _results(platform: Platform, user: User, job_id: str) -> Results:
    """The user's own job's outputs; ConflictError (`job-not-succeeded`) until it has succeeded."""
    job = platform.table.get(user.subject, job_id)
    check_kept(job)
    if job.state is not JobState.SUCCEEDED:
        raise ConflictError(
            f"This analysis has no results: it is {job.state}.",
            code="job-not-succeeded",
            details={"state": str(job.state)},
        )
    return open_results(platform.store, user.subject, job_id, platform.cache_dir)
