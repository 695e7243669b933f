"""Tokens for programs: log in, refresh, log out, who am I."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from backend.deps import CurrentUser, LocalUsers, PlatformDep, ServicesDep, address_of
from backend.schemas import Credentials, Me, RefreshToken, TokenAnswer, errors

router = APIRouter(tags=["log-in"])


@router.post("/login", summary="Swap name and password for tokens", responses=errors(400, 401, 422, 429))
def login(body: Credentials, request: Request, services: ServicesDep) -> TokenAnswer:
    """The answer is the same whether the name or the password is wrong. Attempts are limited by name and by address."""
    services.logins.check(address_of(request))
    return TokenAnswer(**asdict(services.platform.identity.login(body.username, body.password)))


@router.post("/refresh", summary="New tokens for a refresh token", responses=errors(400, 401, 422))
def refresh(body: RefreshToken, platform: PlatformDep) -> TokenAnswer:
    """The refresh token stays the same."""
    return TokenAnswer(**asdict(platform.identity.refresh(body.refresh_token)))


@router.post("/logout", status_code=204, summary="Revoke a refresh token", responses=errors(400, 422))
def logout(body: RefreshToken, platform: PlatformDep) -> Response:
    """An unknown one is fine. Access tokens live out their minutes."""
    platform.identity.logout(body.refresh_token)
    return Response(status_code=204)


@router.get("/me", summary="Who is calling", responses=errors(401, 429))
async def me(user: CurrentUser) -> Me:
    """The verified caller."""
    return Me(subject=user.subject, name=user.name, groups=sorted(user.groups))


@router.get("/.well-known/jwks.json", summary="The public keys that tokens are signed with", responses=errors(404))
def jwks(users: LocalUsers) -> dict[str, list[dict[str, str]]]:
    """A JSON Web Key Set (RFC 7517)."""
    return users.jwks()
