"""A Cognito user pool: log-in with challenges, refresh, revocation, password reset and sign-up."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from reviewlens import aws
from reviewlens.errors import AuthenticationError, ConfigurationError, InputError, ReviewLensError
from reviewlens.identity import cognito_errors as errors
from reviewlens.identity.challenges import Challenge, ChallengeKind, challenge_ended
from reviewlens.identity.interface import SignedUp, Tokens, User
from reviewlens.identity.jwks import KeySet
from reviewlens.identity.limiter import RateLimiter
from reviewlens.identity.passwords import MAX_PASSWORD_CHARS, normal_name
from reviewlens.identity.tokens import TokenVerifier
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)
_SERVICE = "cognito-idp"
_CHALLENGES = {
    ChallengeKind.NEW_PASSWORD: ("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD"),
    ChallengeKind.CODE_FROM_APP: ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE"),
    ChallengeKind.CODE_BY_SMS: ("SMS_MFA", "SMS_MFA_CODE"),
    ChallengeKind.CODE_BY_EMAIL: ("EMAIL_OTP", "EMAIL_OTP_CODE"),
    ChallengeKind.SET_UP_APP: ("MFA_SETUP", ""),
}
"""For each kind, Cognito's name for it and the response field that takes the answer."""
_KINDS = {name: kind for kind, (name, _) in _CHALLENGES.items()}

# Values that Cognito would reject as a malformed request are rejected here, with the error of a wrong value.
_NAME_CHARS = range(1, 129)
_CODE_CHARS = range(6, 9)
_APP_CODE_CHARS = range(6, 7)
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]+\.[^\s@]+")
_REFRESH_TOKEN = re.compile(r"[A-Za-z0-9_.=-]{20,8192}")
_PROOF_CHARS = range(20, 4097)


