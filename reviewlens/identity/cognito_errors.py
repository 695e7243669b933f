"""The errors that Cognito's error codes become, by operation."""

from __future__ import annotations

from reviewlens.errors import (
    AuthenticationError,
    ConfigurationError,
    PermissionError_,
    RateLimitError,
    ReviewLensError,
)

ErrorsByCode = dict[str, ReviewLensError]


def wrong_credentials() -> AuthenticationError:
    """The same error for a wrong name, a wrong password, a locked user and a disabled user."""
    return AuthenticationError(
        "The user name or the password is wrong. After several failed attempts, wait a few minutes.",
        code="wrong-credentials",
    )


def more_required(page: str) -> AuthenticationError:
    """The pool asks for more than a password, which the user enters on its log-in `page`."""
    return AuthenticationError(
        f"The user pool asks for more than a password: log in with a browser at {page}. Programs need a user with a "
        "permanent password and without a second factor.",
        code="challenge-required",
        details={"page": page},
    )


def session_ended() -> AuthenticationError:
    """The refresh token is revoked, expired or malformed."""
    return AuthenticationError("Your session has ended; log in again.", code="refresh-token-invalid")


def _throttling_errors() -> ErrorsByCode:
    pool = RateLimitError("Too many log-ins right now; try again.", retry_after_seconds=10, code="too-many-logins")
    user = RateLimitError(
        "Too many attempts; wait 15 minutes before you try again.", retry_after_seconds=900, code="too-many-logins"
    )
    codes = ("TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded")
    return {**dict.fromkeys(codes, pool), "LimitExceededException": user}


def login_errors(page: str) -> ErrorsByCode:
    """Errors of InitiateAuth with a password; `page` is where users finish what the pool requires of them."""
    client = ConfigurationError(
        "The Cognito app client (REVIEWLENS_COGNITO_CLIENT) must allow USER_PASSWORD_AUTH and have no secret.",
        code="cognito-misconfigured",
    )
    return {
        **_throttling_errors(),
        "NotAuthorizedException": wrong_credentials(),
        "UserNotFoundException": wrong_credentials(),
        "PasswordResetRequiredException": more_required(page),
        "UserNotConfirmedException": more_required(page),
        "UserLambdaValidationException": PermissionError_(
            "The rules of this user pool do not allow you to log in; ask the operator."
        ),
        "InvalidParameterException": client,
        "InvalidUserPoolConfigurationException": client,
        "UnsupportedOperationException": client,
    }


def refresh_errors() -> ErrorsByCode:
    """Errors of InitiateAuth with a refresh token."""
    codes = (
        "NotAuthorizedException",
        "UserNotFoundException",
        "InvalidParameterException",
        "PasswordResetRequiredException",
        "UserNotConfirmedException",
        "UserLambdaValidationException",
    )
    return {**_throttling_errors(), **dict.fromkeys(codes, session_ended())}


def logout_errors() -> ErrorsByCode:
    """Errors of RevokeToken; the caller ignores `session_ended`, as an invalid token needs no revocation."""
    codes = (
        "NotAuthorizedException",
        "UnauthorizedException",
        "InvalidParameterException",
        "UnsupportedTokenTypeException",
    )
    return {**_throttling_errors(), **dict.fromkeys(codes, session_ended())}
