"""Every error that ReviewLens raises on purpose, in one tree.

ReviewLensError
 ├─ TerminalError            trying again changes nothing; the caller must change something
 │   ├─ InputError           a file, mapping or text that the person gave is at fault
 │   ├─ LimitError           a named limit in the settings was exceeded
 │   ├─ NotFoundError        no such object, job or user (also: not yours)
 │   ├─ ConflictError        the state has moved on: a conditional write lost, a job cannot do that now
 │   ├─ AuthenticationError  who are you? a missing, bad, expired or revoked token; a wrong password
 │   ├─ PermissionError_     you are known, and may not
 │   └─ ConfigurationError   a setting, a model bundle or an installation is wrong
 └─ TransientError           trying again later may work: the surroundings failed
     └─ RateLimitError       too many requests; retry after `retry_after_seconds`

Each carries a stable `code` (kebab case, documented in docs/api.md) and a message in plain words: what to change.
Vendor exceptions never leave an adapter: they are mapped to one of these.
"""

from __future__ import annotations


class ReviewLensError(Exception):
    """Base of the tree. `code` is stable, `message` for people; `details` are small JSON-able facts."""

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None, details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details or {}


class TerminalError(ReviewLensError):
    """Trying again changes nothing."""

    default_code = "terminal-error"


class InputError(TerminalError):
    """What the person gave is at fault."""

    default_code = "invalid-input"


class LimitError(TerminalError):
    """A named limit was exceeded; `details` holds `limit`, `allowed` and, where known, `actual`."""

    default_code = "limit-exceeded"


class NotFoundError(TerminalError):
    """It does not exist, or not for this caller."""

    default_code = "not-found"


class ConflictError(TerminalError):
    """The state has moved on."""

    default_code = "conflict"


class AuthenticationError(TerminalError):
    """No valid proof of who is calling."""

    default_code = "not-authenticated"


class PermissionError_(TerminalError):
    """The caller is known and may not do this."""

    default_code = "not-permitted"


class ConfigurationError(TerminalError):
    """The installation, a setting or a model bundle is wrong."""

    default_code = "misconfigured"


class TransientError(ReviewLensError):
    """The surroundings failed; trying again may work."""

    default_code = "temporarily-unavailable"


class RateLimitError(TransientError):
    """Too many requests."""

    default_code = "too-many-requests"

    def __init__(self, message: str, *, retry_after_seconds: int = 60, code: str | None = None) -> None:
        super().__init__(message, code=code, details={"retry_after_seconds": retry_after_seconds})
        self.retry_after_seconds = retry_after_seconds
