"""The interface of a user pool; adapters: local (SQLite, argon2) and cognito. Both issue the same RS256 tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

ADMIN = "admin"
"""The group whose members see all users' jobs."""


@dataclass(frozen=True)
class User:
    """An authenticated user: `subject` (safe in a key, where it is {user}), `name`, and groups such as 'admin'."""

    subject: str
    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tokens:
    """The tokens of a log-in; `expires_in` is the lifetime of the access token in seconds.

    `refresh_token` is '' if it does not change.
    """

    access_token: str
    id_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - an authentication scheme, not a secret


@dataclass(frozen=True)
class LogInStart:
    """A log-in that a browser starts: `url` is the page to open; the browser keeps `secret` for `finish`."""

    url: str
    secret: str


class ManagedLogin(Protocol):
    """A user pool's own pages: log-in, sign-up, forgotten passwords, second factors. Errors as IdentityProvider."""

    @property
    def logout_url(self) -> str:
        """The address that ends the browser's session with the pool and then leads to the UI."""
        ...

    def start(self) -> LogInStart:
        """Start a log-in."""
        ...

    def finish(self, secret: str, answer: Mapping[str, str]) -> Tokens:
        """Exchange the parameters that the pool sends to the callback address for tokens.

        AuthenticationError `login-invalid` unless they answer the log-in of this `secret`, `login-refused` when the
        pool reports an error, `token-invalid` when the tokens do not belong to this log-in.
        """
        ...


class IdentityProvider(Protocol):
    """Raises AuthenticationError (wrong or expired credentials), RateLimitError, TransientError, ConfigurationError."""

    @property
    def managed_login(self) -> ManagedLogin | None:
        """The pool's own pages; None where the backend has a page for name and password."""
        ...

    def login(self, name: str, password: str) -> Tokens:
        """Exchange user name and password for tokens.

        A wrong name and a wrong password raise the same error after the same time. AuthenticationError
        `challenge-required` when the pool asks for more; the user then logs in on the page in its `details`.
        """
        ...

    def refresh(self, refresh_token: str) -> Tokens:
        """Return new access and id tokens, and the refresh token that replaces this one ('' if it stays valid)."""
        ...

    def logout(self, refresh_token: str) -> None:
        """End the session of a refresh token; an unknown one is ignored."""
        ...

    def verify(self, access_token: str) -> User:
        """Return the user of an access token, or raise AuthenticationError.

        Checks signature (RS256 only), issuer, expiry, token_use 'access' and client id.
        """
        ...
