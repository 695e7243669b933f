"""User names and passwords: validation and argon2 hashes."""

from __future__ import annotations

import re
import secrets
import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from reviewlens.errors import InputError

MIN_PASSWORD_CHARS = 10
MAX_PASSWORD_CHARS = 256
_NAME = re.compile(r"[\w.@+-]{1,64}")


def normal_name(name: str) -> str:
    """Return the form in which names are stored and compared; InputError when the name is invalid."""
    normal = unicodedata.normalize("NFKC", name).strip().casefold()
    if not _NAME.fullmatch(normal):
        raise InputError(
            "A user name must have 1 to 64 characters: letters, digits and . _ @ + - but no spaces.",
            code="invalid-user-name",
        )
    return normal


def _hasher() -> PasswordHasher:
    """A hasher with the OWASP cheat sheet's parameters for argon2id: 19 MiB, two passes, one lane."""
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _dummy_hash() -> str:
    return _hasher().hash(secrets.token_bytes(32))


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


class Passwords:
    """Hashes and verifies passwords, at most two at a time, as each operation takes 19 MiB and a processor."""

    def __init__(self) -> None:
        self._hasher = _hasher()
        self._slots = threading.BoundedSemaphore(2)

    def hash(self, password: str) -> str:
        """Return the argon2id hash; InputError when the password is too short or too long."""
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
            raise InputError(
                f"A password must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters.",
                code="invalid-password",
            )
        with self._slots:
            return self._hasher.hash(_bytes(password))

    def matches(self, hashed: str, password: str) -> bool:
        """Whether the password matches; an empty hash never matches, but takes the same time."""
        with self._slots:
            try:
                matches = self._hasher.verify(hashed or _dummy_hash(), _bytes(password[:MAX_PASSWORD_CHARS]))
            except (Argon2Error, InvalidHashError):
                return False
        return matches and bool(hashed) and len(password) <= MAX_PASSWORD_CHARS
