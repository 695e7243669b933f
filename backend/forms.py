"""What the routes of the log-in pages share: reading forms from our own pages only, showing pages, setting cookies."""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from backend import login_page
from backend.web.deps import ACCESS_COOKIE, REFRESH_COOKIE
from backend.web.problems import status_of
from reviewlens.errors import InputError, PermissionError_, RateLimitError, ReviewLensError
from reviewlens.identity.interface import Tokens
from reviewlens.settings import Settings

_MAX_FORM_BYTES = 20_000


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


def page(
    settings: Settings,
    content: login_page.Page,
    error: ReviewLensError | None = None,
    *,
    note: str = "",
) -> Response:
    """A page with an error message and the error's status, or with a note and status 200."""
    headers = {"Content-Security-Policy": login_page.content_policy(settings.public_frontend_url)}
    if isinstance(error, RateLimitError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    html = login_page.render(content, error.message if error else note, good=error is None)
    return HTMLResponse(html, status_of(error) if error else 200, headers)


def into_ui(settings: Settings, tokens: Tokens) -> Response:
    """A redirect (303) to the UI that sets the session's cookies."""
    response = RedirectResponse(settings.public_frontend_url, 303)
    lax: Literal["lax"] = "lax"
    for cookie, value, seconds in (
        (ACCESS_COOKIE, tokens.access_token, tokens.expires_in),
        (REFRESH_COOKIE, tokens.refresh_token, settings.refresh_token_days * 86_400),
    ):
        response.set_cookie(
            cookie, value, seconds, httponly=True, samesite=lax, secure=settings.cookie_secure, path="/"
        )
    return response
