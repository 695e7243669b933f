"""The public keys of a user pool elsewhere: fetched when needed, cached, never fetched often."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping

import httpx

from reviewlens.errors import TransientError

_log = logging.getLogger(__name__)
JWKS = Mapping[str, Mapping[str, str]]
MAX_BYTES = 100_000
FETCH_SECONDS = 5.0
PAUSE_SECONDS = 30.0
"""After a fetch an unknown key id causes no other one for so long."""
PAUSE_AFTER_FAILURE_SECONDS = 5.0
KEPT_SECONDS = 3600.0
"""Keys older than this are fetched again, so that one which the pool has withdrawn does not stay good for ever."""


class KeySet:
    """From a key id to the pool's public key, as TokenVerifier asks for it; for many threads at once.

    An unknown key id fetches the keys again: once for all who wait, and at most once in PAUSE_SECONDS whatever key ids
    are sent. When that fails the old keys stay. TransientError (`keys-unreachable`) while there are none at all.
    """

    def __init__(
        self, url: str, *, fetch: Callable[[str], bytes] | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._fetch = fetch or fetch_document
        self._now = now
        self._keys: JWKS = {}
        self._lock = threading.Lock()
        self._next_fetch = self._stale_at = float("-inf")

    def __call__(self, kid: str) -> Mapping[str, str] | None:
        """The key, or None where the pool has no such key."""
        if kid in self._keys:
            if self._now() >= self._stale_at and self._lock.acquire(blocking=False):  # the others go on meanwhile
                try:
                    self._renew()
                finally:
                    self._lock.release()
            return self._keys.get(kid)
        with self._lock:
            if kid not in self._keys:
                self._renew()
            keys = self._keys
        if not keys:
            raise TransientError(
                "The keys that log-ins are checked with cannot be fetched just now; try again in a few seconds.",
                code="keys-unreachable",
            )
        return keys.get(kid)

    def _renew(self) -> None:
        """With the lock held."""
        if self._now() < self._next_fetch:
            return
        try:
            keys = public_keys(self._fetch(self._url))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            self._next_fetch = self._now() + PAUSE_AFTER_FAILURE_SECONDS
            _log.warning("the user pool's keys cannot be fetched: %s", type(error).__name__)
            return
        self._keys = keys
        self._next_fetch = self._now() + PAUSE_SECONDS
        self._stale_at = self._now() + KEPT_SECONDS


def public_keys(document: bytes) -> dict[str, dict[str, str]]:
    """The RSA signing keys of a JSON Web Key Set (RFC 7517) by key id; ValueError when it holds none."""
    found = json.loads(document)
    listed = found.get("keys") if isinstance(found, dict) else None
    keys = {}
    for key in listed if isinstance(listed, list) else []:
        if (
            isinstance(key, dict)
            and all(isinstance(key.get(part), str) and key[part] for part in ("kid", "n", "e"))
            and key.get("kty") == "RSA"
            and key.get("use", "sig") == "sig"
            and key.get("alg", "RS256") == "RS256"
        ):
            keys[key["kid"]] = {"kty": "RSA", "alg": "RS256", "n": key["n"], "e": key["e"]}
    if not keys:
        raise ValueError("the document holds no RSA signing key")
    return keys


def fetch_document(url: str) -> bytes:
    """GET, within FETCH_SECONDS and MAX_BYTES, following no redirect; ValueError or httpx's errors."""
    deadline = time.monotonic() + FETCH_SECONDS
    # uncompressed: what arrives is then what is counted
    with httpx.stream("GET", url, timeout=FETCH_SECONDS, headers={"Accept-Encoding": "identity"}) as answer:
        if answer.status_code != 200:
            raise ValueError(f"answered {answer.status_code}")
        document = b""
        for chunk in answer.iter_raw():
            document += chunk
            if len(document) > MAX_BYTES:
                raise ValueError("larger than a set of keys can be")
            if time.monotonic() > deadline:
                raise ValueError("slower than it may be")
    return document
