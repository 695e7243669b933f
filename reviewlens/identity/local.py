"""The local user pool: users, refresh tokens and log-in links in SQLite; its tokens have the form of Cognito's."""

from __future__ import annotations

import hashlib
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from reviewlens.errors import AuthenticationError, ConflictError, InputError
from reviewlens.identity.interface import Tokens, User
from reviewlens.identity.keys import SigningKey
from reviewlens.identity.limiter import RateLimiter
from reviewlens.identity.passwords import Passwords, normal_name
from reviewlens.identity.tokens import TokenSigner, TokenVerifier
from reviewlens.settings import Settings
from reviewlens.sqlite import Database

_log = logging.getLogger(__name__)
CLIENT_ID = "reviewlens"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    subject TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS grants (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL REFERENCES users(subject), expires_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS grants_by_expiry ON grants (expires_at);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    hash TEXT PRIMARY KEY, session TEXT NOT NULL, subject TEXT NOT NULL REFERENCES users(subject),
    expires_at REAL NOT NULL, used INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS refresh_tokens_by_session ON refresh_tokens (session);
CREATE INDEX IF NOT EXISTS refresh_tokens_by_expiry ON refresh_tokens (expires_at);
INSERT OR IGNORE INTO refresh_tokens
    SELECT hash, hash, subject, expires_at, 0 FROM grants WHERE kind = 'refresh';
DELETE FROM grants WHERE kind = 'refresh';
"""
"""Earlier versions kept refresh tokens among the grants."""
_LINK = "link"


class LocalIdentity:
    """An IdentityProvider that also creates users and one-time log-in links; `now` returns seconds since 1970."""

    managed_login: None = None

    def __init__(
        self, database: Path, secrets_dir: Path, settings: Settings, *, now: Callable[[], float] = time.time
    ) -> None:
        self._db = Database(database, _SCHEMA)
        self._settings = settings
        self._now = now
        self._passwords = Passwords()
        self.key = SigningKey.load(secrets_dir)
        issuer = f"urn:reviewlens:pool:{self.key.kid}"
        keys = {self.key.kid: self.key.public}
        self._signer = TokenSigner(
            self.key, issuer, CLIENT_ID, life_seconds=settings.access_token_minutes * 60, now=now
        )
        self._verifier = TokenVerifier(keys.get, issuer, CLIENT_ID)
        self._attempts = RateLimiter(
            settings.login_attempts_per_minute,
            "Too many log-in attempts for this user name; try again later.",
            now=now,
            code="too-many-logins",
        )

    # -- IdentityProvider ---------------------------------------------------------------------------------------------

    def login(self, name: str, password: str) -> Tokens:
        """See IdentityProvider.login; never asks for more."""
        try:
            normal = normal_name(name)
        except InputError:
            normal = ""
        self._attempts.check(normal or _hash(name))
        row = self._user_row(normal) if normal else None
        if not self._passwords.matches(row[1] if row else "", password) or row is None:
            raise AuthenticationError("The user name or the password is wrong.", code="wrong-credentials")
        return self._tokens(row[0])

    def refresh(self, refresh_token: str) -> Tokens:
        """See IdentityProvider.refresh. A refresh token works once, and its successor is as long valid as it was.

        A token that is used again ends its session, because somebody else may have used it first: none of the session's
        refresh tokens works any more.
        """
        successor = secrets.token_urlsafe(32)
        with self._db.transaction() as db:
            row = db.execute(
                "SELECT subject, name, session, expires_at, used FROM refresh_tokens JOIN users USING (subject)"
                " WHERE hash = ? AND expires_at > ?",
                (_hash(refresh_token), self._now()),
            ).fetchone()
            if row is not None and row["used"]:
                db.execute("DELETE FROM refresh_tokens WHERE session = ?", (row["session"],))
            elif row is not None:
                db.execute("UPDATE refresh_tokens SET used = 1 WHERE hash = ?", (_hash(refresh_token),))
                _save(db, successor, row["session"], row["subject"], row["expires_at"])
        if row is not None and row["used"]:
            _log.warning("a used refresh token was sent again; its session is ended")
        if row is None or row["used"]:
            raise AuthenticationError("Your session has ended; log in again.", code="refresh-token-invalid")
        return self._tokens_with(User(row["subject"], row["name"]), successor)

    def logout(self, refresh_token: str) -> None:
        """See IdentityProvider.logout; ends the session of the token, also of a used one."""
        with self._db.transaction() as db:
            db.execute(
                "DELETE FROM refresh_tokens WHERE session = (SELECT session FROM refresh_tokens WHERE hash = ?)",
                (_hash(refresh_token),),
            )

    def verify(self, access_token: str) -> User:
        """See IdentityProvider.verify."""
        return self._verifier.verify(access_token)

    # -- Users and links of this pool ---------------------------------------------------------------------------------

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JSON Web Key Set."""
        return self.key.jwks()

    def ensure_user(self, name: str) -> User:
        """Return the user with this name; create one without a password (log-in by link only) if there is none."""
        normal = normal_name(name)
        with self._db.transaction() as db:
            db.execute("INSERT OR IGNORE INTO users VALUES (?, ?, '', ?)", (_new_subject(), normal, self._now()))
            row = db.execute("SELECT subject, name FROM users WHERE name = ?", (normal,)).fetchone()
        return User(row["subject"], row["name"])

    def add_user(self, name: str, password: str | None = None) -> tuple[User, str]:
        """Create a user; returns it with its password, which is random when `password` is None.

        ConflictError when the user already has a password; InputError when name or password is invalid.
        """
        password = password if password is not None else secrets.token_urlsafe(12)
        hashed = self._passwords.hash(password)
        user = self.ensure_user(name)
        with self._db.transaction() as db:
            changed = db.execute(
                "UPDATE users SET password = ? WHERE subject = ? AND password = ''", (hashed, user.subject)
            ).rowcount
        if not changed:
            raise ConflictError("This user name is taken; choose another one.", code="user-exists")
        return user, password

    def login_link_token(self, name: str) -> str:
        """Return a one-time token that logs this user in; create the user if there is none."""
        return self._grant(_LINK, self.ensure_user(name).subject, self._settings.login_link_minutes * 60)

    def redeem(self, link_token: str) -> Tokens:
        """Exchange a one-time token for tokens; AuthenticationError when it is unknown, used or expired."""
        with self._db.transaction() as db:
            row = db.execute(
                "DELETE FROM grants WHERE hash = ? AND kind = ? AND expires_at > ? RETURNING subject",
                (_hash(link_token), _LINK, self._now()),
            ).fetchone()
        if row is None:
            raise AuthenticationError(
                "This log-in link has already been used or has expired; request a new one.", code="login-link-invalid"
            )
        with self._db.transaction() as db:
            name = db.execute("SELECT name FROM users WHERE subject = ?", (row["subject"],)).fetchone()["name"]
        return self._tokens(User(row["subject"], name))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _user_row(self, normal: str) -> tuple[User, str] | None:
        with self._db.reading() as db:
            row = db.execute("SELECT subject, name, password FROM users WHERE name = ?", (normal,)).fetchone()
        return (User(row["subject"], row["name"]), row["password"]) if row else None

    def _tokens(self, user: User) -> Tokens:
        """The tokens of a new session."""
        refresh_token = secrets.token_urlsafe(32)
        expires_at = self._now() + self._settings.refresh_token_days * 86_400
        with self._db.transaction() as db:
            db.execute("DELETE FROM refresh_tokens WHERE expires_at <= ?", (self._now(),))
            _save(db, refresh_token, secrets.token_hex(12), user.subject, expires_at)
        return self._tokens_with(user, refresh_token)

    def _tokens_with(self, user: User, refresh_token: str) -> Tokens:
        return Tokens(self._signer.access(user), self._signer.id(user), refresh_token, self._signer.life_seconds)

    def _grant(self, kind: str, subject: str, life_seconds: float) -> str:
        token = secrets.token_urlsafe(32)
        with self._db.transaction() as db:
            db.execute("DELETE FROM grants WHERE expires_at <= ?", (self._now(),))
            db.execute(
                "INSERT INTO grants VALUES (?, ?, ?, ?)", (_hash(token), kind, subject, self._now() + life_seconds)
            )
        return token


def _save(db: sqlite3.Connection, refresh_token: str, session: str, subject: str, expires_at: float) -> None:
    db.execute(
        "INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, 0)", (_hash(refresh_token), session, subject, expires_at)
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _new_subject() -> str:
    return "u" + secrets.token_hex(12)
