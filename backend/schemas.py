"""The bodies of requests and answers that are not the library's own models."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reviewlens.insights.models import Filters
from reviewlens.jobs.views import JobView
from reviewlens.model.engines import ENGINE_CHOICES
from reviewlens.model.explain import Contribution
from reviewlens.model.interface import Prediction
from reviewlens.uploads.service import Overrides

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Secret = Annotated[str, Field(max_length=10_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _whole_characters(cls, data: Any) -> Any:
        """JSON can spell half a character, which no answer or file could hold."""
        try:
            json.dumps(data, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            raise ValueError("a text in it holds half a character (a lone surrogate)") from error
        return data


class Problem(BaseModel):
    """RFC 9457: what went wrong, in words for a person (`detail`) and for a program (`code`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    details: dict[str, Any] | None = None


class Credentials(_Body):
    """Name and password."""

    username: Secret = Field(examples=["ana"])
    password: Secret = Field(examples=["a long sentence is a good one"])


class RefreshToken(_Body):
    """A refresh token."""

    refresh_token: Secret


class ChallengeAnswer(_Body):
    """The `session` of the question, and the answer: a new password, or a code."""

    session: Secret
    answer: Secret = Field(examples=["123456"])


class NewcomerName(_Body):
    """Who waits for a code."""

    username: Secret = Field(examples=["ana"])


class Newcomer(NewcomerName):
    """Who wants to be a user."""

    password: Secret = Field(examples=["a long sentence is a good one"])
    email: Secret = Field(examples=["ana@example.org"])


class Confirmation(NewcomerName):
    """Who waits, and the code that came."""

    code: Secret = Field(examples=["123456"])


class NewPassword(Confirmation):
    """Who has forgotten a password, the code that came, and the new one."""

    password: Secret = Field(examples=["another long sentence"])


class SignUpAnswer(BaseModel):
    """Whether the user can log in at once, else where the code went."""

    confirmed: bool
    sent_to: str = Field(examples=["a***@e***"])


class TokenAnswer(BaseModel):
    """Tokens; `expires_in` is the access token's life in seconds. `refresh_token` is '' where the old one stays."""

    access_token: str
    id_token: str
    refresh_token: str
    expires_in: int = Field(examples=[3600])
    token_type: str = Field(examples=["Bearer"])


class Me(BaseModel):
    """The caller."""

    subject: str = Field(examples=["u0123456789abcdef01234567"])
    name: str = Field(examples=["ana"])
    groups: list[str]


class OwnedJob(BaseModel):
    """A job and the subject of the user whose it is."""

    user: str = Field(examples=["u0123456789abcdef01234567"])
    job: JobView


class OwnedJobs(BaseModel):
    """Some of all users' jobs, newest first; `next_cursor` is null on the last page."""

    jobs: list[OwnedJob]
    next_cursor: str | None = None


class UserName(_Body):
    """Whom a log-in link is for; made where there is no such user."""

    username: Secret = Field(examples=["ana"])


class NewUser(_Body):
    """A user to add; a password is made up where none is given."""

    username: Secret = Field(examples=["ana"])
    password: Secret | None = None


class LoginLink(BaseModel):
    """A link that logs a person in, once."""

    url: str


class AddedUser(BaseModel):
    """The user added and the password, shown this once."""

    username: str
    password: str


class DirectRequest(_Body):
    """A file that is to be sent straight to the store: its name and its exact size."""

    filename: str = Field(min_length=1, max_length=1000, examples=["reviews.csv"])
    size_bytes: int = Field(ge=0, le=2**53, examples=[250000000])


class DirectOffer(BaseModel):
    """Whether files can be sent straight to the store, how large, and how many seconds a form for it is good."""

    offered: bool
    max_bytes: int = Field(examples=[2000000000])
    expires_in: int = Field(examples=[900])


class Corrections(_Body):
    """What was detected wrongly: some fields of `Dialect` and `Mapping`. They replace earlier corrections."""

    dialect: dict[str, Any] = Field(default={}, examples=[{"delimiter": ";"}])
    mapping: dict[str, Any] = Field(default={}, examples=[{"text": 4, "rating": 2}])

    def overrides(self) -> Overrides:
        """As the library takes them."""
        return Overrides(dialect=self.dialect, mapping=self.mapping)


class Submission(_Body):
    """What to analyse; without dialect and mapping as detected, or as last corrected."""

    upload_id: Id = Field(examples=["019a8c5e1f20123456789abcdef"])
    dialect: dict[str, Any] | None = Field(None, examples=[None])
    mapping: dict[str, Any] | None = Field(None, examples=[{"text": 4}])
    engine: str = Field(
        "",
        max_length=40,
        description=f"{ENGINE_CHOICES}; empty: the setting's.",
    )

    def overrides(self) -> Overrides | None:
        """None where nothing is corrected here."""
        if self.dialect is None and self.mapping is None:
            return None
        return Overrides(dialect=self.dialect or {}, mapping=self.mapping or {})


class DashboardRequest(_Body):
    """Whose dashboard, and of which rows."""

    job_id: Id = Field(examples=["019a8c5e1f20123456789abcdef"])
    filters: Filters = Field(default_factory=Filters, examples=[{"sentiment": "negative", "words": "battery"}])


class Texts(BaseModel):
    """One text or a list of them; half characters, as cutting an emoji leaves them, are cleaned away."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(None, examples=["It broke after two days, and nobody answers the phone."])
    texts: list[str] | None = Field(None, examples=[None])
    explain: bool = Field(
        False, examples=[True], description="Also tell which parts of each text carried its score; at most 10 texts."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("send either text or texts")
        return self

    def all(self) -> list[str]:
        """The texts, in order."""
        return [self.text] if self.text is not None else list(self.texts or [])


class Part(BaseModel):
    """A part of the text, and by how much it raises (above 0) or lowers the log-odds of positive: ln(p / (1 - p)) with
    it less that without it, p being the calibrated positive score."""

    start: int = Field(ge=0, examples=[31], description="Its first character, counted in Unicode code points from 0.")
    end: int = Field(ge=0, examples=[36], description="The character after its last.")
    kind: Literal["word", "passage"] = Field(description="A passage is a clause or some sentences; words lie in one.")
    contribution: float = Field(examples=[-1.2704])


class PredictionAnswer(BaseModel):
    """`confidence` is the calibrated probability of `sentiment`; `needs_review`: a person should read it; `mixed`:
    praise and blame together, or neither clearly."""

    sentiment: Literal["positive", "negative"]
    confidence: float = Field(examples=[0.981204])
    positive_score: float = Field(examples=[0.018796])
    needs_review: bool
    mixed: bool
    explanation: list[Part] | None = Field(
        None, description="What carried the score, in the order of the text; only where `explain` was asked for."
    )

    @classmethod
    def of(cls, found: Prediction, parts: list[Contribution] | None) -> Self:
        """The answer for a prediction; without the field `explanation` where there is none."""
        told = {} if parts is None else {"explanation": [Part(**asdict(part)) for part in parts]}
        return cls(**asdict(found), **told)


class Predictions(BaseModel):
    """One prediction for each text, in order, and facts about the model."""

    predictions: list[PredictionAnswer]
    model: dict[str, Any]


class ExplainedReview(BaseModel):
    """A review of a finished job: its title and text as they were scored together, which `explanation` counts in."""

    row: int
    text: str
    prediction: PredictionAnswer
    model: dict[str, Any]


class Health(BaseModel):
    """Whether it answers, and which of the things that it needs are there."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = {}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems that a route may answer."""
    texts = {
        400: "Not readable",
        401: "Not logged in",
        403: "Not permitted",
        404: "Not there, or not yours",
        409: "Not in its present state",
        413: "Too large",
        422: "Not usable as it is",
        429: "Too many requests",
        503: "Not right now",
    }
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": texts[status], "model": Problem, "content": content} for status in statuses}


def pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the statuses in which a log-in page comes again, saying why."""
    texts = {
        200: "A page that asks for one more thing",
        401: "The page again: what was wrong",
        403: "The page again: not permitted; or a problem: the form came from another site",
        409: "The page again: what was wrong",
        422: "The page again: what was wrong; or a problem: the form is too long",
        429: "The page again: too many attempts",
        503: "The page again: not right now",
    }
    html = {"text/html": {"schema": {"type": "string"}}}
    also = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": texts[status], "content": html | (also if status in (403, 422) else {})}
        for status in statuses
    }
