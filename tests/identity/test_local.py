"""The local pool: the contract, users, log-in links and storage."""

from __future__ import annotations

import hashlib
import sqlite3
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reviewlens.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InputError,
    RateLimitError,
    TransientError,
)
from reviewlens.identity.local import LocalIdentity
from reviewlens.settings import Settings
from tests.identity.contract import NAME, PASSWORD, IdentityContract
from tests.timing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(time.time())


@pytest.fixture(scope="module")
def secrets_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("keys") / "secrets"


@pytest.fixture
def pool(tmp_path, secrets_dir, clock):
    settings = Settings(login_attempts_per_minute=10, login_link_minutes=5, refresh_token_days=2)
    pool = LocalIdentity(tmp_path / "users.db", secrets_dir, settings, now=clock)
    yield pool
    pool.close()


class TestContract(IdentityContract):
    @pytest.fixture
    def provider(self, pool):
        pool.add_user(NAME, PASSWORD)
        return pool


def test_attempts_are_limited_by_name_also_with_the_right_password(pool, clock):
    pool.add_user(NAME, PASSWORD)
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in NAME)
    for number in range(10):
        name = (NAME.upper(), wide)[number % 2]
        with pytest.raises(AuthenticationError):
            pool.login(number * " " + name + number * " ", "wrong password")
    with pytest.raises(RateLimitError) as limited:
        pool.login(NAME, PASSWORD)
    assert 1 <= limited.value.retry_after_seconds <= 6
    with pytest.raises(AuthenticationError):
        pool.login("somebody else", PASSWORD)
    clock.now += limited.value.retry_after_seconds
    assert pool.login(NAME, PASSWORD).access_token


def test_a_wrong_name_takes_as_long_as_a_wrong_password(tmp_path, secrets_dir):
    pool = LocalIdentity(tmp_path / "users.db", secrets_dir, Settings(login_attempts_per_minute=1000))
    pool.add_user(NAME, PASSWORD)
    pool.ensure_user("linkonly")
    seconds: dict[str, list[float]] = {NAME: [], "nobody": [], "linkonly": [], "no name at all": []}
    for _ in range(5):
        for name, found in seconds.items():
            started = time.thread_time()
            with pytest.raises(AuthenticationError):
                pool.login(name, "wrong password")
            found.append(time.thread_time() - started)
    medians = [statistics.median(found) for found in seconds.values()]
    assert max(medians) < 2 * min(medians)


def test_a_user_without_a_password_cannot_log_in_with_any(pool):
    pool.ensure_user("linkonly")
    for password in ("", "nobody has this password", PASSWORD):
        with pytest.raises(AuthenticationError):
            pool.login("linkonly", password)


def test_ensure_user_makes_one_user_whatever_the_spelling(pool):
    first = pool.ensure_user("Ana")
    assert pool.ensure_user(" ana ") == first
    assert pool.ensure_user("ben").subject != first.subject


def test_add_user_makes_a_password_up_and_refuses_a_name_that_is_taken(pool):
    user, password = pool.add_user("ben")
    assert pool.verify(pool.login("ben", password).access_token) == user
    with pytest.raises(ConflictError) as taken:
        pool.add_user("BEN", PASSWORD)
    assert taken.value.code == "user-exists"
    with pytest.raises(AuthenticationError):
        pool.login("ben", PASSWORD)


def test_a_user_made_for_a_link_can_be_given_a_password(pool):
    made = pool.ensure_user("ana")
    user, _ = pool.add_user("ana", PASSWORD)
    assert user == made


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a/b", "<b>"])
def test_names_that_cannot_be(pool, name):
    with pytest.raises(InputError) as refused:
        pool.ensure_user(name)
    assert refused.value.code == "invalid-user-name"


@pytest.mark.parametrize("length", [0, 9, 257])
def test_passwords_that_cannot_be(pool, length):
    with pytest.raises(InputError) as refused:
        pool.add_user("ben", "p" * length)
    assert refused.value.code == "invalid-password"


@pytest.mark.parametrize("length", [10, 256])
def test_passwords_at_the_limits(pool, length):
    pool.add_user("ben", "p" * length)
    assert pool.login("ben", "p" * length)


def test_a_login_link_works_once(pool):
    token = pool.login_link_token("ana")
    tokens = pool.redeem(token)
    assert pool.verify(tokens.access_token).name == "ana"
    assert pool.refresh(tokens.refresh_token)
    with pytest.raises(AuthenticationError) as used:
        pool.redeem(token)
    assert used.value.code == "login-link-invalid"


def test_a_login_link_works_once_also_for_many_at_once(pool):
    token = pool.login_link_token("ana")

    def attempt(_: int) -> bool:
        try:
            return bool(pool.redeem(token))
        except AuthenticationError:
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(16))) == 1


def test_links_and_refresh_tokens_expire_and_are_not_one_another(pool, clock):
    link, refresh = pool.login_link_token("ana"), pool.redeem(pool.login_link_token("ana")).refresh_token
    for wrong in (lambda: pool.redeem(refresh), lambda: pool.refresh(link)):
        with pytest.raises(AuthenticationError):
            wrong()
    clock.now += 5 * 60 + 1
    with pytest.raises(AuthenticationError):
        pool.redeem(link)
    assert pool.refresh(refresh)
    clock.now += 2 * 86_400
    with pytest.raises(AuthenticationError):
        pool.refresh(refresh)


