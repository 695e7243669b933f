"""A Cognito user pool: log-in with its further questions, refresh, revocation, forgotten passwords, and sign-up."""

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
from reviewlens.identity.challenges import Challenge, ChallengeKind, ended
from reviewlens.identity.interface import SignedUp, Tokens, User
from reviewlens.identity.jwks import KeySet
from reviewlens.identity.limiter import RateLimiter
from reviewlens.identity.passwords import MAX_PASSWORD_CHARS, normal_name
from reviewlens.identity.tokens import TokenVerifier
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)
_SERVICE = "cognito-idp"
_QUESTIONS = {
    ChallengeKind.NEW_PASSWORD: ("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD"),
    ChallengeKind.CODE_FROM_APP: ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE"),
    ChallengeKind.CODE_BY_SMS: ("SMS_MFA", "SMS_MFA_CODE"),
    ChallengeKind.CODE_BY_EMAIL: ("EMAIL_OTP", "EMAIL_OTP_CODE"),
    ChallengeKind.SET_UP_APP: ("MFA_SETUP", ""),
}
"""Our kinds in Cognito's words, and the field that takes the answer."""
_KINDS = {name: kind for kind, (name, _) in _QUESTIONS.items()}

# What could never be right is refused here: Cognito would call it a fault of the request.
_NAME_CHARS = range(1, 129)
_CODE_CHARS = range(6, 9)
_APP_CODE_CHARS = range(6, 7)
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]+\.[^\s@]+")
_REFRESH_TOKEN = re.compile(r"[A-Za-z0-9_.=-]{20,8192}")
_PROOF_CHARS = range(20, 4097)


