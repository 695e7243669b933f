"""The verifier of access tokens, used for both pools, and the signer of the local pool."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from jose import JOSEError, jwt

from reviewlens.errors import AuthenticationError
from reviewlens.identity.interface import User
from reviewlens.identity.keys import ALGORITHM, SigningKey

KeySource = Callable[[str], Mapping[str, str] | None]
"""Maps a key id (`kid`) to the public JWK, or None when the pool has no such key."""

MAX_TOKEN_CHARS = 8192
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{1,128}")
_OPTIONS = {"verify_aud": False, "require_exp": True, "require_iat": True, "require_sub": True, "require_iss": True}


class TokenVerifier:
    """Verifies tokens: RS256 with a key of this pool, issuer, expiry, `token_use` access, client id.

    It reads only the algorithm and the key id from the header and ignores keys that a token contains or points to
    (`jwk`, `jku`, `x5u`).
    """

    def __init__(self, keys: KeySource, issuer: str, client_id: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._client_id = client_id

    def verify(self, token: str) -> User:
        """Return the user; AuthenticationError (`token-expired` or `token-invalid`), or the key source's errors."""
        claims = self._claims(token)
        subject, groups = claims["sub"], claims.get("cognito:groups", [])
        if (
            claims.get("token_use") != "access"
            or claims.get("client_id") != self._client_id
            or not _SUBJECT.fullmatch(subject)
            or not isinstance(groups, list)
        ):
            raise _invalid()
        return User(subject, str(claims.get("username", subject)), frozenset(map(str, groups)))

    def check_id(self, token: str, user: User, *, nonce: str, access_token: str) -> None:
        """Raise the errors of `verify` unless this id token is this client's and belongs to the same log-in.

        That is: the same subject, the `nonce` of its request and, where the token has one, the access token's hash
        (OpenID Connect Core, 3.1.3.7).
        """
        claims = self._claims(token, access_token)
        if (
            claims.get("token_use") != "id"
            or claims.get("aud") != self._client_id
            or claims["sub"] != user.subject
            or not nonce
            or claims.get("nonce") != nonce
        ):
            raise _invalid()

    def _claims(self, token: str, access_token: str | None = None) -> Mapping[str, Any]:
        """The claims after signature, issuer and expiry are checked."""
        if len(token) > MAX_TOKEN_CHARS:
            raise _invalid()
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            supported = isinstance(kid, str) and header.get("alg") == ALGORITHM and "crit" not in header
            key = self._keys(kid) if supported else None
            if key is None:
                raise _invalid()
            claims: Mapping[str, Any] = jwt.decode(
                token,
                dict(key),
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                access_token=access_token,
                options=_OPTIONS,
            )
        except jwt.ExpiredSignatureError as error:
            raise AuthenticationError("Your session has expired; log in again.", code="token-expired") from error
        except (JOSEError, ValueError, TypeError, RecursionError) as error:
            raise _invalid() from error
        return claims


class TokenSigner:
    """Signs access and id tokens with the same claims as a Cognito user pool."""

    def __init__(
        self, key: SigningKey, issuer: str, client_id: str, *, life_seconds: int, now: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._issuer = issuer
        self._client_id = client_id
        self._now = now
        self.life_seconds = life_seconds

    def access(self, user: User) -> str:
        """Return an access token."""
        return self._sign(
            user, {"token_use": "access", "client_id": self._client_id, "username": user.name, "scope": "openid"}
        )

    def id(self, user: User) -> str:
        """Return an id token, which identifies the user but grants no access."""
        return self._sign(user, {"token_use": "id", "aud": self._client_id, "cognito:username": user.name})

    def _sign(self, user: User, claims: dict[str, object]) -> str:
        now = int(self._now())
        common = {
            "iss": self._issuer,
            "sub": user.subject,
            "iat": now,
            "exp": now + self.life_seconds,
            "jti": secrets.token_hex(16),
            "cognito:groups": sorted(user.groups),
        }
        return str(jwt.encode({**common, **claims}, self._key.pem, algorithm=ALGORITHM, headers={"kid": self._key.kid}))


def _invalid() -> AuthenticationError:
    return AuthenticationError("The access token is not valid; log in again.", code="token-invalid")