def test_only_hashes_are_kept_in_a_private_file(pool, tmp_path, secrets_dir):
    pool.add_user(NAME, PASSWORD)
    secrets = [PASSWORD, pool.login(NAME, PASSWORD).refresh_token, pool.login_link_token(NAME)]
    with sqlite3.connect(tmp_path / "users.db") as other:
        kept = "\n".join(other.iterdump())
    assert "$argon2id$" in kept
    assert not [secret for secret in secrets if secret in kept]
    assert (tmp_path / "users.db").stat().st_mode & 0o077 == 0
    assert (secrets_dir / "signing-key.pem").stat().st_mode & 0o777 == 0o600


def test_everything_survives_a_restart(pool, tmp_path, secrets_dir):
    pool.add_user(NAME, PASSWORD)
    tokens = pool.login(NAME, PASSWORD)
    again = LocalIdentity(tmp_path / "users.db", secrets_dir, Settings())
    assert again.verify(tokens.access_token) == pool.verify(tokens.access_token)
    assert again.refresh(tokens.refresh_token)
    assert again.jwks() == pool.jwks()
    again.close()


def test_a_closed_pool_says_so(pool):
    pool.close()
    with pytest.raises(TransientError):
        pool.ensure_user("ana")


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "users.db").write_bytes(b"not a database at all, but long enough to be one" * 50)
    with pytest.raises(ConfigurationError) as refused:
        LocalIdentity(tmp_path / "users.db", tmp_path / "secrets", Settings())
    assert refused.value.code == "database-unusable"


def test_a_database_of_a_newer_version_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "users.db") as newer:
        newer.execute("PRAGMA user_version=99")
    with pytest.raises(ConfigurationError) as refused:
        LocalIdentity(tmp_path / "users.db", tmp_path / "secrets", Settings())
    assert refused.value.code == "database-too-new"


def test_a_refresh_token_works_once_and_its_successor_goes_on(pool):
    pool.add_user(NAME, PASSWORD)
    tokens = pool.login(NAME, PASSWORD)
    seen = {tokens.refresh_token}
    for _ in range(3):
        tokens = pool.refresh(tokens.refresh_token)
        assert pool.verify(tokens.access_token).name == NAME
        seen.add(tokens.refresh_token)
    assert len(seen) == 4


def test_a_refresh_token_used_again_ends_its_session_and_no_other(pool):
    pool.add_user(NAME, PASSWORD)
    stolen, other = pool.login(NAME, PASSWORD).refresh_token, pool.login(NAME, PASSWORD).refresh_token
    newest = pool.refresh(pool.refresh(stolen).refresh_token).refresh_token
    for token in (stolen, newest):
        with pytest.raises(AuthenticationError) as ended:
            pool.refresh(token)
        assert ended.value.code == "refresh-token-invalid"
    assert pool.refresh(other).access_token


def test_of_many_who_send_a_refresh_token_at_once_one_gets_its_successor_and_the_session_ends(pool):
    token = pool.redeem(pool.login_link_token(NAME)).refresh_token

    def attempt(_: int) -> str:
        try:
            return pool.refresh(token).refresh_token
        except AuthenticationError:
            return ""

    with ThreadPoolExecutor(8) as threads:
        (successor,) = filter(None, threads.map(attempt, range(16)))
    with pytest.raises(AuthenticationError):
        pool.refresh(successor)


def test_a_session_lasts_as_long_as_its_first_refresh_token(pool, clock):
    token = pool.redeem(pool.login_link_token(NAME)).refresh_token
    clock.now += 86_400
    token = pool.refresh(token).refresh_token
    clock.now += 86_400
    with pytest.raises(AuthenticationError):
        pool.refresh(token)
    pool.redeem(pool.login_link_token(NAME))
    with pool._db.reading() as db:
        assert db.execute("SELECT count(*) FROM refresh_tokens").fetchone()[0] == 1  # expired ones are deleted


def test_a_log_out_ends_the_session_also_with_an_older_token(pool):
    first = pool.redeem(pool.login_link_token(NAME)).refresh_token
    second = pool.refresh(first).refresh_token
    pool.logout(first)
    with pytest.raises(AuthenticationError):
        pool.refresh(second)


def test_sessions_of_an_earlier_version_go_on(tmp_path, secrets_dir):
    before = sqlite3.connect(tmp_path / "users.db")
    before.executescript(
        "CREATE TABLE users (subject TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT NOT NULL,"
        " created_at REAL NOT NULL);"
        "CREATE TABLE grants (hash TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL REFERENCES"
        " users(subject), expires_at REAL NOT NULL);"
    )
    before.execute("INSERT INTO users VALUES ('u1', 'ana', '', 0)")
    digest = hashlib.sha256(b"an older refresh token").hexdigest()
    before.execute("INSERT INTO grants VALUES (?, 'refresh', 'u1', 9e9)", (digest,))
    before.commit()
    before.close()
    pool = LocalIdentity(tmp_path / "users.db", secrets_dir, Settings())
    tokens = pool.refresh("an older refresh token")
    assert pool.verify(pool.refresh(tokens.refresh_token).access_token).name == "ana"
    pool.close()
