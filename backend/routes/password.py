"""A forgotten password: a code by email, and a new password with that code, by API or by page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from backend import login_page
from backend.forms import page, posted
from backend.routes.session import check_twice, log_in_page
from backend.schemas.problems import errors, pages
from backend.schemas.sign_up import NewcomerName, NewPassword
from backend.web.deps import PlatformDep, ServicesDep, address_of
from reviewlens.errors import PermissionError_, ReviewLensError
from reviewlens.identity.interface import PasswordRecovery

router = APIRouter(tags=["forgotten password"])
_SENT = "If this user has a confirmed email address, a code is on its way to it. Enter it here within the hour."


def _recovery(platform: PlatformDep) -> PasswordRecovery:
    identity = platform.identity
    if not isinstance(identity, PasswordRecovery):
        raise PermissionError_("No codes are sent here; ask the operator for a log-in link.", code="recovery-off")
    return identity


RecoveryDep = Annotated[PasswordRecovery, Depends(_recovery)]


@router.post(
    "/login/forgotten",
    status_code=204,
    summary="Send a code for a new password",
    responses=errors(400, 403, 422, 429, 503),
)
def forgotten(body: NewcomerName, request: Request, services: ServicesDep, pool: RecoveryDep) -> Response:
    """204 whether or not the user exists and has an email address. 403 where no codes are sent."""
    services.logins.check(address_of(request))
    pool.send_reset_code(body.username)
    return Response(status_code=204)


@router.post(
    "/login/new-password",
    status_code=204,
    summary="Set a new password with the code that was sent",
    responses=errors(400, 401, 403, 422, 429, 503),
)
def new_password(body: NewPassword, request: Request, services: ServicesDep, pool: RecoveryDep) -> Response:
    """The response is the same for a wrong code and for an unknown name. Then log in with the new password."""
    services.logins.check(address_of(request))
    pool.reset_password(body.username, body.code, body.password)
    return Response(status_code=204)


@router.get(
    "/session/forgotten",
    summary="The page for a forgotten password",
    response_class=HTMLResponse,
    responses=errors(403),
)
async def forgotten_page(platform: PlatformDep, _pool: RecoveryDep) -> Response:
    """HTML with a form."""
    return page(platform.settings, login_page.forgotten())


@router.post(
    "/session/forgotten",
    summary="Send a code, by the page's form",
    response_class=HTMLResponse,
    responses={**errors(400, 413), **pages(403, 422, 429, 503)},
)
async def forgotten_form(request: Request, services: ServicesDep, pool: RecoveryDep) -> Response:
    """The page that asks for the code, whether or not the user exists; or the form with a message."""
    settings = services.platform.settings
    form = await posted(request, settings)
    name = form["username"][:128]
    try:
        services.logins.check(address_of(request))
        await run_in_threadpool(pool.send_reset_code, form["username"])
    except ReviewLensError as error:
        return page(settings, login_page.forgotten(name), error)
    return page(settings, login_page.new_password(name), note=_SENT)


@router.get(
    "/session/new-password",
    summary="The page for a code and a new password",
    response_class=HTMLResponse,
    responses=errors(403),
)
async def new_password_page(platform: PlatformDep, _pool: RecoveryDep) -> Response:
    """HTML with a form."""
    return page(platform.settings, login_page.new_password())


@router.post(
    "/session/new-password",
    summary="Set a new password by the page's form",
    response_class=HTMLResponse,
    responses={**errors(400, 413), **pages(401, 403, 422, 429, 503)},
)
async def new_password_form(request: Request, services: ServicesDep, pool: RecoveryDep) -> Response:
    """The log-in page if the code is right; the form with a note if another code was requested."""
    settings = services.platform.settings
    form = await posted(request, settings)
    name = form["username"][:128]
    try:
        services.logins.check(address_of(request))
        if form["resend"]:
            await run_in_threadpool(pool.send_reset_code, form["username"])
            return page(settings, login_page.new_password(name), note=_SENT)
        check_twice(form["password"], form["again"])
        await run_in_threadpool(pool.reset_password, form["username"], form["code"], form["password"])
    except ReviewLensError as error:
        return page(settings, login_page.new_password(name), error)
    return page(settings, log_in_page(settings, name), note="Your new password is set; log in with it.")
