"""What Cognito's error codes mean for the person who logs in, by what was being done."""

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
from reviewlens.identity.challenges import ended

Known = dict[str, ReviewLensError]


def wrong_credentials() -> AuthenticationError:
    """The same for a wrong name, a wrong password, a locked and a disabled user."""
    return AuthenticationError(
        "The user name or the password is wrong. After several wrong tries wait some minutes before the next.",
        code="wrong-credentials",
    )


def wrong_code() -> AuthenticationError:
    """A code that does not fit."""
    return AuthenticationError("That code is wrong or no longer good; try again.", code="wrong-code")


def wrong_reset_code() -> AuthenticationError:
    """The same for a wrong, used or late code, an unknown name, and too many tries."""
    return AuthenticationError(
        "That code is wrong or no longer good. Ask for another one; after several tries wait a quarter of an hour.",
        code="wrong-code",
    )


def session_ended() -> AuthenticationError:
    """A refresh token that is revoked, expired or none."""
    return AuthenticationError("Your log-in has ended; log in again.", code="refresh-token-invalid")


def sign_up_off() -> PermissionError_:
    """Nobody may make themselves a user."""
    return PermissionError_("Sign-up is turned off here; ask whoever runs ReviewLens for a user.", code="sign-up-off")


def unsupported(
    words: str = "Your account asks for a way to log in that ReviewLens does not have; ask whoever runs it.",
) -> AuthenticationError:
    """A question of Cognito's that there is no page for."""
    return AuthenticationError(words, code="login-unsupported")


def used_before() -> InputError:
    """A password that the pool's rules remember."""
    return InputError("You have had this password before; choose another one.", code="password-used-before")


def weak_password(why: str) -> InputError:
    """From Cognito's reason, which names the rule that is broken, to what to change."""
    rules = {
        "long enough": "be longer",
        "length greater": "be longer",
        "uppercase": "have a capital letter",
        "lowercase": "have a small letter",
        "numeric": "have a digit",
        "symbol": "have a sign such as ! or ?",
    }
    broken = [words for sign, words in rules.items() if sign in why]
    if not broken:
        broken = ["be longer, with capital and small letters, digits and signs"]
    last = broken.pop()
    return InputError(
        f"The password must {', '.join(broken)}{' and ' if broken else ''}{last}.", code="invalid-password"
    )


def _busy() -> Known:
    now = "Too many log-ins at this moment; try again in a little while."
    later = "That was tried too often; wait a quarter of an hour before you try again."
    busy: Known = {code: RateLimitError(now, retry_after_seconds=10, code="too-many-logins") for code in _BUSY_FOR_ALL}
    for code in _BUSY_FOR_ONE:
        busy[code] = RateLimitError(later, retry_after_seconds=900, code="too-many-logins")
    return busy


_BUSY_FOR_ALL = ("TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded")
_BUSY_FOR_ONE = ("LimitExceededException", "TooManyFailedAttemptsException")


def _of_the_user() -> Known:
    return {
        **_busy(),
        "PasswordResetRequiredException": AuthenticationError(
            "Your password was taken back. Enter the code that was sent to your address, and choose a new one.",
            code="password-reset-required",
        ),
        "UserNotConfirmedException": AuthenticationError(
            "Your email address is not confirmed yet. Enter the code that was sent to it, then log in.",
            code="user-not-confirmed",
        ),
        "UserLambdaValidationException": PermissionError_(
            "The rules of this user pool do not let you log in; ask whoever runs ReviewLens."
        ),
    }


def at_login() -> Known:
    """InitiateAuth with a password."""
    client = ConfigurationError(
        "The Cognito app client must allow USER_PASSWORD_AUTH and have no secret; REVIEWLENS_COGNITO_CLIENT names it.",
        code="cognito-misconfigured",
    )
    return {
        **_of_the_user(),
        "NotAuthorizedException": wrong_credentials(),
        "UserNotFoundException": wrong_credentials(),
        "InvalidParameterException": client,
        "InvalidUserPoolConfigurationException": client,
        "UnsupportedOperationException": client,
    }


