"""Single reviews, scored in this process."""

from __future__ import annotations

from fastapi import APIRouter

from backend.schemas.predict import PredictionAnswer, Predictions, Texts
from backend.schemas.problems import errors
from backend.web.deps import CurrentUser, ServicesDep

router = APIRouter(tags=["predict"])


@router.post(
    "/predict-sentiment",
    summary="Score one text or many",
    response_model_exclude_unset=True,
    responses=errors(400, 401, 413, 422, 429, 503),
)
def predict_sentiment(body: Texts, _user: CurrentUser, services: ServicesDep) -> Predictions:
    """The same scores as in a job. A long text is read in overlapping windows, never cut.

    With `explain`, each prediction also lists the words and passages that carried its score.
    """
    scored = services.platform.predictor.predict(body.all(), explain=body.explain)
    services.metrics.predicted(len(scored.predictions))
    predictions = list(map(PredictionAnswer.of, scored.predictions, scored.explanations))
    return Predictions(predictions=predictions, model=scored.model)