class CognitoIdentity:
    """Implements IdentityProvider, PasswordRecovery and SelfService with a user pool's app client without a secret."""

    def __init__(self, settings: Settings, client: Any = None) -> None:
        self._client_id = settings.cognito_client
        self._sign_up_allowed = settings.sign_up
        issuer = settings.cognito_issuer or _issuer(settings.cognito_user_pool)
        self.keys = KeySet(settings.cognito_jwks_url or f"{issuer}/.well-known/jwks.json")
        self._verifier = TokenVerifier(self.keys, issuer, self._client_id)
        # A user is waiting: fewer attempts and shorter timeouts than for other services.
        self._client = client or aws.client(
            _SERVICE, connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
        )
        self._attempts = RateLimiter(
            settings.login_attempts_per_minute,
            "Too many log-in attempts for this user name; try again later.",
            code="too-many-logins",
        )

    # -- IdentityProvider ---------------------------------------------------------------------------------------------

    def login(self, name: str, password: str) -> Tokens | Challenge:
        """See IdentityProvider.login."""
        name = name.strip()
        self._check_rate("login", name)
        if not (_is_name(name) and 1 <= len(password) <= MAX_PASSWORD_CHARS and _is_encodable(password)):
            raise errors.wrong_credentials()
        with _translated(errors.login_errors()):
            response = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": password},
            )
        return self._tokens_or_challenge(response, name)

    def answer(self, session: str, answer: str) -> Tokens | Challenge:
        """See IdentityProvider.answer."""
        challenge = Challenge.from_session(session)
        if len(challenge.proof) not in _PROOF_CHARS or not _is_name(challenge.name):
            raise challenge_ended()
        self._check_rate("answer", challenge.name)
        challenge_name, field = _CHALLENGES[challenge.kind]
        proof, responses = challenge.proof, {"USERNAME": challenge.name}
        if challenge.kind is ChallengeKind.NEW_PASSWORD:
            responses[field] = _new_password(answer)
        elif challenge.kind is ChallengeKind.SET_UP_APP:
            proof = self._verify_app(proof, _code(answer, _APP_CODE_CHARS))
        else:
            by_app = challenge.kind is ChallengeKind.CODE_FROM_APP
            responses[field] = _code(answer, _APP_CODE_CHARS if by_app else _CODE_CHARS)
        with _translated(errors.answer_errors()):
            response = self._client.respond_to_auth_challenge(
                ClientId=self._client_id, ChallengeName=challenge_name, Session=proof, ChallengeResponses=responses
            )
        return self._tokens_or_challenge(response, challenge.name)

    def refresh(self, refresh_token: str) -> Tokens:
        """See IdentityProvider.refresh; the refresh token stays valid."""
        if not _REFRESH_TOKEN.fullmatch(refresh_token):
            raise errors.session_ended()
        with _translated(errors.refresh_errors()):
            response = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": refresh_token},
            )
        if "AuthenticationResult" not in response:
            raise errors.session_ended()
        return _tokens(response["AuthenticationResult"], refresh_token="")

    def logout(self, refresh_token: str) -> None:
        """See IdentityProvider.logout; access tokens stay valid until they expire."""
        if not _REFRESH_TOKEN.fullmatch(refresh_token):
            return
        with contextlib.suppress(AuthenticationError), _translated(errors.logout_errors()):
            self._client.revoke_token(Token=refresh_token, ClientId=self._client_id)

    def verify(self, access_token: str) -> User:
        """See IdentityProvider.verify; TransientError while the pool's keys cannot be fetched."""
        return self._verifier.verify(access_token)

    # -- PasswordRecovery ---------------------------------------------------------------------------------------------

    def send_reset_code(self, name: str) -> None:
        """See PasswordRecovery.send_reset_code; also silent when too many codes were sent to this user."""
        name = name.strip()
        self._check_rate("forgotten", name)
        if not _is_name(name):
            return
        try:
            with _translated(errors.forgotten_password_errors()):
                self._client.forgot_password(ClientId=self._client_id, Username=name)
        except AuthenticationError as error:  # only the log says why: the caller must not learn which users exist
            cause = error.__cause__
            _log.info("no reset code sent: %s", aws.error_code(cause) if isinstance(cause, ClientError) else error.code)

    def reset_password(self, name: str, code: str, password: str) -> None:
        """See PasswordRecovery.reset_password; sessions stay logged in."""
        name = name.strip()
        self._check_rate("forgotten", name)
        password = _new_password(password)
        if not _is_name(name):
            raise errors.wrong_reset_code()
        with _translated(errors.new_password_errors()):
            self._client.confirm_forgot_password(
                ClientId=self._client_id, Username=name, ConfirmationCode=_code(code), Password=password
            )

    # -- SelfService --------------------------------------------------------------------------------------------------

    def sign_up(self, name: str, password: str, email: str) -> SignedUp:
        """See SelfService.sign_up; Cognito sends the code that confirms the address."""
        self._must_allow_sign_up()
        name, email = normal_name(name), email.strip()
        if not (_EMAIL.fullmatch(email) and len(email) <= 254 and _is_encodable(email)):
            raise InputError("Enter an email address such as ana@example.org.", code="invalid-email")
        password = _new_password(password)
        with _translated(errors.sign_up_errors()):
            response = self._client.sign_up(
                ClientId=self._client_id,
                Username=name,
                Password=password,
                UserAttributes=[{"Name": "email", "Value": email}],
            )
        sent_to = response.get("CodeDeliveryDetails", {}).get("Destination", "")
        return SignedUp(bool(response["UserConfirmed"]), str(sent_to))

    def confirm(self, name: str, code: str) -> None:
        """See SelfService.confirm."""
        self._must_allow_sign_up()
        name = name.strip()
        self._check_rate("confirm", name)
        if not _is_name(name):
            raise errors.wrong_code()
        with _translated(errors.confirmation_errors()):
            self._client.confirm_sign_up(ClientId=self._client_id, Username=name, ConfirmationCode=_code(code))

    def send_code_again(self, name: str) -> None:
        """See SelfService.send_code_again."""
        self._must_allow_sign_up()
        name = name.strip()
        self._check_rate("confirm", name)
        if not _is_name(name):
            return
        with contextlib.suppress(AuthenticationError), _translated(errors.resend_errors()):
            self._client.resend_confirmation_code(ClientId=self._client_id, Username=name)

    def _must_allow_sign_up(self) -> None:
        if not self._sign_up_allowed:
            raise errors.sign_up_disabled()

    # -- Helpers ------------------------------------------------------------------------------------------------------

    def _tokens_or_challenge(self, response: dict[str, Any], name: str) -> Tokens | Challenge:
        """Read a response of InitiateAuth or RespondToAuthChallenge."""
        if "AuthenticationResult" in response:
            result = response["AuthenticationResult"]
            return _tokens(result, refresh_token=str(result.get("RefreshToken", "")))
        parameters = response.get("ChallengeParameters", {})
        kind, proof = _KINDS.get(str(response.get("ChallengeName", ""))), str(response.get("Session", ""))
        name = str(
            parameters.get("USER_ID_FOR_SRP", name)
        )  # after a log-in with an alias Cognito expects the user name
        if kind is ChallengeKind.NEW_PASSWORD and _json_list(parameters.get("requiredAttributes", "[]")):
            raise errors.unsupported(
                "Your account lacks an attribute that the user pool requires; ask the operator to add it."
            )
        if kind is ChallengeKind.SET_UP_APP:
            if "SOFTWARE_TOKEN_MFA" not in _json_list(parameters.get("MFAS_CAN_SETUP", '["SOFTWARE_TOKEN_MFA"]')):
                raise errors.unsupported()
            with _translated(errors.answer_errors()):
                token = self._client.associate_software_token(Session=proof)
            return Challenge(kind, name, str(token["Session"]), secret=str(token["SecretCode"]))
        if kind is None:
            raise errors.unsupported()
        return Challenge(kind, name, proof, sent_to=str(parameters.get("CODE_DELIVERY_DESTINATION", "")))

    def _verify_app(self, proof: str, code: str) -> str:
        """Verify the first code of an authenticator app; returns Cognito's session for the next request."""
        with _translated(errors.answer_errors()):
            response = self._client.verify_software_token(Session=proof, UserCode=code, FriendlyDeviceName="ReviewLens")
        if response.get("Status") != "SUCCESS":
            raise errors.wrong_code()
        return str(response["Session"])

    def _check_rate(self, action: str, name: str) -> None:
        key = name.casefold() if len(name) <= 64 else hashlib.sha256(name.encode(errors="replace")).hexdigest()
        self._attempts.check(f"{action} {key}")


