"""Single reviews, scored in this process."""

from __future__ import annotations

from fastapi import APIRouter, Request

from backend.schemas.predict import EMPTY_TEXT, NO_WORDS, PredictionAnswer, Predictions, Texts, UnscoredText
from backend.schemas.problems import errors
from backend.web.deps import CurrentUser, PredictRoute, ServicesDep, wanted
from reviewlens.errors import InputError

router = APIRouter(tags=["predict"], route_class=PredictRoute)


@router.post(
    "/predict-sentiment",
    summary="Score one text or many",
    response_model_exclude_unset=True,
    responses=errors(400, 401, 413, 422, 429, 503),
)
async def predict_sentiment(body: Texts, request: Request, _user: CurrentUser, services: ServicesDep) -> Predictions:
    """The same scores as in a job. Of a text that is longer than the model's window, the shipped model reads the
    beginning and the end.

    With `explain`, each prediction also lists the words and passages that carried its score. In `texts`, a text that is
    empty after cleaning gets an `error` in place of a prediction; as the only `text` it is refused with 422. A text in
    a language that the model does not read gets an `error` as well, unless `all_languages` is true.
    """
    queued = services.platform.predictor.submit(body.all(), explain=body.explain, all_languages=body.all_languages)
    scored = await wanted(request, queued)
    services.metrics.predicted(sum(prediction is not None for prediction in scored.predictions))
    if body.text is not None and scored.languages[0] is None:
        raise InputError(NO_WORDS, code=EMPTY_TEXT)
    predictions = [
        UnscoredText.of(language, scored.model["languages"])
        if prediction is None or language is None
        else PredictionAnswer.of(prediction, language, parts)
        for prediction, language, parts in zip(scored.predictions, scored.languages, scored.explanations, strict=True)
    ]
    return Predictions(predictions=predictions, model=scored.model)