def at_answer() -> Known:
    """RespondToAuthChallenge and what sets an authenticator app up."""
    codes = ("NotAuthorizedException", "UserNotFoundException", "InvalidParameterException", "ExpiredCodeException")
    return {
        **_of_the_user(),
        **{code: ended() for code in codes},
        "CodeMismatchException": wrong_code(),
        "EnableSoftwareTokenMFAException": wrong_code(),
        "SoftwareTokenMFANotFoundException": unsupported(),
        "MFAMethodNotFoundException": unsupported(),
        "InvalidPasswordException": weak_password(""),
        "PasswordHistoryPolicyViolationException": used_before(),
    }


def at_refresh() -> Known:
    """InitiateAuth with a refresh token."""
    codes = ("NotAuthorizedException", "UserNotFoundException", "InvalidParameterException")
    return {**_of_the_user(), **{code: session_ended() for code in codes}}


def at_logout() -> Known:
    """RevokeToken: what is no refresh token of ours needs no revoking."""
    codes = (
        "NotAuthorizedException",
        "UnauthorizedException",
        "InvalidParameterException",
        "UnsupportedTokenTypeException",
    )
    return {**_busy(), **{code: session_ended() for code in codes}}


def at_sign_up() -> Known:
    """SignUp."""
    taken = ConflictError("There is a user of this name already; choose another name.", code="user-exists")
    return {
        **_of_the_user(),
        "UsernameExistsException": taken,
        "AliasExistsException": taken,
        "NotAuthorizedException": sign_up_off(),
        "InvalidPasswordException": weak_password(""),
        "InvalidParameterException": InputError(
            "The user pool does not take this name or this email address; check both.", code="sign-up-invalid"
        ),
        "CodeDeliveryFailureException": TransientError(
            "The user was made, but the code could not be sent; ask for another one in a few minutes.",
            code="code-not-sent",
        ),
    }


def at_confirmation() -> Known:
    """ConfirmSignUp: an unknown user and one that is confirmed look like a wrong code."""
    codes = (
        "CodeMismatchException",
        "ExpiredCodeException",
        "UserNotFoundException",
        "NotAuthorizedException",
        "AliasExistsException",
        "InvalidParameterException",
    )
    return {**_of_the_user(), **{code: wrong_code() for code in codes}}


def at_resend() -> Known:
    """ResendConfirmationCode."""
    codes = ("UserNotFoundException", "NotAuthorizedException", "InvalidParameterException")
    return {
        **_of_the_user(),
        **{code: wrong_code() for code in codes},
        "CodeDeliveryFailureException": TransientError(
            "The code could not be sent; ask for another one in a few minutes.", code="code-not-sent"
        ),
    }


_TELLS_WHO_EXISTS = (
    *_BUSY_FOR_ONE,
    "CodeMismatchException",
    "ExpiredCodeException",
    "InvalidParameterException",
    "NotAuthorizedException",
    "PasswordResetRequiredException",
    "UserLambdaValidationException",
    "UserNotConfirmedException",
    "UserNotFoundException",
)
"""Which of these comes depends on whether there is such a user and how it stands with it."""


def at_forgotten() -> Known:
    """ForgotPassword: all that would tell who has an account is one error, which nobody is told."""
    codes = (*_TELLS_WHO_EXISTS, "CodeDeliveryFailureException")
    return {**_busy(), **{code: wrong_reset_code() for code in codes}}


def at_new_password() -> Known:
    """ConfirmForgotPassword; what is wrong with the password is told to whoever has the code."""
    return {
        **_busy(),
        **{code: wrong_reset_code() for code in _TELLS_WHO_EXISTS},
        "InvalidPasswordException": weak_password(""),
        "PasswordHistoryPolicyViolationException": used_before(),
    }
