"""Sign-up and a forgotten password."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.schemas.common import Body, Secret


class NewcomerName(Body):
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
