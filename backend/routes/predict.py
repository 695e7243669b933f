"""Single reviews, scored in this process."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from backend.deps import CurrentUser, ServicesDep
from backend.schemas import PredictionAnswer, Predictions, Texts, errors
from reviewlens.errors import LimitError
from reviewlens.settings import Settings

router = APIRouter(tags=["predict"])


@router.post("/predict-sentiment", summary="Score one text or many", responses=errors(400, 401, 413, 422, 429, 503))
def predict_sentiment(body: Texts, _user: CurrentUser, services: ServicesDep) -> Predictions:
    """The same scores as a job gives. A long text is read in overlapping windows, never cut."""
    texts = body.all()
    _check_limits(texts, services.platform.settings)
    predictions, model = services.model.predict(texts)
    services.metrics.predicted(len(predictions))
    return Predictions(predictions=[PredictionAnswer(**asdict(found)) for found in predictions], model=model)


def _check_limits(texts: list[str], settings: Settings) -> None:
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
