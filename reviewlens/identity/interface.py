"""The interface of a user pool; adapters: local (SQLite, argon2) and cognito. Both issue the same RS256 tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from reviewlens.identity.challenges import Challenge

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


class IdentityProvider(Protocol):
    """Raises AuthenticationError (wrong or expired credentials), RateLimitError, TransientError, ConfigurationError."""

    def login(self, name: str, password: str) -> Tokens | Challenge:
        """Exchange user name and password for tokens or a challenge.

        A wrong name and a wrong password raise the same error after the same time.
        """
        ...

    def answer(self, session: str, answer: str) -> Tokens | Challenge:
        """Answer a challenge; `session` is `Challenge.session`.

        AuthenticationError `wrong-code` (the same session may be used again) or `challenge-ended` (log in again);
        InputError `invalid-password` when the pool's rules reject a new password.
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


@dataclass(frozen=True)
class SignedUp:
    """A new user, who cannot log in until `confirmed`; `sent_to` is the masked address that the code was sent to."""

    confirmed: bool
    sent_to: str = ""


@runtime_checkable
class PasswordRecovery(Protocol):
    """A pool that sends codes for resetting a forgotten password. Errors as above, and InputError.

    Its results do not reveal whether an account exists.
    """

    def send_reset_code(self, name: str) -> None:
        """Send a code to the user's address; does nothing when the user or the address does not exist."""
        ...

    def reset_password(self, name: str, code: str, password: str) -> None:
        """Set a new password; AuthenticationError (`wrong-code`) for a wrong code and for an unknown user alike."""
        ...


@runtime_checkable
class SelfService(Protocol):
    """A pool with sign-up. Errors as above, and InputError, PermissionError_."""

    def sign_up(self, name: str, password: str, email: str) -> SignedUp:
        """Create a user; ConflictError (`user-exists`) when the name is taken."""
        ...

    def confirm(self, name: str, code: str) -> None:
        """Confirm a new user; AuthenticationError (`wrong-code`) for a wrong code and for an unknown user alike."""
        ...

    def send_code_again(self, name: str) -> None:
        """Send another code; does nothing when the user does not exist or is confirmed."""
        ...
