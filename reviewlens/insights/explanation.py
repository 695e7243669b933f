"""Explains the score of one review of a finished job, with the model that scored it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reviewlens.contracts.summary import ScoringModel
from reviewlens.errors import ConflictError, NotFoundError
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import review_at
from reviewlens.model.explain import Contribution
from reviewlens.model.interface import Prediction
from reviewlens.predictor import Predictor, Scored
from reviewlens.reviews.cleaning import join_title


@dataclass(frozen=True)
class Explanation:
    """The title and text of a review as they were scored together; `parts` count characters in `text`."""

    row: int
    text: str
    prediction: Prediction
    language: str
    parts: list[Contribution] | None
    model: dict[str, Any]


def text_to_explain(results: Results, row: int, predictor: Predictor, question: str | None = None) -> str:
    """The title and text of a review, to be scored and explained together: the answer to `question`, or the first of
    its row.

    Raises NotFoundError (`row-not-found`) for a row or an answer without a score, (`row-not-judged`) for a text in a
    language that the model does not read, ConflictError (`other-model`) unless the predictor has the job's model and
    engine, and the errors of `Predictor.facts`.
    """
    try:
        review = review_at(results, row, question)
    except KeyError:
        raise _no_score(row) from None
    if review.not_judged is not None:
        raise NotFoundError(f"Row {row:,} has no sentiment: {review.not_judged}.", code="row-not-judged")
    _check_same_model(results.summary.model, predictor.facts())
    return join_title(review.title, review.text)


def explanation_of(row: int, text: str, scored: Scored) -> Explanation:
    """The explanation of a row's text, as `Predictor` scored it. Raises NotFoundError (`row-not-found`)."""
    prediction, language = scored.predictions[0], scored.languages[0]
    if prediction is None or language is None:
        raise _no_score(row)
    return Explanation(row, text, prediction, language, scored.explanations[0], scored.model)


def _no_score(row: int) -> NotFoundError:
    return NotFoundError(
        f"Row {row:,} has no score in this job: it was rejected, or there is no such row.", code="row-not-found"
    )


def _check_same_model(job_model: ScoringModel, present: dict[str, Any]) -> None:
    """ConflictError unless the job was scored with this model and this engine."""
    if job_model.sha256 != present["model_sha256"]:
        raise ConflictError(
            "This job was scored with another model than the one in use now, which would explain its own scores. "
            "Analyse the file again to have its reviews explained.",
            code="other-model",
        )
    if job_model.engine != present["engine"]:
        raise ConflictError(
            f"This job was scored by the engine {job_model.engine}; {present['engine']} is in use here, and its "
            "scores may differ. Submit the file without naming an engine to have its reviews explained.",
            code="other-model",
        )
