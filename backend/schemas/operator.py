"""Users and log-in links, for the operator."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.schemas.common import Body, Secret


class UserName(Body):
    """The user whom a log-in link is for; a new user is created."""

    username: Secret = Field(examples=["ana"])


class NewUser(Body):
    """A user to add; without a password, one is generated."""

    username: Secret = Field(examples=["ana"])
    password: Secret | None = None


class LoginLink(BaseModel):
    """A link that logs the user in once."""

    url: str


class AddedUser(BaseModel):
    """The user added, and the password, which is shown only here."""

    username: str
    password: str
