"""The public keys of a remote user pool: fetched on demand, cached, rate-limited."""

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
"""Minimum time between two fetches that unknown key ids cause."""
PAUSE_AFTER_FAILURE_SECONDS = 5.0
MAX_AGE_SECONDS = 3600.0
"""Keys older than this are fetched again, so that a key which the pool has withdrawn does not stay valid."""


class KeySet:
    """The KeySource of a remote pool; thread-safe.

    An unknown key id triggers a fetch, at most once in PAUSE_SECONDS for all threads and key ids together. When a fetch
    fails, the old keys stay in use. TransientError (`keys-unreachable`) while there are no keys at all.
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
        """Return the public key with this id; None when the pool has no such key."""
        if kid in self._keys:
            if self._now() >= self._stale_at and self._lock.acquire(blocking=False):  # other threads use the old keys
                try:
                    self._refresh()
                finally:
                    self._lock.release()
            return self._keys.get(kid)
        with self._lock:
            if kid not in self._keys:
                self._refresh()
            keys = self._keys
        if not keys:
            raise TransientError(
                "The user pool's public keys cannot be fetched; try again in a few seconds.",
                code="keys-unreachable",
            )
        return keys.get(kid)

    def _refresh(self) -> None:
        """Fetch the keys unless the last fetch was too recent; the caller holds the lock."""
        if self._now() < self._next_fetch:
            return
        try:
            keys = public_keys(self._fetch(self._url))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            self._next_fetch = self._now() + PAUSE_AFTER_FAILURE_SECONDS
            _log.warning("cannot fetch the user pool's keys: %s", type(error).__name__)
            return
        self._keys = keys
        self._next_fetch = self._now() + PAUSE_SECONDS
        self._stale_at = self._now() + MAX_AGE_SECONDS


def public_keys(document: bytes) -> dict[str, dict[str, str]]:
    """Return the RSA signing keys of a JSON Web Key Set (RFC 7517) by key id; ValueError when it contains none."""
    key_set = json.loads(document)
    entries = key_set.get("keys") if isinstance(key_set, dict) else None
    keys = {}
    for key in entries if isinstance(entries, list) else []:
        if (
            isinstance(key, dict)
            and all(isinstance(key.get(field), str) and key[field] for field in ("kid", "n", "e"))
            and key.get("kty") == "RSA"
            and key.get("use", "sig") == "sig"
            and key.get("alg", "RS256") == "RS256"
        ):
            keys[key["kid"]] = {"kty": "RSA", "alg": "RS256", "n": key["n"], "e": key["e"]}
    if not keys:
        raise ValueError("the document contains no RSA signing key")
    return keys


def fetch_document(url: str) -> bytes:
    """GET a document within FETCH_SECONDS and MAX_BYTES, without redirects; raises ValueError or httpx's errors."""
    deadline = time.monotonic() + FETCH_SECONDS
    # Uncompressed, so that MAX_BYTES also limits the size in memory.
    with httpx.stream("GET", url, timeout=FETCH_SECONDS, headers={"Accept-Encoding": "identity"}) as response:
        if response.status_code != 200:
            raise ValueError(f"status {response.status_code}")
        document = b""
        for chunk in response.iter_raw():
            document += chunk
            if len(document) > MAX_BYTES:
                raise ValueError("the document is too large")
            if time.monotonic() > deadline:
                raise ValueError("the response takes too long")
    return document
