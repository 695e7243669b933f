"""Tokens for programs: log in, refresh, log out, and who the caller is."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from backend.schemas.login import Credentials, Me, RefreshToken, TokenAnswer
from backend.schemas.problems import errors
from backend.web.deps import CurrentUser, LocalUsers, ServicesDep, address_of, limit_by_address
from backend.web.threads import in_thread

router = APIRouter(tags=["log-in"])


@router.post("/login", summary="Exchange name and password for tokens", responses=errors(400, 401, 403, 422, 429, 503))
async def login(body: Credentials, request: Request, services: ServicesDep) -> TokenAnswer:
    """The response is the same whether the name or the password is wrong. Attempts are limited by name and by address.

    401 `challenge-required`: the user pool asks for more than a password; the user logs in on the page in `details`.
    """
    services.logins.check(address_of(request))
    login = services.platform.identity.login
    tokens = await in_thread(services.threads.logins, login, body.username, body.password)
    return TokenAnswer(**asdict(tokens))


@router.post("/refresh", summary="New tokens for a refresh token", responses=errors(400, 401, 422, 429, 503))
async def refresh(body: RefreshToken, request: Request, services: ServicesDep) -> TokenAnswer:
    """The refresh token stays the same."""
    limit_by_address(request, services)
    tokens = await in_thread(services.threads.logins, services.platform.identity.refresh, body.refresh_token)
    return TokenAnswer(**asdict(tokens))


@router.post("/logout", status_code=204, summary="Revoke a refresh token", responses=errors(400, 422, 429, 503))
async def logout(body: RefreshToken, request: Request, services: ServicesDep) -> Response:
    """An unknown token is accepted. Access tokens stay valid until they expire."""
    limit_by_address(request, services)
    await in_thread(services.threads.logins, services.platform.identity.logout, body.refresh_token)
    return Response(status_code=204)


@router.get("/me", summary="Who is calling", responses=errors(401, 429))
async def me(user: CurrentUser) -> Me:
    """The verified caller."""
    return Me(subject=user.subject, name=user.name, groups=sorted(user.groups))


@router.get("/.well-known/jwks.json", summary="The public keys that tokens are signed with", responses=errors(404))
def jwks(users: LocalUsers) -> dict[str, list[dict[str, str]]]:
    """A JSON Web Key Set (RFC 7517)."""
    return users.jwks()
