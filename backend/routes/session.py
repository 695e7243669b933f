"""Sessions for browsers: a one-time link, the log-in page or managed login sets cookies and redirects to the UI."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from backend.forms import failed_page, into_managed_login, into_ui, log_in_page, posted, refuse_other_sites
from backend.schemas.problems import errors, pages
from backend.web.cookies import LOG_IN_COOKIE, REFRESH_COOKIE, clear_cookie, clear_session
from backend.web.deps import LocalUsers, PlatformDep, ServicesDep, address_of, limit_by_address
from backend.web.threads import in_thread
from reviewlens.errors import AuthenticationError, NotFoundError, RateLimitError, ReviewLensError
from reviewlens.identity.interface import ManagedLogin

_log = logging.getLogger(__name__)
router = APIRouter(prefix="/session", tags=["session"])


async def _managed_login(platform: PlatformDep) -> ManagedLogin:
    pages = platform.identity.managed_login
    if pages is None:
        raise NotFoundError("This ReviewLens has its own log-in page: /session/login.", code="no-managed-login")
    return pages


ManagedLoginDep = Annotated[ManagedLogin, Depends(_managed_login)]


@router.get(
    "/start",
    summary="Exchange a one-time log-in link for a session",
    response_class=RedirectResponse,
    status_code=303,
    responses={**errors(404, 422), **pages(401, 429)},
)
def start(request: Request, services: ServicesDep, users: LocalUsers, token: str = "") -> Response:
    """303 to the UI with the session's cookies; the log-in page with a message if the link is no longer valid."""
    settings = services.platform.settings
    try:
        services.logins.check("link " + address_of(request))
        return into_ui(settings, users.redeem(token))
    except (AuthenticationError, RateLimitError) as error:
        return log_in_page(settings, error=error)


@router.get(
    "/login",
    summary="The log-in page",
    response_class=HTMLResponse,
    responses={303: {"description": "To the log-in page of the user pool."}},
)
async def login_form(platform: PlatformDep) -> Response:
    """HTML with a form; 303 to managed login where the users are in a Cognito user pool."""
    managed = platform.identity.managed_login
    if managed is None:
        return log_in_page(platform.settings)
    return into_managed_login(platform.settings, managed.start())


@router.post(
    "/login",
    summary="Log in by the page's form",
    response_class=RedirectResponse,
    status_code=303,
    responses={**errors(400, 404, 413), **pages(401, 403, 422, 429, 503)},
)
async def log_in(request: Request, services: ServicesDep, users: LocalUsers) -> Response:
    """303 to the UI with the session's cookies; or the form with a message."""
    settings = services.platform.settings
    form = await posted(request, settings)
    name = form["username"]
    try:
        services.logins.check(address_of(request))
        return into_ui(settings, await in_thread(services.threads.logins, users.login, name, form["password"]))
    except ReviewLensError as error:
        return log_in_page(settings, name[:128], error)


@router.get(
    "/callback",
    summary="Finish a log-in by managed login",
    response_class=RedirectResponse,
    status_code=303,
    responses={**errors(404, 422), **pages(401, 429, 503)},
)
def callback(request: Request, services: ServicesDep, managed: ManagedLoginDep) -> Response:
    """The user pool redirects here with `code` and `state`, or with `error`.

    303 to the UI with the session's cookies; a page with a message if this does not answer a log-in of this browser.
    """
    settings = services.platform.settings
    try:
        limit_by_address(request, services)
        tokens = managed.finish(request.cookies.get(LOG_IN_COOKIE, ""), request.query_params)
        response = into_ui(settings, tokens)
    except ReviewLensError as error:
        response = failed_page(settings, error)
    clear_cookie(response, settings, LOG_IN_COOKIE)
    return response


@router.post("/end", summary="Log out", response_class=RedirectResponse, status_code=303, responses=errors(403))
def end(request: Request, platform: PlatformDep) -> Response:
    """Ends the session and clears the cookies. Only the UI and our own pages may send this.

    303 to the log-in page; with managed login to its log-out, which ends the pool's session and leads to the UI.
    """
    refuse_other_sites(request, platform.settings, also=platform.settings.public_frontend_url)
    try:
        platform.identity.logout(request.cookies.get(REFRESH_COOKIE, ""))
    except ReviewLensError as error:
        # Clear the cookies anyway: a log-out must work while the user pool does not answer.
        _log.warning("a refresh token could not be revoked: %s", error.code)
    managed = platform.identity.managed_login
    response = RedirectResponse(managed.logout_url if managed else "/session/login", 303)
    clear_session(response, platform.settings)
    return response
