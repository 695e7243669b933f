"""The verifier with forged, foreign and expired tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jose import jwt

from reviewlens.errors import AuthenticationError, ConfigurationError
from reviewlens.identity.interface import User
from reviewlens.identity.keys import SigningKey
from reviewlens.identity.tokens import TokenSigner, TokenVerifier

ISSUER, CLIENT = "urn:pool:one", "reviewlens"
ANA = User("u1", "ana", frozenset({"admin"}))


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> SigningKey:
    return SigningKey.load(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def other_key(tmp_path_factory) -> SigningKey:
    return SigningKey.load(tmp_path_factory.mktemp("other"))


@pytest.fixture(scope="module")
def verifier(key) -> TokenVerifier:
    return TokenVerifier({key.kid: key.public}.get, ISSUER, CLIENT)


def signer(key: SigningKey, **changed: object) -> TokenSigner:
    facts = {"issuer": ISSUER, "client_id": CLIENT, "life_seconds": 60, **changed}
    return TokenSigner(key, **facts)


def signed(key: SigningKey, headers: dict | None = None, **changed: object) -> str:
    claims = jwt.get_unverified_claims(signer(key).access(ANA))
    claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    return jwt.encode(claims, key.pem, "RS256", headers={"kid": key.kid, **(headers or {})})


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def refused(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(AuthenticationError) as error:
        verifier.verify(token)
    return error.value.code


def test_a_good_token_names_its_user(verifier, key):
    assert verifier.verify(signer(key).access(ANA)) == ANA
    assert verifier.verify(signed(key)) == ANA


def test_alg_none_is_refused(verifier, key):
    _, claims, _ = signed(key).split(".")
    for alg in ("none", "None", "NONE", ""):
        header = b64(json.dumps({"alg": alg, "typ": "JWT", "kid": key.kid}).encode())
        assert refused(verifier, f"{header}.{claims}.") == "token-invalid"


def test_hs256_with_the_public_key_as_secret_is_refused(verifier, key):
    _, claims, _ = signed(key).split(".")
    header = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": key.kid}).encode())
    for secret in (key.public_pem, key.public_pem.strip(), json.dumps(key.public), key.public["n"]):
        mac = hmac.new(secret.encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
        assert refused(verifier, f"{header}.{claims}.{b64(mac)}") == "token-invalid"


def test_other_rsa_algorithms_are_refused(verifier, key):
    claims = jwt.get_unverified_claims(signed(key))
    for alg in ("RS384", "RS512"):
        assert refused(verifier, jwt.encode(claims, key.pem, alg, headers={"kid": key.kid})) == "token-invalid"


def test_another_pools_key_is_refused_even_with_our_key_id(verifier, key, other_key):
    assert refused(verifier, signed(other_key)) == "token-invalid"
    assert refused(verifier, signed(other_key, {"kid": key.kid})) == "token-invalid"
    assert refused(verifier, signed(other_key, {"kid": key.kid, "jwk": other_key.public})) == "token-invalid"


@pytest.mark.parametrize("kid", [None, 7, ["a"], {"a": 1}, "", "unknown"])
def test_key_ids_that_are_not_ours_are_refused(verifier, key, kid):
    assert refused(verifier, signed(key, {"kid": kid})) == "token-invalid"


def test_an_expired_token_is_refused_and_says_so(verifier, key):
    assert refused(verifier, signer(key, now=lambda: time.time() - 61).access(ANA)) == "token-expired"
    assert verifier.verify(signer(key, now=lambda: time.time() - 50).access(ANA)) == ANA


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "urn:pool:two"},
        {"iss": None},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"sub": None},
        {"sub": 7},
        {"sub": ""},
        {"sub": "../other"},
        {"sub": "u" * 129},
        {"token_use": "id"},
        {"token_use": None},
        {"client_id": "another-app"},
        {"client_id": None},
        {"nbf": 4_000_000_000},
    ],
)
def test_wrong_claims_are_refused(verifier, key, changed):
    assert refused(verifier, signed(key, **changed)) == "token-invalid"


def test_an_id_token_grants_no_access(verifier, key):
    assert refused(verifier, signer(key).id(ANA)) == "token-invalid"


def test_a_tampered_token_is_refused_wherever_it_is_changed(verifier, key):
    token = signed(key)
    header, claims, signature = token.split(".")
    other = b64(json.dumps({**jwt.get_unverified_claims(token), "sub": "u2"}).encode())
    assert refused(verifier, f"{header}.{other}.{signature}") == "token-invalid"
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    for place in range(0, len(raw), 31):
        changed = bytearray(raw)
        changed[place] ^= 1
        assert refused(verifier, f"{header}.{claims}.{b64(bytes(changed))}") == "token-invalid"
    assert refused(verifier, f"{header}.{claims}.") == "token-invalid"


def test_claims_that_are_not_an_object_are_refused(verifier, key):
    deep = "[" * 3000 + "]" * 3000
    for body in ("[]", "7", '"x"', "null", deep):
        header = b64(json.dumps({"alg": "RS256", "kid": key.kid}).encode())
        assert refused(verifier, f"{header}.{b64(body.encode())}.AAAA") == "token-invalid"
        assert refused(verifier, f"{b64(body.encode())}.{header}.AAAA") == "token-invalid"


@given(st.text(max_size=60))
def test_any_text_is_refused_with_our_error(text):
    verifier = TokenVerifier({}.get, ISSUER, CLIENT)
    assert refused(verifier, text) == "token-invalid"
    assert refused(verifier, f"{b64(text.encode(errors='replace'))}.{text}.x") == "token-invalid"


def test_the_published_key_holds_nothing_private(key):
    (published,) = key.jwks()["keys"]
    assert set(published) == {"kty", "alg", "use", "kid", "n", "e"}


def test_a_damaged_key_file_is_refused(tmp_path):
    (tmp_path / "signing-key.pem").write_text("not a key")
    with pytest.raises(ConfigurationError) as damaged:
        SigningKey.load(tmp_path)
    assert damaged.value.code == "key-unusable"


def test_a_key_of_another_kind_is_refused():
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ConfigurationError):
        SigningKey(pem)


NONCE = "the nonce of this log-in"


def id_token(key: SigningKey, access: str = "", **changed: object) -> str:
    """An id token of Ana's log-in; with the hash of `access`, as Cognito adds it, unless it is empty."""
    claims = {**jwt.get_unverified_claims(signer(key).id(ANA)), "nonce": NONCE, **changed}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key.pem, "RS256", headers={"kid": key.kid}, access_token=access or None)


