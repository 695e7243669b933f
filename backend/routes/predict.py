"""Single reviews, scored in this process."""

from __future__ import annotations

from fastapi import APIRouter

from backend.deps import CurrentUser, ServicesDep
from backend.schemas import PredictionAnswer, Predictions, Texts, errors
from reviewlens.errors import LimitError
from reviewlens.settings import Settings

router = APIRouter(tags=["predict"])


_MOST_EXPLAINED = 10  # one explanation scores some thirty variants of its text


@router.post(
    "/predict-sentiment",
    summary="Score one text or many",
    response_model_exclude_unset=True,
    responses=errors(400, 401, 413, 422, 429, 503),
)
def predict_sentiment(body: Texts, _user: CurrentUser, services: ServicesDep) -> Predictions:
    """The same scores as a job gives. A long text is read in overlapping windows, never cut.

    With `explain`, each prediction also tells which words and passages carried its score.
    """
    texts = body.all()
    _check_limits(texts, services.platform.settings, explain=body.explain)
    found, model = services.model.predict(texts)
    parts = [services.model.explain(text) if body.explain else None for text in texts]
    services.metrics.predicted(len(found))
    return Predictions(predictions=list(map(PredictionAnswer.of, found, parts)), model=model)


def _check_limits(texts: list[str], settings: Settings, *, explain: bool) -> None:
    if explain and len(texts) > _MOST_EXPLAINED:
        raise LimitError(
            f"Send at most {_MOST_EXPLAINED} texts at once to have them explained, or leave explain out.",
            code="too-many-to-explain",
            details={"allowed": _MOST_EXPLAINED, "actual": len(texts)},
        )
    allowed = settings.max_predict_texts
    if len(texts) > allowed:
        raise LimitError(
            f"Send at most {allowed} texts at once.",
            code="too-many-texts",
            details={"limit": "max_predict_texts", "allowed": allowed, "actual": len(texts)},
        )
    longest, allowed = max(map(len, texts), default=0), settings.max_predict_chars
    if longest > allowed:
        raise LimitError(
            f"A text may have at most {allowed:,} characters.",
            code="text-too-long",
            details={"limit": "max_predict_chars", "allowed": allowed, "actual": longest},
        )
