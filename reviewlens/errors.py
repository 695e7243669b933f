"""The exception hierarchy: every error that ReviewLens raises on purpose.

ReviewLensError
 ├─ TerminalError            a retry does not help; the caller must change something
 │   ├─ InputError           the user's file, mapping or text is invalid
 │   ├─ LimitError           a limit from the settings is exceeded
 │   ├─ NotFoundError        the object, job or user does not exist or belongs to somebody else
 │   ├─ ConflictError        the state has changed: a conditional write lost, or a job's state does not allow the action
 │   ├─ AuthenticationError  the token is missing, invalid, expired or revoked, or the password is wrong
 │   ├─ PermissionError_     the caller is authenticated but not allowed
 │   └─ ConfigurationError   a setting, a model bundle or the installation is wrong
 └─ TransientError           a dependency failed; a later retry may succeed
     └─ RateLimitError       too many requests; retry after `retry_after_seconds`

Each has a stable `code` (kebab case, documented in docs/api.md) and a message that says what to change.
Adapters translate vendor exceptions into one of these, so that no vendor exception leaves an adapter.
"""

from __future__ import annotations


class ReviewLensError(Exception):
    """Base class. `code` is stable, `message` is for people, `details` is a small JSON-serialisable dictionary."""

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None, details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details or {}


class TerminalError(ReviewLensError):
    """A retry does not help."""

    default_code = "terminal-error"


class InputError(TerminalError):
    """The user's input is invalid."""

    default_code = "invalid-input"


class LimitError(TerminalError):
    """A limit from the settings is exceeded; `details` holds `limit`, `allowed` and, if known, `actual`."""

    default_code = "limit-exceeded"


class NotFoundError(TerminalError):
    """It does not exist, or the caller may not see it."""

    default_code = "not-found"


class ConflictError(TerminalError):
    """The current state does not allow the operation."""

    default_code = "conflict"


class AuthenticationError(TerminalError):
    """The caller is not authenticated."""

    default_code = "not-authenticated"


class PermissionError_(TerminalError):
    """The caller is authenticated but not allowed to do this."""

    default_code = "not-permitted"


class ConfigurationError(TerminalError):
    """The installation, a setting or a model bundle is wrong."""

    default_code = "misconfigured"


class TransientError(ReviewLensError):
    """A dependency failed; a later retry may succeed."""

    default_code = "temporarily-unavailable"


class RateLimitError(TransientError):
    """Too many requests."""

    default_code = "too-many-requests"

    def __init__(self, message: str, *, retry_after_seconds: int = 60, code: str | None = None) -> None:
        super().__init__(message, code=code, details={"retry_after_seconds": retry_after_seconds})
        self.retry_after_seconds = retry_after_seconds
