"""What a user pool promises; adapters: local (SQLite, argon2), cognito. Both speak the same RS256 tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class User:
    """A verified caller: `subject` (safe in a key, used as {user}), `name`, and groups such as 'admin'."""

    subject: str
    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tokens:
    """What a log-in hands out; `expires_in` in seconds is the access token's life.

    `refresh_token` is '' where it does not change.
    """

    access_token: str
    id_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - a scheme, not a secret


class IdentityProvider(Protocol):
    """Errors: AuthenticationError (wrong or expired proof), RateLimitError, TransientError."""

    def login(self, name: str, password: str) -> Tokens:
        """Swap name and password for tokens; the same error whether name or password is wrong, in the same time."""
        ...

    def refresh(self, refresh_token: str) -> Tokens:
        """New access and id tokens."""
        ...

    def logout(self, refresh_token: str) -> None:
        """Revoke a refresh token; an unknown one is fine."""
        ...

    def verify(self, access_token: str) -> User:
        """The caller, or AuthenticationError: signature (RS256 only), issuer, expiry, token_use 'access', client id."""
        ...
