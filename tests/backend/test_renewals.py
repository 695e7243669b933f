"""Sessions renewed by their cookies: several requests with one cookie, and failures."""

from __future__ import annotations

import pytest

from backend.web.renewals import Renewals
from reviewlens.errors import AuthenticationError, TransientError
from reviewlens.identity.interface import Tokens
from tests.timing import FakeClock


def test_requests_with_the_same_cookie_get_the_same_tokens_for_ten_seconds():
    clock, sent = FakeClock(), []

    def refresh(token: str) -> Tokens:
        sent.append(token)
        return Tokens(f"access {len(sent)}", "", f"refresh {len(sent)}", 60)

    renewals = Renewals(refresh, now=clock)
    assert renewals.renew("a") is renewals.renew("a")
    assert renewals.renew("b").access_token == "access 2"
    clock.now += 10
    assert renewals.renew("a").access_token == "access 3"
    assert sent == ["a", "b", "a"]


def test_a_failure_is_not_kept():
    outcomes: list[Exception | Tokens] = [TransientError("later"), AuthenticationError("no"), Tokens("a", "", "r", 60)]

    def refresh(_: str) -> Tokens:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    renewals = Renewals(refresh)
    for error in (TransientError, AuthenticationError):
        with pytest.raises(error):
            renewals.renew("a")
    assert renewals.renew("a").access_token == "a"
