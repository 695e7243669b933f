"""The errors that Cognito's error codes become, by operation."""

from __future__ import annotations

from reviewlens.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InputError,
    PermissionError_,
    RateLimitError,
    ReviewLensError,
    TransientError,
)
from reviewlens.identity.challenges import challenge_ended

ErrorsByCode = dict[str, ReviewLensError]


def wrong_credentials() -> AuthenticationError:
    """The same error for a wrong name, a wrong password, a locked user and a disabled user."""
    return AuthenticationError(
        "The user name or the password is wrong. After several failed attempts, wait a few minutes.",
        code="wrong-credentials",
    )


def wrong_code() -> AuthenticationError:
    """A code does not match or has expired."""
    return AuthenticationError("The code is wrong or has expired; try again.", code="wrong-code")


def wrong_reset_code() -> AuthenticationError:
    """The same error for a wrong, used or expired code, an unknown user and too many attempts."""
    return AuthenticationError(
        "The code is wrong or has expired. Request a new one; after several attempts, wait 15 minutes.",
        code="wrong-code",
    )


def session_ended() -> AuthenticationError:
    """The refresh token is revoked, expired or malformed."""
    return AuthenticationError("Your session has ended; log in again.", code="refresh-token-invalid")


def sign_up_disabled() -> PermissionError_:
    """Sign-up is disabled."""
    return PermissionError_("Sign-up is disabled; ask the operator to create a user for you.", code="sign-up-off")


def unsupported(
    message: str = "Your account requires a log-in method that ReviewLens does not support; ask the operator.",
) -> AuthenticationError:
    """Cognito asks for a challenge that ReviewLens does not support."""
    return AuthenticationError(message, code="login-unsupported")


def used_before() -> InputError:
    """The pool's password history rejects the password."""
    return InputError("You have used this password before; choose another one.", code="password-used-before")


def weak_password(reason: str) -> InputError:
    """Say what to change in the password, from Cognito's `reason`, which names the broken rule."""
    rules = {
        "long enough": "be longer",
        "length greater": "be longer",
        "uppercase": "have a capital letter",
        "lowercase": "have a lower-case letter",
        "numeric": "have a digit",
        "symbol": "have a symbol such as ! or ?",
    }
    broken = [change for rule, change in rules.items() if rule in reason]
    if not broken:
        broken = ["be longer, with capital and lower-case letters, digits and symbols"]
    last = broken.pop()
    return InputError(
        f"The password must {', '.join(broken)}{' and ' if broken else ''}{last}.", code="invalid-password"
    )


_POOL_THROTTLED = ("TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded")
_USER_THROTTLED = ("LimitExceededException", "TooManyFailedAttemptsException")


def _throttling_errors() -> ErrorsByCode:
    pool = RateLimitError("Too many log-ins right now; try again.", retry_after_seconds=10, code="too-many-logins")
    user = RateLimitError(
        "Too many attempts; wait 15 minutes before you try again.", retry_after_seconds=900, code="too-many-logins"
    )
    return {**dict.fromkeys(_POOL_THROTTLED, pool), **dict.fromkeys(_USER_THROTTLED, user)}


def _user_errors() -> ErrorsByCode:
    return {
        **_throttling_errors(),
        "PasswordResetRequiredException": AuthenticationError(
            "An administrator has reset your password. Enter the code sent to your email address and choose a new one.",
            code="password-reset-required",
        ),
        "UserNotConfirmedException": AuthenticationError(
            "Your email address is not confirmed yet. Enter the code sent to it, then log in.",
            code="user-not-confirmed",
        ),
        "UserLambdaValidationException": PermissionError_(
            "The rules of this user pool do not allow you to log in; ask the operator."
        ),
    }


def login_errors() -> ErrorsByCode:
    """Errors of InitiateAuth with a password."""
    client = ConfigurationError(
        "The Cognito app client (REVIEWLENS_COGNITO_CLIENT) must allow USER_PASSWORD_AUTH and have no secret.",
        code="cognito-misconfigured",
    )
    return {
        **_user_errors(),
        "NotAuthorizedException": wrong_credentials(),
        "UserNotFoundException": wrong_credentials(),
        "InvalidParameterException": client,
        "InvalidUserPoolConfigurationException": client,
        "UnsupportedOperationException": client,
    }