class CognitoIdentity:
    """IdentityProvider, Recovery and SelfService over one user pool and one of its app clients, which has no secret."""

    def __init__(self, settings: Settings, client: Any = None) -> None:
        self._client_id = settings.cognito_client
        self._sign_up_allowed = settings.sign_up
        issuer = settings.cognito_issuer or _issuer(settings.cognito_user_pool)
        self.keys = KeySet(settings.cognito_jwks_url or f"{issuer}/.well-known/jwks.json")
        self._verifier = TokenVerifier(self.keys, issuer, self._client_id)
        # A person waits for the answer: fewer and shorter attempts than for other services.
        self._client = client or aws.client(
            _SERVICE, connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
        )
        self._attempts = RateLimiter(
            settings.login_attempts_per_minute,
            "Too many log-in attempts for this name; wait a little.",
            code="too-many-logins",
        )

    # -- IdentityProvider ---------------------------------------------------------------------------------------------

    def login(self, name: str, password: str) -> Tokens | Challenge:
        """Swap name and password for tokens, or for one more question."""
        name = name.strip()
        self._count("login", name)
        if not (_is_name(name) and 1 <= len(password) <= MAX_PASSWORD_CHARS and _whole(password)):
            raise errors.wrong_credentials()
        with _told(errors.at_login()):
            found = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": password},
            )
        return self._outcome(found, name)

    def answer(self, session: str, answer: str) -> Tokens | Challenge:
        """Answer a question."""
        challenge = Challenge.from_session(session)
        if len(challenge.proof) not in _PROOF_CHARS or not _is_name(challenge.name):
            raise ended()
        self._count("answer", challenge.name)
        question, field = _QUESTIONS[challenge.kind]
        proof, responses = challenge.proof, {"USERNAME": challenge.name}
        if challenge.kind is ChallengeKind.NEW_PASSWORD:
            responses[field] = _new_password(answer)
        elif challenge.kind is ChallengeKind.SET_UP_APP:
            proof = self._prove_app(proof, _code(answer, _APP_CODE_CHARS))
        else:
            by_app = challenge.kind is ChallengeKind.CODE_FROM_APP
            responses[field] = _code(answer, _APP_CODE_CHARS if by_app else _CODE_CHARS)
        with _told(errors.at_answer()):
            found = self._client.respond_to_auth_challenge(
                ClientId=self._client_id, ChallengeName=question, Session=proof, ChallengeResponses=responses
            )
        return self._outcome(found, challenge.name)

    def refresh(self, refresh_token: str) -> Tokens:
        """New access and id tokens; the refresh token stays as it is."""
        if not _REFRESH_TOKEN.fullmatch(refresh_token):
            raise errors.session_ended()
        with _told(errors.at_refresh()):
            found = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": refresh_token},
            )
        if "AuthenticationResult" not in found:
            raise errors.session_ended()
        return _tokens(found["AuthenticationResult"], refresh_token="")

    def logout(self, refresh_token: str) -> None:
        """Revoke a refresh token; access tokens made from it live out their few minutes."""
        if not _REFRESH_TOKEN.fullmatch(refresh_token):
            return
        with contextlib.suppress(AuthenticationError), _told(errors.at_logout()):
            self._client.revoke_token(Token=refresh_token, ClientId=self._client_id)

    def verify(self, access_token: str) -> User:
        """The caller, or AuthenticationError; TransientError while the pool's keys cannot be had."""
        return self._verifier.verify(access_token)

    # -- Recovery -----------------------------------------------------------------------------------------------------

    def send_reset_code(self, name: str) -> None:
        """Send a code; silent when there is nobody to send one to, and when this user was sent too many."""
        name = name.strip()
        self._count("forgotten", name)
        if not _is_name(name):
            return
        try:
            with _told(errors.at_forgotten()):
                self._client.forgot_password(ClientId=self._client_id, Username=name)
        except AuthenticationError as error:  # the log alone says why; who asked must not learn who has an account
            cause = error.__cause__
            _log.info("no code was sent: %s", aws.error_code(cause) if isinstance(cause, ClientError) else error.code)

    def reset_password(self, name: str, code: str, password: str) -> None:
        """Set a new password; sessions that are open stay open."""
        name = name.strip()
        self._count("forgotten", name)
        password = _new_password(password)
        if not _is_name(name):
            raise errors.wrong_reset_code()
        with _told(errors.at_new_password()):
            self._client.confirm_forgot_password(
                ClientId=self._client_id, Username=name, ConfirmationCode=_code(code), Password=password
            )

    # -- SelfService --------------------------------------------------------------------------------------------------

    def sign_up(self, name: str, password: str, email: str) -> SignedUp:
        """A new user, who then confirms the address with the code that is sent to it."""
        self._must_allow_sign_up()
        name, email = normal_name(name), email.strip()
        if not (_EMAIL.fullmatch(email) and len(email) <= 254 and _whole(email)):
            raise InputError("That is not an email address; it looks like ana@example.org.", code="invalid-email")
        password = _new_password(password)
        with _told(errors.at_sign_up()):
            made = self._client.sign_up(
                ClientId=self._client_id,
                Username=name,
                Password=password,
                UserAttributes=[{"Name": "email", "Value": email}],
            )
        return SignedUp(bool(made["UserConfirmed"]), str(made.get("CodeDeliveryDetails", {}).get("Destination", "")))

    def confirm(self, name: str, code: str) -> None:
        """Confirm a new user by the code that was sent."""
        self._must_allow_sign_up()
        name = name.strip()
        self._count("confirm", name)
        if not _is_name(name):
            raise errors.wrong_code()
        with _told(errors.at_confirmation()):
            self._client.confirm_sign_up(ClientId=self._client_id, Username=name, ConfirmationCode=_code(code))

    def send_code_again(self, name: str) -> None:
        """Send another code; silent when there is nobody to send one to."""
        self._must_allow_sign_up()
        name = name.strip()
        self._count("confirm", name)
        if not _is_name(name):
            return
        with contextlib.suppress(AuthenticationError), _told(errors.at_resend()):
            self._client.resend_confirmation_code(ClientId=self._client_id, Username=name)

    def _must_allow_sign_up(self) -> None:
        if not self._sign_up_allowed:
            raise errors.sign_up_off()

    # -- the flow -----------------------------------------------------------------------------------------------------

    def _outcome(self, found: dict[str, Any], name: str) -> Tokens | Challenge:
        """What InitiateAuth and RespondToAuthChallenge answer: tokens, or the next question."""
        if "AuthenticationResult" in found:
            result = found["AuthenticationResult"]
            return _tokens(result, refresh_token=str(result.get("RefreshToken", "")))
        question, asked = str(found.get("ChallengeName", "")), found.get("ChallengeParameters", {})
        kind, proof = _KINDS.get(question), str(found.get("Session", ""))
        name = str(asked.get("USER_ID_FOR_SRP", name))  # where an alias logged in, Cognito wants the name from now on
        if kind is ChallengeKind.NEW_PASSWORD and _listed(asked.get("requiredAttributes", "[]")):
            raise errors.unsupported(
                "Your account lacks something that the user pool requires; ask whoever runs ReviewLens to add it."
            )
        if kind is ChallengeKind.SET_UP_APP:
            if "SOFTWARE_TOKEN_MFA" not in _listed(asked.get("MFAS_CAN_SETUP", '["SOFTWARE_TOKEN_MFA"]')):
                raise errors.unsupported()
            with _told(errors.at_answer()):
                given = self._client.associate_software_token(Session=proof)
            return Challenge(kind, name, str(given["Session"]), secret=str(given["SecretCode"]))
        if kind is None:
            raise errors.unsupported()
        return Challenge(kind, name, proof, sent_to=str(asked.get("CODE_DELIVERY_DESTINATION", "")))

    def _prove_app(self, proof: str, code: str) -> str:
        """Show that the app has the key; the session to go on with."""
        with _told(errors.at_answer()):
            found = self._client.verify_software_token(Session=proof, UserCode=code, FriendlyDeviceName="ReviewLens")
        if found.get("Status") != "SUCCESS":
            raise errors.wrong_code()
        return str(found["Session"])

    def _count(self, what: str, name: str) -> None:
        key = name.casefold() if len(name) <= 64 else hashlib.sha256(name.encode(errors="replace")).hexdigest()
        self._attempts.check(f"{what} {key}")


