"""A Cognito user pool: log-in by password for programs, refresh, revocation, and its managed login for browsers."""

from __future__ import annotations

import contextlib
import hashlib
import re
import unicodedata
from typing import Any

from reviewlens import aws
from reviewlens.errors import AuthenticationError, ConfigurationError
from reviewlens.identity import cognito_errors as errors
from reviewlens.identity.interface import Tokens, User
from reviewlens.identity.jwks import KeySet
from reviewlens.identity.limiter import RateLimiter
from reviewlens.identity.managed_login import CognitoManagedLogin
from reviewlens.identity.passwords import MAX_PASSWORD_CHARS
from reviewlens.identity.tokens import TokenVerifier
from reviewlens.settings import Settings

_SERVICE = "cognito-idp"
# Values that Cognito would reject as a malformed request are rejected here, with the error of a wrong value.
_NAME_CHARS = range(1, 129)
_REFRESH_TOKEN = re.compile(r"[A-Za-z0-9_.=-]{20,8192}")


class CognitoIdentity:
    """Implements IdentityProvider with a user pool's app client without a secret."""

    def __init__(self, settings: Settings, client: Any = None) -> None:
        self._client_id = settings.cognito_client
        issuer = settings.cognito_issuer or _issuer(settings.cognito_user_pool)
        self.keys = KeySet(settings.cognito_jwks_url or f"{issuer}/.well-known/jwks.json")
        self._verifier = TokenVerifier(self.keys, issuer, self._client_id)
        self._page = f"{settings.browser_backend_url.rstrip('/')}/session/login"
        self.managed_login = CognitoManagedLogin(settings, self._verifier)
        # A user is waiting: fewer attempts and shorter timeouts than for other services.
        self._client = client or aws.client(
            _SERVICE, connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
        )
        self._attempts = RateLimiter(
            settings.login_attempts_per_minute,
            "Too many log-in attempts for this user name; try again later.",
            code="too-many-logins",
        )

    def login(self, name: str, password: str) -> Tokens:
        """See IdentityProvider.login."""
        name = name.strip()
        self._check_rate(name)
        if not (_is_name(name) and 1 <= len(password) <= MAX_PASSWORD_CHARS and _is_encodable(password)):
            raise errors.wrong_credentials()
        with aws.translate_errors(_SERVICE, errors.login_errors(self._page)):
            response = self._client.initiate_auth(
                ClientId=self._client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": password},
            )
        if "AuthenticationResult" not in response:
            raise errors.more_required(self._page)
        result = response["AuthenticationResult"]
        return _tokens(result, refresh_token=str(result.get("RefreshToken", "")))

    def refresh(self, refresh_token: str) -> Tokens:
        """See IdentityProvider.refresh; the refresh token stays valid."""
        if not _REFRESH_TOKEN.fullmatch(refresh_token):
            raise errors.session_ended()
        with aws.translate_errors(_SERVICE, errors.refresh_errors()):
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
        with contextlib.suppress(AuthenticationError), aws.translate_errors(_SERVICE, errors.logout_errors()):
            self._client.revoke_token(Token=refresh_token, ClientId=self._client_id)

    def verify(self, access_token: str) -> User:
        """See IdentityProvider.verify; TransientError while the pool's keys cannot be fetched."""
        return self._verifier.verify(access_token)

    def _check_rate(self, name: str) -> None:
        key = name.casefold() if len(name) <= 64 else hashlib.sha256(name.encode(errors="replace")).hexdigest()
        self._attempts.check(key)


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


def _is_name(name: str) -> bool:
    """Whether Cognito accepts it as a name: letters, marks, numbers, punctuation and symbols."""
    return len(name) in _NAME_CHARS and all(unicodedata.category(char)[0] in "LMNPS" for char in name)


def _is_encodable(text: str) -> bool:
    """Whether it has no lone surrogate, which cannot be sent as UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
