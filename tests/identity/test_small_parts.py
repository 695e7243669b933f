"""The rate limiter and the private files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reviewlens.errors import RateLimitError
from reviewlens.identity.limiter import AtOnceLimiter, RateLimiter
from reviewlens.identity.private_files import operator_key, private_file


def test_the_limiter_allows_so_many_and_then_one_by_one():
    now = [0.0]
    limiter = RateLimiter(60, "wait", now=lambda: now[0], code="some-code")
    for _ in range(60):
        limiter.check("a")
    with pytest.raises(RateLimitError) as limited:
        limiter.check("a")
    assert (limited.value.code, limited.value.retry_after_seconds) == ("some-code", 1)
    limiter.check("b")
    now[0] += 1
    limiter.check("a")
    with pytest.raises(RateLimitError):
        limiter.check("a")
    now[0] += 3600
    for _ in range(60):
        limiter.check("a")
    with pytest.raises(RateLimitError):
        limiter.check("a")


def test_the_limiter_forgets_the_least_recently_seen():
    limiter = RateLimiter(1, "wait", now=lambda: 0.0, keys=2)
    for key in ("a", "b", "c"):
        limiter.check(key)
    limiter.check("a")
    with pytest.raises(RateLimitError):
        limiter.check("c")


def test_calls_at_once_are_limited_for_each_key_and_for_all():
    limiter = AtOnceLimiter(2, "wait", code="too-many", in_all=3)
    with limiter.taken("a"):
        with limiter.taken("a"):
            with pytest.raises(RateLimitError) as limited, limiter.taken("a"):
                pass
            assert (limited.value.code, limited.value.retry_after_seconds) == ("too-many", 5)
            with limiter.taken("b"), pytest.raises(RateLimitError), limiter.taken("c"):
                pass
            with limiter.taken("c"):
                pass
        with limiter.taken("a"):
            pass
    assert not limiter._in_progress


def test_a_call_that_fails_is_no_longer_in_progress():
    limiter = AtOnceLimiter(1, "wait", code="too-many")
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"), limiter.taken("a"):
            raise ValueError("broken")


def test_a_private_file_is_made_once_also_by_many_at_once(tmp_path):
    path = tmp_path / "deep" / "secret"
    with ThreadPoolExecutor(8) as threads:
        contents = set(threads.map(lambda n: private_file(path, lambda: str(n).encode()), range(32)))
    assert len(contents) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_the_operator_key_stays(tmp_path):
    assert operator_key(tmp_path) == operator_key(tmp_path)
    assert len(operator_key(tmp_path)) >= 40


def test_a_loser_of_the_race_takes_what_the_winner_wrote(tmp_path):
    path = tmp_path / "secret"

    def make() -> bytes:
        path.write_bytes(b"the winner's")
        return b"the loser's"

    assert private_file(path, make) == b"the winner's"
