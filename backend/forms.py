"""What the routes of the log-in pages share: reading forms from our own pages only, showing pages, setting cookies."""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from backend import login_page
from backend.web.deps import ACCESS_COOKIE, LOG_IN_COOKIE, REFRESH_COOKIE
from backend.web.problems import status_of
from reviewlens.errors import InputError, PermissionError_, RateLimitError, ReviewLensError
from reviewlens.identity.interface import LogInStart, Tokens
from reviewlens.settings import Settings

LOG_IN_SECONDS = 3600
"""How long a log-in on the user pool's pages may take, with a sign-up or a forgotten password on the way."""
_MAX_FORM_BYTES = 20_000
_LAX: Literal["lax"] = "lax"


class Form:
    """The fields of a posted form: the first value of each, or '' for a missing field."""

    def __init__(self, body: str) -> None:
        self._fields = parse_qs(body, keep_blank_values=True)

    def __getitem__(self, name: str) -> str:
        return self._fields.get(name, [""])[0]


async def posted(request: Request, settings: Settings) -> Form:
    """PermissionError_ (`other-origin`) unless one of our own pages sent it; InputError (`form-too-long`)."""
    _refuse_other_sites(request, settings)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            raise InputError("The form is too long for a name and a password.", code="form-too-long")
    return Form(body.decode("utf-8", errors="replace"))


def _refuse_other_sites(request: Request, settings: Settings) -> None:
    """A form on another site must not log this browser in as another user."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    # Behind a proxy that does not forward the host, only the settings have the address that browsers use.
    own_hosts = {request.headers.get("host", ""), urlsplit(settings.public_backend_url).netloc} - {""}
    if site not in ("same-origin", "none") or (origin is not None and _site(origin) not in own_hosts):
        raise PermissionError_("Log in from the log-in page of this address.", code="other-origin")


def _site(origin: str) -> str | None:
    """Host and port of an origin; None when it is not a valid URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def log_in_page(settings: Settings, name: str = "", error: ReviewLensError | None = None) -> Response:
    """The page for name and password, with an error message and the error's status."""
    return _page(settings, login_page.log_in(name, error.message if error else ""), error)


def failed_page(settings: Settings, error: ReviewLensError) -> Response:
    """The page after a log-in elsewhere that failed: the error message, and a way to start again."""
    return _page(settings, login_page.failed(error.message), error)


def _page(settings: Settings, html: str, error: ReviewLensError | None) -> Response:
    headers = {
        "Content-Security-Policy": login_page.content_policy(settings.public_frontend_url),
        "Cache-Control": "no-store",
    }
    if isinstance(error, RateLimitError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    return HTMLResponse(html, status_of(error) if error else 200, headers)


def into_managed_login(settings: Settings, start: LogInStart) -> Response:
    """A redirect (303) to managed login; a cookie keeps the log-in's secret for the callback."""
    response = RedirectResponse(start.url, 303, {"Cache-Control": "no-store"})
    _set_cookie(response, settings, LOG_IN_COOKIE, start.secret, LOG_IN_SECONDS)
    return response


def into_ui(settings: Settings, tokens: Tokens) -> Response:
    """A redirect (303) to the UI that sets the session's cookies."""
    response = RedirectResponse(settings.public_frontend_url, 303)
    _set_cookie(response, settings, ACCESS_COOKIE, tokens.access_token, tokens.expires_in)
    _set_cookie(response, settings, REFRESH_COOKIE, tokens.refresh_token, settings.refresh_token_days * 86_400)
    return response


def clear_cookie(response: Response, settings: Settings, name: str) -> None:
    """Delete a cookie that this module has set."""
    response.delete_cookie(name, httponly=True, samesite=_LAX, secure=settings.cookie_secure)


def _set_cookie(response: Response, settings: Settings, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, seconds, httponly=True, samesite=_LAX, secure=settings.cookie_secure, path="/")
