"""What the log-in pages' routes share: reading a form that must be our own page's, and cookies."""

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
    """The fields of a posted form; the first value of each, '' for one that is missing."""

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
            raise InputError("That is too long for a name and a password.", code="form-too-long")
    return Form(body.decode("utf-8", errors="replace"))


def _refuse_other_sites(request: Request, settings: Settings) -> None:
    """A form on another site must not log this browser in as somebody else."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    # Behind a proxy that does not hand the host on, the address that browsers know is in the settings alone.
    own = {request.headers.get("host", ""), urlsplit(settings.public_backend_url).netloc} - {""}
    if site not in ("same-origin", "none") or (origin is not None and _site(origin) not in own):
        raise PermissionError_("Log in from the log-in page of this address.", code="other-origin")


def _site(origin: str) -> str | None:
    """Host and port of an origin; None for what is no origin."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def page(
    settings: Settings,
    shown: login_page.Page,
    error: ReviewLensError | None = None,
    *,
    note: str = "",
) -> Response:
    """A page, with what went wrong on it and in its status, or with a note that all is well."""
    headers = {"Content-Security-Policy": login_page.content_policy(settings.public_frontend_url)}
    if isinstance(error, RateLimitError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    html = login_page.render(shown, error.message if error else note, good=error is None)
    return HTMLResponse(html, status_of(error) if error else 200, headers)


def into_ui(settings: Settings, tokens: Tokens) -> Response:
    """303 to the UI with the session's cookies."""
    answer = RedirectResponse(settings.public_frontend_url, 303)
    lax: Literal["lax"] = "lax"
    for cookie, value, seconds in (
        (ACCESS_COOKIE, tokens.access_token, tokens.expires_in),
        (REFRESH_COOKIE, tokens.refresh_token, settings.refresh_token_days * 86_400),
    ):
        answer.set_cookie(cookie, value, seconds, httponly=True, samesite=lax, secure=settings.cookie_secure, path="/")
    return answer
