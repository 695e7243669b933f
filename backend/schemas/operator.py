"""Users and log-in links, for the operator."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.schemas.common import Body, Secret


class UserName(Body):
    """Whom a log-in link is for; made where there is no such user."""

    username: Secret = Field(examples=["ana"])


class NewUser(Body):
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
