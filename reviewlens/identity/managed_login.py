"""Cognito's managed login: the authorization code flow with PKCE (RFC 6749, RFC 7636), and the pool's own log-out."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2 import OAuth2Client, OAuth2Error

from reviewlens.errors import AuthenticationError, ConfigurationError, TransientError
from reviewlens.identity.interface import LogInStart, Tokens
from reviewlens.identity.tokens import TokenVerifier
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)
_SCOPE = "openid"
_METHOD = "S256"
_TIMEOUT_SECONDS = 10.0


class CognitoManagedLogin:
    """Implements ManagedLogin for an app client without a secret, whose callback address is `redirect_uri`."""

    def __init__(self, settings: Settings, verifier: TokenVerifier) -> None:
        domain = settings.cognito_domain.rstrip("/")
        if not domain.startswith(("https://", "http://")):
            raise ConfigurationError(
                "REVIEWLENS_COGNITO_DOMAIN must be an address such as https://NAME.auth.eu-west-1.amazoncognito.com.",
                code="cognito-misconfigured",
            )
        self.redirect_uri = f"{settings.browser_backend_url.rstrip('/')}/session/callback"
        self._client_id = settings.cognito_client
        self._authorize_url = f"{domain}/oauth2/authorize"
        self._token_url = settings.cognito_token_url or f"{domain}/oauth2/token"
        query = urlencode({"client_id": self._client_id, "logout_uri": settings.public_frontend_url})
        self.logout_url = f"{domain}/logout?{query}"
        self._verifier = verifier

    def start(self) -> LogInStart:
        """See ManagedLogin.start."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url, _ = self._client().create_authorization_url(
            self._authorize_url, state=state, nonce=nonce, code_verifier=verifier
        )
        return LogInStart(str(url), f"{state}.{nonce}.{verifier}")

    def finish(self, secret: str, answer: Mapping[str, str]) -> Tokens:
        """See ManagedLogin.finish."""
        state, nonce, verifier = (*secret.split("."), "", "")[:3]
        if not verifier or not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
            raise _invalid()
        if "error" in answer:
            _log.warning("managed login answered with the error %r", answer["error"][:100])
            raise AuthenticationError(
                "The user pool did not log you in. Try again; if it happens again, ask the operator.",
                code="login-refused",
            )
        tokens = self._exchange(answer.get("code", ""), verifier)
        user = self._verifier.verify(tokens.access_token)
        self._verifier.check_id(tokens.id_token, user, nonce=nonce, access_token=tokens.access_token)
        return tokens

    def _exchange(self, code: str, verifier: str) -> Tokens:
        """Exchange the code at the token endpoint; the tokens are not verified yet."""
        try:
            with httpx.Client(timeout=_TIMEOUT_SECONDS) as http:
                answer = self._client(http).fetch_token(
                    self._token_url,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    client_id=self._client_id,
                    auth=httpx.Auth(),  # a public client sends its id in the body and nothing else
                )
            access, id_token, refresh = (str(answer[f"{name}_token"]) for name in ("access", "id", "refresh"))
            return Tokens(access, id_token, refresh, int(answer["expires_in"]))
        except OAuth2Error as error:
            if error.error == "invalid_grant":
                raise _invalid() from error
            raise ConfigurationError(
                "The Cognito app client (REVIEWLENS_COGNITO_CLIENT) must allow the authorization code flow with the "
                f"callback address {self.redirect_uri} and have no secret.",
                code="cognito-misconfigured",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError, ValueError) as error:
            _log.warning("the user pool's token endpoint failed: %s", type(error).__name__)
            raise TransientError(
                "The user pool does not answer; log in again in a few seconds.", code="login-unreachable"
            ) from error

    def _client(self, session: httpx.Client | None = None) -> Any:
        return OAuth2Client(
            session,
            client_id=self._client_id,
            scope=_SCOPE,
            redirect_uri=self.redirect_uri,
            code_challenge_method=_METHOD,
        )


def _invalid() -> AuthenticationError:
    return AuthenticationError(
        "This log-in started in another browser, is already finished or took too long; log in again.",
        code="login-invalid",
    )
