"""Sign-up, where the settings allow it: create a user and confirm the email address, by API or by page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from backend import login_page
from backend.forms import page, posted
from backend.routes.session import check_twice, log_in_page
from backend.schemas.problems import errors, pages
from backend.schemas.sign_up import Confirmation, Newcomer, NewcomerName, SignUpAnswer
from backend.web.deps import PlatformDep, ServicesDep, address_of
from reviewlens.errors import PermissionError_, ReviewLensError
from reviewlens.identity.interface import SelfService

router = APIRouter(tags=["sign-up"])


def _self_service(platform: PlatformDep) -> SelfService:
    identity = platform.identity
    if not (platform.settings.sign_up and isinstance(identity, SelfService)):
        raise PermissionError_("Sign-up is turned off here; ask the operator for a user.", code="sign-up-off")
    return identity


SelfServiceDep = Annotated[SelfService, Depends(_self_service)]


@router.post("/sign-up", status_code=201, summary="Sign up", responses=errors(400, 403, 409, 422, 429, 503))
def sign_up(body: Newcomer, request: Request, services: ServicesDep, pool: SelfServiceDep) -> SignUpAnswer:
    """Sends a code to the email address; the user can log in once it is confirmed. 403 where sign-up is turned off."""
    services.logins.check(address_of(request))
    registration = pool.sign_up(body.username, body.password, body.email)
    return SignUpAnswer(confirmed=registration.confirmed, sent_to=registration.sent_to)


@router.post(
    "/sign-up/confirm", status_code=204, summary="Confirm your address", responses=errors(400, 401, 403, 422, 429, 503)
)
def confirm(body: Confirmation, request: Request, services: ServicesDep, pool: SelfServiceDep) -> Response:
    """With the code that was sent. The response is the same for a wrong code and for an unknown name."""
    services.logins.check(address_of(request))
    pool.confirm(body.username, body.code)
    return Response(status_code=204)


@router.post("/sign-up/resend", status_code=204, summary="Send another code", responses=errors(400, 403, 422, 429, 503))
def resend(body: NewcomerName, request: Request, services: ServicesDep, pool: SelfServiceDep) -> Response:
    """204 whether or not the user exists."""
    services.logins.check(address_of(request))
    pool.send_code_again(body.username)
    return Response(status_code=204)


@router.get("/session/sign-up", summary="The sign-up page", response_class=HTMLResponse, responses=errors(403))
async def sign_up_page(platform: PlatformDep, _pool: SelfServiceDep) -> Response:
    """HTML with a form."""
    return page(platform.settings, login_page.sign_up())


@router.post(
    "/session/sign-up",
    summary="Sign up by the page's form",
    response_class=HTMLResponse,
    responses={**errors(400, 413), **pages(401, 403, 409, 422, 429, 503)},
)
async def sign_up_form(request: Request, services: ServicesDep, pool: SelfServiceDep) -> Response:
    """The page that asks for the code; the log-in page if no code is needed; or the form with a message."""
    settings = services.platform.settings
    form = await posted(request, settings)
    name, email = form["username"][:128], form["email"][:254]
    try:
        services.logins.check(address_of(request))
        check_twice(form["password"], form["again"])
        registration = await run_in_threadpool(pool.sign_up, form["username"], form["password"], form["email"])
    except ReviewLensError as error:
        if error.code == "code-not-sent":
            return page(settings, login_page.confirm(name), error)
        return page(settings, login_page.sign_up(name, email), error)
    if registration.confirmed:
        return page(settings, log_in_page(settings, name), note="Your user is created; log in.")
    return page(settings, login_page.confirm(name, registration.sent_to))


@router.get("/session/confirm", summary="The page for a code", response_class=HTMLResponse, responses=errors(403))
async def confirm_page(platform: PlatformDep, _pool: SelfServiceDep) -> Response:
    """HTML with a form."""
    return page(platform.settings, login_page.confirm())


@router.post(
    "/session/confirm",
    summary="Confirm your address by the page's form",
    response_class=HTMLResponse,
    responses={**errors(400, 413), **pages(401, 403, 422, 429, 503)},
)
async def confirm_form(request: Request, services: ServicesDep, pool: SelfServiceDep) -> Response:
    """The log-in page if the code is right; the form with a note if another code was requested."""
    settings = services.platform.settings
    form = await posted(request, settings)
    name = form["username"][:128]
    try:
        services.logins.check(address_of(request))
        if form["resend"]:
            await run_in_threadpool(pool.send_code_again, form["username"])
            return page(
                settings, login_page.confirm(name), note="If this user needs a code, another one is on its way."
            )
        await run_in_threadpool(pool.confirm, form["username"], form["code"])
    except ReviewLensError as error:
        return page(settings, login_page.confirm(name), error)
    return page(settings, log_in_page(settings, name), note="Your address is confirmed; log in.")
