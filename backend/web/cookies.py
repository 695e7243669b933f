"""The cookies of a session in a browser."""

from __future__ import annotations

from typing import Literal

from fastapi import Response

from reviewlens.identity.interface import Tokens
from reviewlens.settings import Settings

ACCESS_COOKIE = "reviewlens_access"
REFRESH_COOKIE = "reviewlens_refresh"
_LAX: Literal["lax"] = "lax"


def set_session(response: Response, settings: Settings, tokens: Tokens) -> None:
    """Store tokens in the browser; an empty refresh token leaves the one that the browser has."""
    for cookie, value, seconds in (
        (ACCESS_COOKIE, tokens.access_token, tokens.expires_in),
        (REFRESH_COOKIE, tokens.refresh_token, settings.refresh_token_days * 86_400),
    ):
        if value:
            response.set_cookie(
                cookie, value, seconds, httponly=True, samesite=_LAX, secure=settings.cookie_secure, path="/"
            )


def clear_session(response: Response, settings: Settings) -> None:
    """Delete the session's cookies from the browser."""
    for cookie in (ACCESS_COOKIE, REFRESH_COOKIE):
        response.delete_cookie(cookie, httponly=True, samesite=_LAX, secure=settings.cookie_secure)


def session_headers(settings: Settings, tokens: Tokens) -> list[tuple[bytes, bytes]]:
    """The headers that `set_session` adds."""
    response = Response()
    set_session(response, settings, tokens)
    return [header for header in response.raw_headers if header[0] == b"set-cookie"]
