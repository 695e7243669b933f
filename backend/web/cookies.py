"""The cookies of browsers: a session's, and the one of a log-in on the user pool's pages."""

from __future__ import annotations

from typing import Literal

from fastapi import Response

from reviewlens.identity.interface import Tokens
from reviewlens.settings import Settings

ACCESS_COOKIE = "reviewlens_access"
REFRESH_COOKIE = "reviewlens_refresh"
LOG_IN_COOKIE = "reviewlens_log_in"
_LAX: Literal["lax"] = "lax"


def set_cookie(response: Response, settings: Settings, name: str, value: str, seconds: int) -> None:
    """Store a value in the browser, where no script can read it."""
    response.set_cookie(name, value, seconds, httponly=True, samesite=_LAX, secure=settings.cookie_secure, path="/")


def clear_cookie(response: Response, settings: Settings, name: str) -> None:
    """Delete a cookie that `set_cookie` has set."""
    response.delete_cookie(name, httponly=True, samesite=_LAX, secure=settings.cookie_secure)


def set_session(response: Response, settings: Settings, tokens: Tokens) -> None:
    """Store tokens in the browser; an empty refresh token leaves the one that the browser has."""
    set_cookie(response, settings, ACCESS_COOKIE, tokens.access_token, tokens.expires_in)
    if tokens.refresh_token:
        set_cookie(response, settings, REFRESH_COOKIE, tokens.refresh_token, settings.refresh_token_days * 86_400)


def clear_session(response: Response, settings: Settings) -> None:
    """Delete the session's cookies from the browser."""
    for name in (ACCESS_COOKIE, REFRESH_COOKIE):
        clear_cookie(response, settings, name)


def session_headers(settings: Settings, tokens: Tokens) -> list[tuple[bytes, bytes]]:
    """The headers that `set_session` adds."""
    response = Response()
    set_session(response, settings, tokens)
    return [header for header in response.raw_headers if header[0] == b"set-cookie"]
