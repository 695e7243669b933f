"""Tokens for programs: log in, refresh, log out, and who the caller is."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from backend.schemas.login import ChallengeAnswer, Credentials, Me, RefreshToken, TokenAnswer
from backend.schemas.problems import errors
from backend.web.deps import CurrentUser, LocalUsers, ServicesDep, address_of, limit_by_address
from backend.web.threads import in_thread
from reviewlens.errors import AuthenticationError
from reviewlens.identity.challenges import Challenge
from reviewlens.identity.interface import Tokens

router = APIRouter(tags=["log-in"])


@router.post("/login", summary="Exchange name and password for tokens", responses=errors(400, 401, 403, 422, 429, 503))
async def login(body: Credentials, request: Request, services: ServicesDep) -> TokenAnswer:
    """The response is the same whether the name or the password is wrong. Attempts are limited by name and by address.

    401 `challenge-required` asks for one more step: send the `session` in `details` and the answer to /login/challenge.
    """
    services.logins.check(address_of(request))
    return _tokens(
        await in_thread(services.threads.logins, services.platform.identity.login, body.username, body.password)
    )


@router.post("/login/challenge", summary="Finish a log-in", responses=errors(400, 401, 403, 422, 429, 503))
async def answer_challenge(body: ChallengeAnswer, request: Request, services: ServicesDep) -> TokenAnswer:
    """Send a new password or a code, as `challenge` asked for, within a few minutes.

    401 `wrong-code`: try the same session again; `challenge-ended`: log in again; `challenge-required`: one more step.
    """
    services.logins.check(address_of(request))
    return _tokens(
        await in_thread(services.threads.logins, services.platform.identity.answer, body.session, body.answer)
    )


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


def _tokens(outcome: Tokens | Challenge) -> TokenAnswer:
    if isinstance(outcome, Challenge):
        facts = {"challenge": str(outcome.kind), "session": outcome.session}
        facts |= {name: value for name in ("sent_to", "secret") if (value := getattr(outcome, name))}
        raise AuthenticationError(outcome.prompt, code="challenge-required", details=dict(facts))
    return TokenAnswer(**asdict(outcome))
