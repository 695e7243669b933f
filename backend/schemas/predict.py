"""Single reviews."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reviewlens.contracts.languages import not_judged_reason
from reviewlens.model.explain import Contribution
from reviewlens.model.interface import Prediction

EMPTY_TEXT: Literal["empty-text"] = "empty-text"
NO_WORDS = "The text has no words; send some."


class Texts(BaseModel):
    """One text or a list of texts; lone surrogates, which cutting an emoji leaves, are removed."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(None, examples=["It broke after two days, and nobody answers the phone."])
    texts: list[str] | None = Field(None, examples=[None])
    explain: bool = Field(
        False, examples=[True], description="Also list the parts of each text that carried its score; at most 10 texts."
    )

    all_languages: bool = Field(
        False, description="Also score texts in languages that the model was not validated for."
    )

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("send either text or texts")
        return self

    def all(self) -> list[str]:
        """The texts, in order."""
        return [self.text] if self.text is not None else list(self.texts or [])


class Part(BaseModel):
    """A part of the text, and by how much it raises (above 0) or lowers the log-odds of positive: ln(p / (1 - p)) with
    it less that without it, where p is the calibrated positive score."""

    start: int = Field(ge=0, examples=[31], description="Its first character, counted in Unicode code points from 0.")
    end: int = Field(ge=0, examples=[36], description="The character after its last.")
    kind: Literal["word", "passage"] = Field(
        description="A passage is a clause or some sentences; words lie within passages."
    )
    contribution: float = Field(examples=[-1.2704])


class PredictionAnswer(BaseModel):
    """`confidence` is the calibrated probability of `sentiment`; `needs_review`: a person should read the review;
    `mixed`: praise and blame together, or neither clearly."""

    sentiment: Literal["positive", "negative"]
    confidence: float = Field(examples=[0.981204])
    positive_score: float = Field(examples=[0.018796])
    needs_review: bool
    mixed: bool
    language: str = Field("en", description="Code of the text's language.")
    explanation: list[Part] | None = Field(
        None, description="The parts that carried the score, in the order of the text; only with `explain`."
    )

    @classmethod
    def of(cls, prediction: Prediction, language: str, parts: list[Contribution] | None) -> Self:
        """The response for a prediction; without the field `explanation` where `parts` is None."""
        explanation = {} if parts is None else {"explanation": [Part(**asdict(part)) for part in parts]}
        return cls(**asdict(prediction), language=language, **explanation)


class TextError(BaseModel):
    """Why a text has no prediction."""

    code: Literal["empty-text", "not-judged"]
    message: str = Field(examples=["The text has no words; send some.", "Spanish; the model reads English"])


class UnscoredText(BaseModel):
    """A text that cannot be scored: its `sentiment` is null, and `error` is the reason."""

    sentiment: None
    language: str | None = Field(description="Code of the text's language; null for a text without words.")
    error: TextError

    @classmethod
    def of(cls, language: str | None, reads: list[str]) -> Self:
        """The response for a text in a language that is not among those that the model `reads`; None: without words."""
        error = (
            TextError(code=EMPTY_TEXT, message=NO_WORDS)
            if language is None
            else TextError(code="not-judged", message=not_judged_reason(language, reads))
        )
        return cls(sentiment=None, language=language, error=error)


class Predictions(BaseModel):
    """For each text, in order, a prediction or the reason why it has none; and facts about the model."""

    predictions: list[PredictionAnswer | UnscoredText]
    model: dict[str, Any]
