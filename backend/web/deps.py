"""What routes depend on: the platform, the caller, the operator."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

from backend.web.cookies import ACCESS_COOKIE, REFRESH_COOKIE
from backend.web.services import Services
from backend.web.threads import in_thread
from reviewlens.errors import AuthenticationError, NotFoundError, PermissionError_
from reviewlens.identity.interface import ADMIN, User
from reviewlens.identity.local import LocalIdentity
from reviewlens.platform import Platform

Result = TypeVar("Result")
_bearer = HTTPBearer(auto_error=False, description="The access token from /login or /refresh.")
_operator = APIKeyHeader(
    name="X-ReviewLens-Operator", auto_error=False, description="The key in the data folder's secrets/operator.key."
)


# Dependencies are async although they wait for nothing: FastAPI would run each of the others in a thread.


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


async def _platform(services: ServicesDep) -> Platform:
    return services.platform


PlatformDep = Annotated[Platform, Depends(_platform)]
BearerDep = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


async def _verified_user(request: Request, services: ServicesDep, bearer: BearerDep) -> User:
    """The caller, by the bearer token; for GET also by the session cookies, which a link in a page carries.

    Checked once a request. A cookie alone changes nothing, because another site can make a browser send it.
    """
    known: User | None = getattr(request.state, "user", None)
    if known is not None:
        return known
    if bearer is None and "authorization" not in request.headers and request.method in ("GET", "HEAD"):
        user = await in_thread(services.threads.tokens, _by_cookie, request, services)
    elif bearer is None:
        raise AuthenticationError("Log in first, and send the access token as 'Authorization: Bearer ...'.")
    elif services.platform.local_users is not None:
        user = services.platform.local_users.verify(bearer.credentials)  # a millisecond; a thread would take longer
    else:
        user = await in_thread(services.threads.tokens, services.platform.identity.verify, bearer.credentials)
    services.requests.check(user.subject)
    request.state.user = user
    return user


async def _current_user(user: Annotated[User, Depends(_verified_user)], services: ServicesDep) -> AsyncIterator[User]:
    """The caller, who may have so many requests in progress at once."""
    with services.at_once.taken(user.subject):
        yield user


def _by_cookie(request: Request, services: Services) -> User:
    identity = services.platform.identity
    access, refresh = request.cookies.get(ACCESS_COOKIE), request.cookies.get(REFRESH_COOKIE)
    if access is None and refresh is None:
        raise AuthenticationError("Log in first, and send the access token as 'Authorization: Bearer ...'.")
    try:
        return identity.verify(access or "")
    except AuthenticationError:
        if refresh is None:
            raise
        limit_by_address(request, services)
        request.state.renewed = services.renewals.renew(refresh)  # RequestContext sends the new cookies
        return identity.verify(request.state.renewed.access_token)


CurrentUser = Annotated[User, Depends(_current_user)]


async def _admin(user: CurrentUser) -> User:
    if ADMIN not in user.groups:
        raise PermissionError_(f"Only members of the group '{ADMIN}' see all users' jobs.")
    return user


AdminUser = Annotated[User, Depends(_admin)]


async def _local_users(services: ServicesDep) -> LocalIdentity:
    users = services.platform.local_users
    if users is None:
        raise NotFoundError("The users are not kept here; ask the administrator of the user pool.", code="not-local")
    return users


LocalUsers = Annotated[LocalIdentity, Depends(_local_users)]


async def operator_only(
    request: Request, services: ServicesDep, key: Annotated[str | None, Security(_operator)]
) -> None:
    """AuthenticationError unless the request carries the operator key."""
    if key is None or not hmac.compare_digest(key.encode(), services.operator_key.encode()):
        services.logins.check("operator " + address_of(request))
        raise AuthenticationError("This needs the operator key from the data folder.", code="operator-key-invalid")


async def metrics_reader(request: Request, services: ServicesDep, bearer: BearerDep) -> None:
    """AuthenticationError unless the bearer token is the operator key or a user's token (or a cookie is)."""
    if bearer is None or not hmac.compare_digest(bearer.credentials.encode(), services.operator_key.encode()):
        await _verified_user(request, services, bearer)


def limit_by_address(request: Request, services: Services) -> None:
    """RateLimitError when an address sends too many tokens that need a request to the user pool."""
    services.requests.check("address " + address_of(request))


def address_of(request: Request) -> str:
    """The caller's network address."""
    return request.client.host if request.client else "unknown"


class PredictRoute(APIRoute):
    """A route that scores texts: it checks the token and the user's limit before the body is read.

    Else FastAPI reads and parses the body first, and a user whose requests are refused could still keep it busy.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the checks before it."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            services = await _services(request)
            user = await _verified_user(request, services, await _bearer(request))
            with services.predicts_at_once.taken(user.subject):
                return await handle(request)

        return checked


async def wanted(request: Request, future: Future[Result]) -> Result:
    """The result of work in another thread; ClientDisconnect, and the work is cancelled, when the client goes away."""
    result = asyncio.wrap_future(future)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((result, gone), return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            raise ClientDisconnect
        return result.result()
    finally:
        result.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
