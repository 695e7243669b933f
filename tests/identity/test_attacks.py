"""Tokens that the pool did not sign for this client, checked by the verifier of a Cognito backend."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwt

from reviewlens.errors import AuthenticationError
from reviewlens.identity.cognito import CognitoIdentity
from reviewlens.identity.interface import User
from reviewlens.identity.keys import SigningKey
from reviewlens.identity.tokens import TokenSigner
from reviewlens.settings import Settings
from tests.identity.key_server import KeyServer, key_server

POOL, CLIENT = "eu-west-1_AbCdEf123", "the1client2of3reviewlens4"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
ANA = User("6f0d2f4e-7c1b-4c55-9a51-4bb0f3c0ce11", "ana")


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> SigningKey:
    return SigningKey.load(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def attackers(tmp_path_factory) -> SigningKey:
    return SigningKey.load(tmp_path_factory.mktemp("theirs"))


@pytest.fixture(scope="module")
def pool_server(key) -> Iterator[KeyServer]:
    with key_server() as server:
        server.answer = [key.public]
        yield server


@pytest.fixture(scope="module")
def attackers_server(attackers) -> Iterator[KeyServer]:
    with key_server() as server:
        server.answer = [attackers.public]
        yield server


@pytest.fixture(scope="module")
def identity(pool_server) -> CognitoIdentity:
    settings = Settings(
        identity="cognito",
        cognito_user_pool=POOL,
        cognito_client=CLIENT,
        cognito_jwks_url=pool_server.url,
        cognito_domain="https://pool.example",
    )
    return CognitoIdentity(settings, client=object())


def claims(key: SigningKey, **changed: Any) -> dict[str, Any]:
    whole = jwt.get_unverified_claims(TokenSigner(key, ISSUER, CLIENT, life_seconds=300).access(ANA))
    return {name: value for name, value in {**whole, **changed}.items() if value is not None}


def signed(key: SigningKey, headers: dict[str, Any] | None = None, **changed: Any) -> str:
    return jwt.encode(claims(key, **changed), key.pem, "RS256", headers={"kid": key.kid, **(headers or {})})


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(body).encode())}.{b64(signature)}"


def refused(identity: CognitoIdentity, token: str) -> str:
    with pytest.raises(AuthenticationError) as error:
        identity.verify(token)
    return error.value.code


def test_the_pools_own_token_is_good(identity, key, pool_server):
    assert identity.verify(signed(key)) == ANA
    assert identity.verify(signed(key)) == ANA
    assert len(pool_server.asked) == 1


def test_a_token_of_another_pools_key(identity, key, attackers):
    for kid in (attackers.kid, key.kid):
        assert refused(identity, signed(attackers, {"kid": kid})) == "token-invalid"


@pytest.mark.parametrize("header", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_the_token_contains_or_points_to(identity, key, attackers, attackers_server, header):
    value = {"jwk": attackers.public, "x5c": [b64(attackers.public_pem.encode())]}.get(header, attackers_server.url)
    for kid in (attackers.kid, key.kid, attackers_server.url):
        assert refused(identity, signed(attackers, {"kid": kid, header: value})) == "token-invalid"
    assert attackers_server.asked == []
    assert identity.verify(signed(key, {header: value})) == ANA, "they are not looked at either way"


def test_no_signature(identity, key):
    for alg in ("none", "None", "nOnE", "NONE", "", None):
        for kid in (key.kid, None):
            assert refused(identity, by_hand({"alg": alg, "typ": "JWT", "kid": kid}, claims(key))) == "token-invalid"
    head, body, _ = signed(key).split(".")
    assert refused(identity, f"{head}.{body}.") == "token-invalid"


def test_the_public_key_as_a_secret(identity, key):
    secrets = [
        key.public_pem,
        key.public_pem.strip(),
        key.public["n"],
        json.dumps(key.public),
        json.dumps({"keys": [key.public]}),
    ]
    for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)):
        text = by_hand({"alg": alg, "typ": "JWT", "kid": key.kid}, claims(key)).rsplit(".", 1)[0]
        for secret in secrets:
            mac = hmac.new(secret.encode(), text.encode(), digest).digest()
            assert refused(identity, f"{text}.{b64(mac)}") == "token-invalid"


def test_other_algorithms_even_with_the_right_key(identity, key):
    for alg in ("RS384", "RS512"):
        token = jwt.encode(claims(key), key.pem, alg, headers={"kid": key.kid})
        assert refused(identity, token) == "token-invalid"
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert refused(identity, jwt.encode(claims(key), curve, "ES256", headers={"kid": key.kid})) == "token-invalid"


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/etc/passwd",
        "file:///etc/passwd",
        "' UNION SELECT 'secret' --",
        "key\x00",
        "x" * 5000,
        "",
        " ",
        None,
        0,
        True,
        ["a"],
        {"kid": "a"},
    ],
)
def test_key_ids_are_only_ever_looked_up(identity, pool_server, key, attackers, kid):
    assert refused(identity, signed(attackers, {"kid": kid})) == "token-invalid"
    assert refused(identity, signed(key, {"kid": kid})) == "token-invalid"
    assert set(pool_server.asked) == {"/keys"}


def test_unknown_critical_extensions(identity, key):
    assert refused(identity, signed(key, {"crit": ["exp"], "exp": 1})) == "token-invalid"


def test_an_expired_token_and_one_from_the_future(identity, key):
    now = int(time.time())
    assert refused(identity, signed(key, iat=now - 400, exp=now - 1)) == "token-expired"
    assert refused(identity, signed(key, nbf=now + 300)) == "token-invalid"


def test_an_id_token_grants_no_access(identity, key):
    assert refused(identity, TokenSigner(key, ISSUER, CLIENT, life_seconds=300).id(ANA)) == "token-invalid"
    assert refused(identity, signed(key, token_use="id", aud=CLIENT)) == "token-invalid"


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another1client2of3the4pool"},
        {"client_id": None, "aud": CLIENT},
        {"client_id": [CLIENT]},
        {"iss": ISSUER + "x"},
        {"iss": ISSUER + "/"},
        {"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Another99"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "../another"},
        {"sub": "a/b"},
        {"sub": 7},
        {"exp": None},
        {"exp": "never"},
        {"iat": None},
        {"token_use": None},
        {"token_use": "refresh"},
        {"token_use": ["access"]},
        {"cognito:groups": "admin"},
        {"cognito:groups": {"admin": True}},
        {"cognito:groups": 1},
    ],
)
def test_wrong_and_missing_claims(identity, key, changed):
    assert refused(identity, signed(key, **changed)) == "token-invalid"


def test_groups_cannot_be_added_by_hand(identity, key):
    head, _, signature = signed(key).split(".")
    raised = b64(json.dumps(claims(key, **{"cognito:groups": ["admin"]})).encode())
    assert refused(identity, f"{head}.{raised}.{signature}") == "token-invalid"


def test_after_a_rotation_only_the_new_key_is_accepted(key, attackers):
    with key_server() as server:
        server.answer = [key.public]
        settings = Settings(
            identity="cognito",
            cognito_user_pool=POOL,
            cognito_client=CLIENT,
            cognito_jwks_url=server.url,
            cognito_domain="https://pool.example",
        )
        identity = CognitoIdentity(settings, client=object())
        now = [0.0]
        identity.keys._now = lambda: now[0]
        assert identity.verify(signed(key)) == ANA
        server.answer = [attackers.public]
        assert refused(identity, signed(attackers)) == "token-invalid", "fetched a moment ago"
        now[0] += 60
        assert identity.verify(signed(attackers)) == ANA
        assert refused(identity, signed(key)) == "token-invalid"
        assert len(server.asked) == 2
