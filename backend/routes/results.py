"""A job's results: dashboard, reviews, export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from backend.routes.jobs import JobId
from backend.schemas.predict import PredictionAnswer
from backend.schemas.problems import errors
from backend.schemas.results import DashboardRequest, ExplainedReview
from backend.web.deps import CurrentUser, PlatformDep, ServicesDep, wanted
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.explanation import explanation_of, text_to_explain
from reviewlens.insights.export import MEDIA_TYPES, export_name, export_rows
from reviewlens.insights.models import Dashboard, ExportQuery, Filters, ReviewPage, ReviewQuery
from reviewlens.insights.results import reading_results
from reviewlens.insights.reviews import query_reviews

router = APIRouter(tags=["results"])

Row = Annotated[int, Path(ge=1, lt=2**63, description="The review's row, as in `row`.")]
Question = Annotated[
    str | None,
    Query(max_length=1000, description="Which answer of a row with several, as in `question`; default: the first."),
]


@router.post(
    "/generate_dashboard",
    summary="Everything the dashboard shows",
    response_model=Dashboard,
    responses=errors(400, 401, 404, 409, 422, 429, 500),
)
def generate_dashboard(body: DashboardRequest, user: CurrentUser, services: ServicesDep) -> Response:
    """Of all rows of a finished job, or of those that match the filters."""
    results = services.platform.results(user.subject, body.job_id)

    def compute() -> bytes:
        with reading_results(body.job_id):
            return build_dashboard(results, body.filters).model_dump_json().encode()

    document = services.dashboards.get(user.subject, body.job_id, body.filters.model_dump_json(), compute)
    return Response(document, media_type="application/json")


@router.get("/jobs/{job_id}/reviews", summary="The reviews of a job", responses=errors(401, 404, 409, 422, 429, 500))
def reviews(
    job_id: JobId, query: Annotated[ReviewQuery, Query()], user: CurrentUser, platform: PlatformDep
) -> ReviewPage:
    """Filtered, sorted, in pages: `next_cursor` of one page is the `cursor` of the next."""
    results = platform.results(user.subject, job_id)
    with reading_results(job_id):
        return query_reviews(results, query.plain(), query.sort, query.limit, query.cursor)


@router.get(
    "/jobs/{job_id}/reviews/{row}/explanation",
    summary="What carried the score of a review",
    response_model_exclude_unset=True,
    responses=errors(401, 404, 409, 422, 429, 500, 503),
)
async def explanation(
    job_id: JobId,
    row: Row,
    request: Request,
    user: CurrentUser,
    services: ServicesDep,
    question: Question = None,
) -> ExplainedReview:
    """Of a served row, by the model that scored it; 409 `other-model` when another model is in use now."""
    platform = services.platform

    def find_text() -> str:
        results = platform.results(user.subject, job_id)
        with reading_results(job_id):
            return text_to_explain(results, row, platform.predictor, question)

    with services.predicts_at_once.taken(user.subject):
        text = await run_in_threadpool(find_text)
        explained = explanation_of(
            row, text, await wanted(request, platform.predictor.submit([text], explain=True, all_languages=True))
        )
    return ExplainedReview(
        row=row,
        text=explained.text,
        prediction=PredictionAnswer.of(explained.prediction, explained.language, explained.parts),
        model=explained.model,
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
        **errors(401, 404, 409, 422, 429, 500),
    },
)
def export(
    job_id: JobId, query: Annotated[ExportQuery, Query()], user: CurrentUser, platform: PlatformDep
) -> StreamingResponse:
    """`served`, `rejected` or `filtered` rows as CSV or Parquet; `report` is one HTML file that needs no network.

    In CSV, an apostrophe stands before everything that a spreadsheet would run as a formula.
    """
    results = platform.results(user.subject, job_id)
    filters: Filters = query.plain()
    with reading_results(job_id):
        blocks = export_rows(results, query.what, query.format, filters, max_rows=platform.settings.max_export_rows)
    name = export_name(results, query.what, query.format)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(blocks, media_type=MEDIA_TYPES[query.format], headers=headers)