def answer_errors() -> ErrorsByCode:
    """Errors of RespondToAuthChallenge, AssociateSoftwareToken and VerifySoftwareToken."""
    codes = ("NotAuthorizedException", "UserNotFoundException", "InvalidParameterException", "ExpiredCodeException")
    return {
        **_user_errors(),
        **dict.fromkeys(codes, challenge_ended()),
        "CodeMismatchException": wrong_code(),
        "EnableSoftwareTokenMFAException": wrong_code(),
        "SoftwareTokenMFANotFoundException": unsupported(),
        "MFAMethodNotFoundException": unsupported(),
        "InvalidPasswordException": weak_password(""),
        "PasswordHistoryPolicyViolationException": used_before(),
    }


def refresh_errors() -> ErrorsByCode:
    """Errors of InitiateAuth with a refresh token."""
    codes = ("NotAuthorizedException", "UserNotFoundException", "InvalidParameterException")
    return {**_user_errors(), **dict.fromkeys(codes, session_ended())}


def logout_errors() -> ErrorsByCode:
    """Errors of RevokeToken; the caller ignores `session_ended`, as an invalid token needs no revocation."""
    codes = (
        "NotAuthorizedException",
        "UnauthorizedException",
        "InvalidParameterException",
        "UnsupportedTokenTypeException",
    )
    return {**_throttling_errors(), **dict.fromkeys(codes, session_ended())}


def sign_up_errors() -> ErrorsByCode:
    """Errors of SignUp."""
    taken = ConflictError("This user name is taken; choose another one.", code="user-exists")
    return {
        **_user_errors(),
        "UsernameExistsException": taken,
        "AliasExistsException": taken,
        "NotAuthorizedException": sign_up_disabled(),
        "InvalidPasswordException": weak_password(""),
        "InvalidParameterException": InputError(
            "The user pool does not accept this user name or email address; check both.", code="sign-up-invalid"
        ),
        "CodeDeliveryFailureException": TransientError(
            "The user was created, but the code could not be sent; request another one in a few minutes.",
            code="code-not-sent",
        ),
    }


def confirmation_errors() -> ErrorsByCode:
    """Errors of ConfirmSignUp: an unknown or already confirmed user gives the same error as a wrong code."""
    codes = (
        "CodeMismatchException",
        "ExpiredCodeException",
        "UserNotFoundException",
        "NotAuthorizedException",
        "AliasExistsException",
        "InvalidParameterException",
    )
    return {**_user_errors(), **dict.fromkeys(codes, wrong_code())}


def resend_errors() -> ErrorsByCode:
    """Errors of ResendConfirmationCode."""
    codes = ("UserNotFoundException", "NotAuthorizedException", "InvalidParameterException")
    return {
        **_user_errors(),
        **dict.fromkeys(codes, wrong_code()),
        "CodeDeliveryFailureException": TransientError(
            "The code could not be sent; request another one in a few minutes.", code="code-not-sent"
        ),
    }


_REVEALS_ACCOUNT = (
    *_USER_THROTTLED,
    "CodeMismatchException",
    "ExpiredCodeException",
    "InvalidParameterException",
    "NotAuthorizedException",
    "PasswordResetRequiredException",
    "UserLambdaValidationException",
    "UserNotConfirmedException",
    "UserNotFoundException",
)
"""Codes that reveal whether an account exists, or its state."""


def forgotten_password_errors() -> ErrorsByCode:
    """Errors of ForgotPassword: every error that reveals whether an account exists is replaced by the same generic one.

    The caller does not report that error to the user.
    """
    codes = (*_REVEALS_ACCOUNT, "CodeDeliveryFailureException")
    return {**_throttling_errors(), **dict.fromkeys(codes, wrong_reset_code())}


def new_password_errors() -> ErrorsByCode:
    """Errors of ConfirmForgotPassword; only a user with a valid code learns what is wrong with the password."""
    return {
        **_throttling_errors(),
        **dict.fromkeys(_REVEALS_ACCOUNT, wrong_reset_code()),
        "InvalidPasswordException": weak_password(""),
        "PasswordHistoryPolicyViolationException": used_before(),
    }
