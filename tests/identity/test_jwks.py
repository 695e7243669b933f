"""The cache of a pool's keys: fetched once, refreshed after a rotation, rate-limited."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from reviewlens.errors import TransientError
from reviewlens.identity import jwks
from reviewlens.identity.jwks import KeySet, public_keys
from tests.emulator import free_port
from tests.identity.key_server import KeyServer, key_server
from tests.timing import FakeClock, wait_until


def key(kid: str, /, **changed: object) -> dict[str, object]:
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "n": "sXch", "e": "AQAB", "kid": kid, **changed}


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as server:
        server.answer = [key("one")]
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keys(server: KeyServer, clock: FakeClock) -> KeySet:
    return KeySet(server.url, now=clock)


def test_keys_are_fetched_once(keys, server):
    assert keys("one") == {"kty": "RSA", "alg": "RS256", "n": "sXch", "e": "AQAB"}
    for _ in range(50):
        assert keys("one")
    assert server.asked == ["/keys"]


def test_a_rotation_is_followed_with_one_fetch(keys, server, clock):
    assert keys("one")
    clock.now += jwks.PAUSE_SECONDS
    server.answer = [key("one"), key("two")]
    assert keys("two")
    assert keys("one")
    assert len(server.asked) == 2


def test_a_flood_of_unknown_key_ids_causes_one_fetch_per_pause(keys, server, clock):
    keys("one")
    for number in range(200):
        assert keys(f"guess-{number}") is None
    assert len(server.asked) == 1, "it was fetched just now"
    clock.now += jwks.PAUSE_SECONDS
    for number in range(200):
        assert keys(f"guess-{number}") is None
    assert len(server.asked) == 2
    assert keys("one")


def test_many_at_once_cause_one_fetch_and_all_get_the_key(keys, server):
    server.may_answer.clear()
    gate = threading.Barrier(17)

    def ask(_number: int) -> object:
        gate.wait()
        return keys("one")

    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(ask, number) for number in range(16)]
        gate.wait()
        wait_until(lambda: server.asked)
        server.may_answer.set()
        found = [each.result() for each in asked]
    assert all(found)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "broken", [500, 404, b"not json", b'{"keys": 7}', b"[]", b"{}", b'{"keys": []}', b"[" * 90_000, b"x" * 200_000, ""]
)
def test_the_old_keys_stay_when_a_fetch_fails(keys, server, clock, broken):
    keys("one")
    clock.now += jwks.PAUSE_SECONDS
    server.answer = broken or server.url  # an endless redirect, which is not followed
    assert keys("two") is None
    assert keys("two") is None
    assert len(server.asked) == 2, "not at once again"
    assert keys("one")
    server.answer = [key("two")]
    clock.now += jwks.PAUSE_AFTER_FAILURE_SECONDS
    assert keys("two")


def test_without_any_keys_the_error_is_transient(server, clock):
    server.answer = 503
    keys = KeySet(server.url, now=clock)
    for _ in range(5):
        with pytest.raises(TransientError) as error:
            keys("one")
        assert error.value.code == "keys-unreachable"
    assert len(server.asked) == 1
    server.answer = [key("one")]
    clock.now += jwks.PAUSE_AFTER_FAILURE_SECONDS
    assert keys("one")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/keys", "http://[broken/keys", "file:///etc/passwd"])
def test_addresses_that_do_not_answer(url, clock):
    with pytest.raises(TransientError):
        KeySet(url.format(port=free_port()), now=clock)("one")


def test_a_slow_response_is_aborted(server, clock, monkeypatch):
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.3)
    left = threading.Event()

    def drip(_told, handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1200):  # a minute
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            left.set()

    monkeypatch.setattr(KeyServer, "serve", drip)
    with pytest.raises(TransientError):
        KeySet(server.url, now=clock)("one")
    assert left.wait(30)


def test_a_withdrawn_key_is_forgotten_within_the_hour(keys, server, clock):
    keys("one")
    server.answer = [key("two")]
    clock.now += jwks.MAX_AGE_SECONDS - 1
    assert keys("one")
    clock.now += 1
    assert keys("one") is None
    assert keys("two")
    assert len(server.asked) == 2


def test_one_thread_refreshes_old_keys_while_the_others_use_them(keys, server, clock):
    keys("one")
    clock.now += jwks.MAX_AGE_SECONDS
    server.may_answer.clear()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(keys, "one")
        wait_until(lambda: len(server.asked) == 2)
        assert keys("one")
        assert not slow.done()
        server.may_answer.set()
        assert slow.result()


@pytest.mark.parametrize(
    "unusable",
    [
        {"kty": "EC"},
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"kid": ""},
        {"kid": 7},
        {"n": None},
        {"e": ["AQAB"]},
    ],
)
def test_other_keys_than_rsa_signing_keys_are_ignored(unusable):
    document = json.dumps({"keys": [key("bad", **unusable), "no key", key("good")]}).encode()
    assert set(public_keys(document)) == {"good"}
    with pytest.raises(ValueError, match="no RSA"):
        public_keys(json.dumps({"keys": [key("bad", **unusable)]}).encode())


def test_nothing_but_the_public_key_is_kept():
    document = json.dumps({"keys": [{**key("one"), "d": "private", "x5u": "http://elsewhere"}]}).encode()
    assert public_keys(document)["one"] == {"kty": "RSA", "alg": "RS256", "n": "sXch", "e": "AQAB"}
    assert public_keys(json.dumps({"keys": [{k: v for k, v in key("x").items() if k in "kty kid n e"}]}).encode())
