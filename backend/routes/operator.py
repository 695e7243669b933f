"""Users and log-in links, for the operator, who can read the operator key in the data folder."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request

from backend.schemas.operator import AddedUser, LoginLink, NewUser, UserName
from backend.schemas.problems import errors
from backend.web.deps import LocalUsers, PlatformDep, operator_only

router = APIRouter(
    prefix="/operator",
    tags=["operator"],
    dependencies=[Depends(operator_only)],
    responses=errors(400, 401, 404, 422, 429),
)


@router.post("/login-link", summary="Create a link that logs a user in once")
def login_link(body: UserName, request: Request, users: LocalUsers, platform: PlatformDep) -> LoginLink:
    """Creates the user if needed. The link has the address at which browsers reach this backend."""
    query = urlencode({"token": users.login_link_token(body.username)})
    base = platform.settings.public_backend_url or str(request.base_url)
    return LoginLink(url=f"{base.rstrip('/')}/session/start?{query}")


@router.post("/users", status_code=201, summary="Add a user", responses=errors(409))
def add_user(body: NewUser, users: LocalUsers) -> AddedUser:
    """The password is shown only in this response."""
    user, password = users.add_user(body.username, body.password)
    return AddedUser(username=user.name, password=password)
