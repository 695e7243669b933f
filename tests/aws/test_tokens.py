"""Every route on AWS with tokens that are none of ours: another pool's, unsigned, signed with a public key, too old."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from jose import jwk, jwt

from reviewlens import aws
from tests.aws.account import PASSWORD, new_pool
from tests.aws.conftest import AwsDeployment
from tests.aws.every_route import WITH_TOKEN, Route, call

pytestmark = [pytest.mark.spark]

IDS = {"job_id": "j", "upload_id": "u", "row": 1, "subject": "s"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(deployment: AwsDeployment, headers: dict[str, Any] | None = None, **changed: Any) -> str:
    """Ana's token with other claims, signed by the pool's own key: as good as what the pool itself would have made."""
    head, claims = jwt.get_unverified_header(deployment.ana.access), jwt.get_unverified_claims(deployment.ana.access)
    given = {"kid": head["kid"], **(headers or {})}
    return str(jwt.encode({**claims, **changed}, deployment.account.signing_key(), "RS256", headers=given))


def tokens_of(pool: str, client: str, name: str) -> dict[str, str]:
    cognito = aws.client("cognito-idp")
    cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
    words = {"USERNAME": name, "PASSWORD": PASSWORD}
    found = cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=words)
    result: dict[str, str] = found["AuthenticationResult"]
    return result


@pytest.fixture(scope="module")
def bad(deployment: AwsDeployment) -> dict[str, str]:
    """Tokens by what is wrong with them."""
    head, claims, signature = deployment.ana.access.split(".")
    kid = jwt.get_unverified_header(deployment.ana.access)["kid"]
    others = tokens_of(*new_pool(), "ana")
    other_client = aws.client("cognito-idp").create_user_pool_client(
        UserPoolId=deployment.account.pool, ClientName="another", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    key_set = httpx.get(deployment.account.settings["cognito_jwks_url"]).json()["keys"]
    private = serialization.load_pem_private_key(deployment.account.signing_key().encode(), None)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    now = int(time.time())
    made = {
        "another pool's": others["AccessToken"],
        "another pool's, under our key id": _renamed(others["AccessToken"], kid),
        "unsigned": b64(json.dumps({"alg": "none", "kid": kid}).encode()) + f".{claims}.",
        "unsigned, with its signature": b64(json.dumps({"alg": "none", "kid": kid}).encode())
        + f".{claims}.{signature}",
        "expired": signed(deployment, iat=now - 7200, auth_time=now - 7200, exp=now - 600),
        "of another client": signed(deployment, client_id=other_client),
        "of another issuer": signed(deployment, iss="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_other"),
        "of another kind": signed(deployment, token_use="id"),
        "with a subject that climbs": signed(deployment, sub="../other"),
        "by an unknown key": signed(deployment, {"kid": "unknown"}),
        "with its last part changed": f"{head}.{claims}.{signature[::-1]}",
        "with other claims": f"{head}.{b64(json.dumps({'sub': deployment.ben_subject}).encode())}.{signature}",
        "an id token": _id_token(deployment),
        "a refresh token": deployment.ana.refresh,
        "no token": "nonsense",
    }
    secrets = {"PEM": pem, "stripped PEM": pem.strip()}
    secrets |= {f"key {number}": json.dumps(each).encode() for number, each in enumerate(key_set)}
    for name, secret in secrets.items():
        start = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode()) + f".{claims}"
        made[f"HS256 with the public {name}"] = start + "." + b64(hmac.digest(secret, start.encode(), hashlib.sha256))
    return made


def _renamed(token: str, kid: str) -> str:
    _, claims, signature = token.split(".")
    return ".".join((b64(json.dumps({"alg": "RS256", "kid": kid}).encode()), claims, signature))


def _id_token(deployment: AwsDeployment) -> str:
    body = {"username": "ana", "password": PASSWORD}
    return str(httpx.post(f"{deployment.ana.url}/login", json=body, timeout=30).json()["id_token"])


@pytest.fixture(scope="module")
def client(deployment: AwsDeployment) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=deployment.ana.url, timeout=30) as made:
        yield made


def test_the_pools_own_key_signs_what_is_taken(deployment: AwsDeployment, client: httpx.Client) -> None:
    """So that the tokens below are refused for what is wrong with them and for nothing else."""
    for token in (deployment.ana.access, signed(deployment)):
        assert (
            client.get("/me", headers={"Authorization": f"Bearer {token}"}).json()["subject"] == deployment.ana_subject
        )
    keys = httpx.get(deployment.account.settings["cognito_jwks_url"]).json()["keys"]
    modulus = jwk.construct(deployment.account.signing_key(), "RS256").public_key().to_dict()["n"]
    assert (modulus.decode() if isinstance(modulus, bytes) else modulus) in [key["n"] for key in keys]


@pytest.mark.parametrize("route", WITH_TOKEN, ids=str)
def test_a_token_that_is_not_one_of_ours_opens_nothing(client: httpx.Client, bad: dict[str, str], route: Route) -> None:
    assert len(bad) >= 18
    for name, token in bad.items():
        answer = call(client, route, IDS, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] in ("token-expired" if name == "expired" else "token-invalid"), name
    assert call(client, route, IDS).status_code == 401


def test_an_unknown_key_does_not_make_the_backend_ask_for_keys_each_time(
    deployment: AwsDeployment, client: httpx.Client
) -> None:
    token = signed(deployment, {"kid": "never-heard-of"})
    client.get("/me", headers={"Authorization": f"Bearer {token}"})
    deployment.account.proxy.forget()
    for _ in range(20):
        assert client.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert [call for call in deployment.account.proxy.calls if call.operation == "GetKeys"] == []


def test_a_session_that_was_ended_is_not_renewed(deployment: AwsDeployment, client: httpx.Client) -> None:
    body = {"username": "ben", "password": PASSWORD}
    tokens = client.post("/login", json=body).json()
    assert client.post("/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 200
    assert client.post("/logout", json={"refresh_token": tokens["refresh_token"]}).status_code == 204
    again = client.post("/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (again.status_code, again.headers["content-type"]) == (401, "application/problem+json")
