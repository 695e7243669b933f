"""What a user pool promises; adapters: local (SQLite, argon2), cognito. Both speak the same RS256 tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from reviewlens.identity.challenges import Challenge

ADMIN = "admin"
"""The group that sees everybody's jobs."""


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
    """Errors: AuthenticationError (wrong or expired proof), RateLimitError, TransientError, ConfigurationError."""

    def login(self, name: str, password: str) -> Tokens | Challenge:
        """Swap name and password for tokens, or for one more question.

        The same error whether name or password is wrong, in the same time.
        """
        ...

    def answer(self, session: str, answer: str) -> Tokens | Challenge:
        """Answer the question of a Challenge; `session` is that of the Challenge.

        AuthenticationError `wrong-code` (the same session may be used again) or `challenge-ended` (log in again);
        InputError `invalid-password` where the pool's rules refuse a new password.
        """
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


@dataclass(frozen=True)
class SignedUp:
    """A user that was made; until `confirmed` it cannot log in. `sent_to` says where the code went."""

    confirmed: bool
    sent_to: str = ""


@runtime_checkable
class Recovery(Protocol):
    """A pool that sends codes with which people set a forgotten password anew. Errors as above, and InputError.

    Nobody can tell from it who has an account.
    """

    def send_reset_code(self, name: str) -> None:
        """Send a code to the user's address; silent when there is no such user or address."""
        ...

    def reset_password(self, name: str, code: str, password: str) -> None:
        """Set a new password with the code that was sent; AuthenticationError (`wrong-code`) for a wrong code and an
        unknown name alike."""
        ...


@runtime_checkable
class SelfService(Protocol):
    """A pool in which people may make themselves a user. Errors as above, and InputError, PermissionError_."""

    def sign_up(self, name: str, password: str, email: str) -> SignedUp:
        """A new user; ConflictError (`user-exists`) when the name is taken."""
        ...

    def confirm(self, name: str, code: str) -> None:
        """Confirm a new user; AuthenticationError (`wrong-code`) for a wrong code and for an unknown name alike."""
        ...

    def send_code_again(self, name: str) -> None:
        """Send another code; silent when there is nobody to send one to."""
        ...