def _issuer(pool: str) -> str:
    region, _, suffix = pool.partition("_")
    if not (region and suffix):
        raise ConfigurationError(
            "REVIEWLENS_COGNITO_USER_POOL must be a user pool id such as eu-west-1_AbCdEf123.",
            code="cognito-misconfigured",
        )
    return f"https://cognito-idp.{region}.amazonaws.com/{pool}"


def _tokens(result: dict[str, Any], *, refresh_token: str) -> Tokens:
    return Tokens(str(result["AccessToken"]), str(result.get("IdToken", "")), refresh_token, int(result["ExpiresIn"]))


def _new_password(password: str) -> str:
    if not (1 <= len(password) <= MAX_PASSWORD_CHARS and _is_encodable(password)):
        raise InputError(f"A password must have 1 to {MAX_PASSWORD_CHARS} characters.", code="invalid-password")
    return password


def _code(answer: str, chars: range = _CODE_CHARS) -> str:
    code = re.sub(r"[\s-]", "", answer)
    if not (code.isascii() and code.isdigit() and len(code) in chars):
        raise errors.wrong_code()
    return code


def _is_name(name: str) -> bool:
    """Whether Cognito accepts it as a name: letters, marks, numbers, punctuation and symbols."""
    return len(name) in _NAME_CHARS and all(unicodedata.category(char)[0] in "LMNPS" for char in name)


def _json_list(text: str) -> list[object]:
    """Parse a list that Cognito sends as JSON text; anything else is an empty list."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return value if isinstance(value, list) else []


def _is_encodable(text: str) -> bool:
    """Whether it has no lone surrogate, which cannot be sent as UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


@contextlib.contextmanager
def _translated(errors_by_code: dict[str, ReviewLensError]) -> Iterator[None]:
    """Translate Cognito's errors; the error for a rejected password names the rules that it breaks."""
    try:
        with aws.translate_errors(_SERVICE, errors_by_code):
            yield
    except InputError as error:
        if error.code == "invalid-password" and isinstance(error.__cause__, ClientError):
            reason = str(error.__cause__.response.get("Error", {}).get("Message", ""))
            raise errors.weak_password(reason) from error
        raise
