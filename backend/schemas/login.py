"""Log-in, tokens and the caller."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.schemas.common import Body, Secret


class Credentials(Body):
    """Name and password."""

    username: Secret = Field(examples=["ana"])
    password: Secret = Field(examples=["a long sentence is a good one"])


class RefreshToken(Body):
    """A refresh token."""

    refresh_token: Secret


class TokenAnswer(BaseModel):
    """Tokens; `expires_in` is the access token's life in seconds. `refresh_token` is '' if the old one stays valid."""

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
