"""Sessions for browsers: a one-time link or the log-in page sets cookies and redirects to the UI."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from backend import login_page
from backend.forms import into_ui, page, posted, refuse_other_sites
from backend.schemas.problems import errors, pages
from backend.web.cookies import REFRESH_COOKIE, clear_session
from backend.web.deps import LocalUsers, PlatformDep, ServicesDep, address_of
from backend.web.services import Services
from reviewlens.errors import AuthenticationError, InputError, RateLimitError, ReviewLensError
from reviewlens.identity.challenges import Challenge, ChallengeKind
from reviewlens.identity.interface import Tokens
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)
router = APIRouter(prefix="/session", tags=["session"])
_STEP = {**errors(400, 413), **pages(200, 401, 403, 422, 429, 503)}


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
        return page(settings, log_in_page(settings), error)


@router.get("/login", summary="The log-in page", response_class=HTMLResponse)
async def login_form(platform: PlatformDep) -> Response:
    """HTML with a form."""
    return page(platform.settings, log_in_page(platform.settings))


@router.post(
    "/login",
    summary="Log in by the page's form",
    response_class=RedirectResponse,
    status_code=303,
    responses=_STEP,
)
async def log_in(request: Request, services: ServicesDep) -> Response:
    """303 to the UI with the session's cookies; the page for the next step (200); or the form with a message."""
    settings = services.platform.settings
    form = await posted(request, settings)
    name, password = form["username"], form["password"]

    def page_for(error: ReviewLensError) -> login_page.Page:
        if error.code == "user-not-confirmed" and settings.sign_up:
            return login_page.confirm(name[:128])
        if error.code == "password-reset-required":
            return login_page.new_password(name[:128])
        return log_in_page(settings, name[:128])

    return await _step(request, services, lambda: services.platform.identity.login(name, password), page_for)


@router.post(
    "/challenge",
    summary="Answer the next step of a log-in",
    response_class=RedirectResponse,
    status_code=303,
    responses=_STEP,
)
async def answer_challenge(request: Request, services: ServicesDep) -> Response:
    """A new password, or a code. 303 to the UI with the session's cookies, or a page as for the log-in."""
    settings = services.platform.settings
    form = await posted(request, settings)
    session, answer = form["session"], form["answer"]
    try:
        challenge = Challenge.from_session(session)
    except AuthenticationError as error:
        return page(settings, log_in_page(settings), error)

    def page_for(error: ReviewLensError) -> login_page.Page:
        return log_in_page(settings) if error.code == "challenge-ended" else login_page.challenge(challenge)

    def act() -> Tokens | Challenge:
        check_twice(answer, form["again"] if challenge.kind is ChallengeKind.NEW_PASSWORD else answer)
        return services.platform.identity.answer(session, answer)

    return await _step(request, services, act, page_for)


@router.post("/end", summary="Log out", response_class=RedirectResponse, status_code=303, responses=errors(403))
def end(request: Request, platform: PlatformDep) -> Response:
    """Ends the session, clears the cookies, 303 to the log-in page. Only the UI and our own pages may send this."""
    refuse_other_sites(request, platform.settings, also=platform.settings.public_frontend_url)
    try:
        platform.identity.logout(request.cookies.get(REFRESH_COOKIE, ""))
    except ReviewLensError as error:
        # Clear the cookies anyway: a log-out must work while the user pool does not answer.
        _log.warning("a refresh token could not be revoked: %s", error.code)
    answer = RedirectResponse("/session/login", 303)
    clear_session(answer, platform.settings)
    return answer


async def _step(
    request: Request,
    services: Services,
    act: Callable[[], Tokens | Challenge],
    page_for: Callable[[ReviewLensError], login_page.Page],
) -> Response:
    """One step of a log-in: redirect to the UI, show the next step, or show `page_for` the error."""
    settings = services.platform.settings
    try:
        services.logins.check(address_of(request))
        outcome = await run_in_threadpool(act)
    except ReviewLensError as error:
        return page(settings, page_for(error), error)
    if isinstance(outcome, Challenge):
        return page(settings, login_page.challenge(outcome))
    return into_ui(settings, outcome)


def log_in_page(settings: Settings, name: str = "") -> login_page.Page:
    """The log-in page, with links to what the user pool offers."""
    pool = settings.identity == "cognito"
    return login_page.log_in(name, sign_up=settings.sign_up and pool, recovery=pool)


def check_twice(password: str, again: str) -> None:
    """InputError (`passwords-differ`) unless both are the same."""
    if password != again:
        raise InputError("The two passwords differ; type both again.", code="passwords-differ")
