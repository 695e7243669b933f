"""Sessions for browsers: one-time link or log-in page in, cookies out, on to the UI."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from backend.deps import ACCESS_COOKIE, REFRESH_COOKIE, LocalUsers, PlatformDep, ServicesDep, address_of
from backend.login_page import content_policy, render
from backend.schemas import errors
from reviewlens.errors import AuthenticationError, InputError, PermissionError_, RateLimitError, ReviewLensError
from reviewlens.identity.interface import Tokens
from reviewlens.settings import Settings

router = APIRouter(prefix="/session", tags=["session"])
_AGAIN: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"text/html": {"schema": {"type": "string"}}}}
    for status, words in (
        (401, "The log-in page, saying what was wrong"),
        (429, "The log-in page: too many attempts"),
        (503, "The log-in page: not right now"),
    )
}
_MAX_FORM_BYTES = 10_000


@router.get(
    "/start",
    summary="Swap a one-time log-in link for a session",
    response_class=RedirectResponse,
    status_code=303,
    responses={**errors(404, 422), **_AGAIN},
)
def start(request: Request, services: ServicesDep, users: LocalUsers, token: str = "") -> Response:
    """303 to the UI with the session's cookies; the log-in page, with a message, when the link is no longer good."""
    try:
        services.logins.check("link " + address_of(request))
        return _into_ui(services.platform.settings, users.redeem(token))
    except (AuthenticationError, RateLimitError) as error:
        return _page(services.platform.settings, error)


@router.get("/login", summary="The log-in page", response_class=HTMLResponse)
async def login_page(platform: PlatformDep) -> Response:
    """HTML with a form."""
    return _page(platform.settings)


@router.post(
    "/login",
    summary="Log in by the page's form",
    response_class=RedirectResponse,
    status_code=303,
    responses={**errors(400, 403, 413, 422), **_AGAIN},
)
async def login_form(request: Request, services: ServicesDep) -> Response:
    """303 to the UI with the session's cookies, or the page again with a message."""
    _refuse_other_sites(request)
    form = parse_qs(await _body(request), keep_blank_values=True)
    name, password = form.get("username", [""])[0], form.get("password", [""])[0]
    settings = services.platform.settings
    try:
        services.logins.check(address_of(request))
        tokens = await run_in_threadpool(services.platform.identity.login, name, password)
    except ReviewLensError as error:
        return _page(settings, error, name[:64])
    return _into_ui(settings, tokens)


@router.get("/end", summary="Log out", response_class=RedirectResponse, status_code=303)
def end(request: Request, platform: PlatformDep) -> Response:
    """Revokes the session's refresh token, clears the cookies, 303 to the log-in page."""
    platform.identity.logout(request.cookies.get(REFRESH_COOKIE, ""))
    answer = RedirectResponse("/session/login", 303)
    for cookie in (ACCESS_COOKIE, REFRESH_COOKIE):
        answer.delete_cookie(cookie, httponly=True, samesite="lax", secure=platform.settings.cookie_secure)
    return answer


def _page(settings: Settings, error: ReviewLensError | None = None, name: str = "") -> Response:
    status, headers = 200, {"Content-Security-Policy": content_policy(settings.public_frontend_url)}
    if isinstance(error, RateLimitError):
        status = 429
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif error is not None:
        status = 401 if isinstance(error, AuthenticationError) else 503
    return HTMLResponse(render(error.message if error else "", name), status, headers)


def _into_ui(settings: Settings, tokens: Tokens) -> Response:
    answer = RedirectResponse(settings.public_frontend_url, 303)
    lax: Literal["lax"] = "lax"
    for cookie, value, seconds in (
        (ACCESS_COOKIE, tokens.access_token, tokens.expires_in),
        (REFRESH_COOKIE, tokens.refresh_token, settings.refresh_token_days * 86_400),
    ):
        answer.set_cookie(cookie, value, seconds, httponly=True, samesite=lax, secure=settings.cookie_secure, path="/")
    return answer


def _refuse_other_sites(request: Request) -> None:
    """A form on another site must not log this browser in as somebody else."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    own = request.headers.get("host", "")
    if site not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc != own):
        raise PermissionError_("Log in from the log-in page of this address.", code="other-origin")


async def _body(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            raise InputError("That is too long for a name and a password.", code="form-too-long")
    return body.decode("utf-8", errors="replace")
