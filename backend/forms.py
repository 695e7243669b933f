"""What the routes of the log-in pages share: reading forms from our own pages only, showing pages, setting cookies."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from backend import login_page
from backend.web.cookies import LOG_IN_COOKIE, set_cookie, set_session
from backend.web.problems import status_of
from reviewlens.errors import InputError, PermissionError_, RateLimitError, ReviewLensError
from reviewlens.identity.interface import LogInStart, Tokens
from reviewlens.settings import Settings

LOG_IN_SECONDS = 3600
"""How long a log-in on the user pool's pages may take, with a sign-up or a forgotten password on the way."""
_MAX_FORM_BYTES = 20_000
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "localhost", "::1": "[::1]"}
"""Names of this machine, and how URLs write them."""
_PORTS = {"http": 80, "https": 443}


class Form:
    """The fields of a posted form: the first value of each, or '' for a missing field."""

    def __init__(self, body: str) -> None:
        self._fields = parse_qs(body, keep_blank_values=True)

    def __getitem__(self, name: str) -> str:
        return self._fields.get(name, [""])[0]


async def posted(request: Request, settings: Settings) -> Form:
    """PermissionError_ (`other-origin`) unless one of our own pages sent it; InputError (`form-too-long`)."""
    refuse_other_sites(request, settings)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            raise InputError("The form is too long for a name and a password.", code="form-too-long")
    return Form(body.decode("utf-8", errors="replace"))


def refuse_other_sites(request: Request, settings: Settings, *, also: str = "") -> None:
    """PermissionError_ (`other-origin`) for a form on another site: it must not log this browser in as another user.

    The Host header proves nothing: a site whose name is made to lead to this address (DNS rebinding) sends its own.
    `also`: the address of a further site whose forms are accepted.
    """
    origin = request.headers.get("origin")
    if origin is not None and _origin(origin) in (_own_origins(settings) | {_origin(also)}) - {""}:
        return
    if origin is not None or request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise PermissionError_(
            f"Log in at {settings.browser_backend_url}. If browsers reach ReviewLens at another address, set"
            " REVIEWLENS_PUBLIC_BACKEND_URL to it.",
            code="other-origin",
        )


def _own_origins(settings: Settings) -> set[str]:
    """The configured address; one on this machine under each of its names, as those cannot be made to lead here."""
    own = urlsplit(settings.browser_backend_url)
    origins = {_origin(settings.browser_backend_url)}
    if own.hostname in _LOOPBACK:
        ports = {own.port} if settings.public_backend_url else {own.port, settings.backend_port}
        origins |= {_origin(f"{own.scheme}://{name}:{port or ''}") for name in _LOOPBACK.values() for port in ports}
    return origins


def _origin(url: str) -> str:
    """Scheme, host and port of a URL in lower case; '' when it has none."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}" if parts.hostname else ""
    except (ValueError, KeyError):
        return ""


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
    set_cookie(response, settings, LOG_IN_COOKIE, start.secret, LOG_IN_SECONDS)
    return response


def into_ui(settings: Settings, tokens: Tokens) -> Response:
    """A redirect (303) to the UI that sets the session's cookies."""
    response = RedirectResponse(settings.public_frontend_url, 303)
    set_session(response, settings, tokens)
    return response