def test_an_id_token_of_the_same_log_in_is_accepted(verifier, key):
    access = signer(key).access(ANA)
    for token in (id_token(key), id_token(key, access)):
        verifier.check_id(token, ANA, nonce=NONCE, access_token=access)


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": [NONCE]},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"aud": None},
        {"sub": "u2"},
        {"token_use": "access"},
        {"token_use": None},
        {"iss": "urn:pool:other"},
        {"exp": 1},
        {"at_hash": "LPzHhJSUoSGGUXpwsm57fA"},
    ],
)
def test_an_id_token_of_another_log_in_is_refused(verifier, key, changed):
    with pytest.raises(AuthenticationError):
        verifier.check_id(id_token(key, **changed), ANA, nonce=NONCE, access_token=signer(key).access(ANA))


def test_an_id_token_is_bound_to_its_access_token(verifier, key):
    token = id_token(key, signer(key).access(ANA))
    other = signer(key).access(ANA)
    with pytest.raises(AuthenticationError):
        verifier.check_id(token, ANA, nonce=NONCE, access_token=other)


def test_a_log_in_without_a_nonce_is_refused(verifier, key):
    with pytest.raises(AuthenticationError):
        verifier.check_id(id_token(key, nonce=""), ANA, nonce="", access_token=signer(key).access(ANA))


def test_an_id_token_by_another_key_is_refused(verifier, key, other_key):
    claims = jwt.get_unverified_claims(id_token(key))
    token = jwt.encode(claims, other_key.pem, "RS256", headers={"kid": key.kid})
    with pytest.raises(AuthenticationError):
        verifier.check_id(token, ANA, nonce=NONCE, access_token=signer(key).access(ANA))
