"""Sign-up and a forgotten password."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.schemas.common import Body, Secret


class NewcomerName(Body):
    """The name of a user who needs a code."""

    username: Secret = Field(examples=["ana"])


class Newcomer(NewcomerName):
    """A person who signs up."""

    password: Secret = Field(examples=["a long sentence is a good one"])
    email: Secret = Field(examples=["ana@example.org"])


class Confirmation(NewcomerName):
    """A user name and the code that was sent."""

    code: Secret = Field(examples=["123456"])


class NewPassword(Confirmation):
    """A user name, the code that was sent, and the new password."""

    password: Secret = Field(examples=["another long sentence"])


class SignUpAnswer(BaseModel):
    """Whether the user can log in at once; if not, the address to which a code was sent."""

    confirmed: bool
    sent_to: str = Field(examples=["a***@e***"])
