"""Renews the session of a browser, which the UI cannot do: only responses to the browser change its cookies."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from backend.schemas.problems import errors
from backend.web.cookies import REFRESH_COOKIE, clear_session, set_session
from backend.web.deps import ServicesDep, limit_by_address
from backend.web.threads import in_thread
from reviewlens.errors import AuthenticationError

_log = logging.getLogger(__name__)
router = APIRouter(prefix="/session", tags=["session"])
UiPath = Annotated[
    str, Query(alias="to", max_length=8000, pattern=r"^/([^/\\\x00-\x1f][^\x00-\x1f]*)?$", examples=["/runs?job=1"])
]


@router.get(
    "/renew",
    summary="Renew a session by its refresh cookie",
    response_class=RedirectResponse,
    status_code=303,
    responses=errors(422, 429, 503),
)
async def renew(request: Request, services: ServicesDep, path: UiPath = "/") -> Response:
    """303 to a path of the UI with new cookies; to the log-in page, without cookies, when the session has ended."""
    settings = services.platform.settings
    limit_by_address(request, services)
    try:
        tokens = await in_thread(
            services.threads.logins, services.renewals.renew, request.cookies.get(REFRESH_COOKIE, "")
        )
    except AuthenticationError as error:
        _log.info("a session could not be renewed: %s", error.code)
        response = RedirectResponse("/session/login", 303)
        clear_session(response, settings)
        return response
    response = RedirectResponse(settings.public_frontend_url.rstrip("/") + path, 303)
    set_session(response, settings, tokens)
    return response