def _issuer(pool: str) -> str:
    region, separator, rest = pool.partition("_")
    if not (region and separator and rest):
        raise ConfigurationError(
            "REVIEWLENS_COGNITO_USER_POOL must be a pool's id, such as eu-west-1_AbCdEf123.",
            code="cognito-misconfigured",
        )
    return f"https://cognito-idp.{region}.amazonaws.com/{pool}"


def _tokens(result: dict[str, Any], *, refresh_token: str) -> Tokens:
    return Tokens(str(result["AccessToken"]), str(result.get("IdToken", "")), refresh_token, int(result["ExpiresIn"]))


def _new_password(password: str) -> str:
    if not (1 <= len(password) <= MAX_PASSWORD_CHARS and _whole(password)):
        raise InputError(f"A password has 1 to {MAX_PASSWORD_CHARS} characters.", code="invalid-password")
    return password


def _code(answer: str, chars: range = _CODE_CHARS) -> str:
    code = re.sub(r"[\s-]", "", answer)
    if not (code.isascii() and code.isdigit() and len(code) in chars):
        raise errors.wrong_code()
    return code


def _is_name(name: str) -> bool:
    """Whether Cognito takes it for a name: letters, marks, numbers, punctuation and symbols."""
    return len(name) in _NAME_CHARS and all(unicodedata.category(sign)[0] in "LMNPS" for sign in name)


def _listed(text: str) -> list[object]:
    """A list that Cognito gives as JSON text."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _whole(text: str) -> bool:
    """Whether no character in it is half of one."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


@contextlib.contextmanager
def _told(known: dict[str, ReviewLensError]) -> Iterator[None]:
    """Cognito's errors in our words; of a password that its rules refuse, in which way it falls short."""
    try:
        with aws.translate_errors(_SERVICE, known):
            yield
    except InputError as error:
        if error.code == "invalid-password" and isinstance(error.__cause__, ClientError):
            why = str(error.__cause__.response.get("Error", {}).get("Message", ""))
            raise errors.weak_password(why) from error
        raise
