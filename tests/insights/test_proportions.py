"""Intervals and tests against their definitions and published figures."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.insights.proportions import add, benjamini_hochberg, newcombe, tally, two_proportion_p, wilson

Z = 1.959963984540054


@given(total=st.integers(1, 100_000), data=st.data())
def test_wilson_ends_are_where_the_score_test_turns(total: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, total))
    share, low, high = wilson(successes, total) or (0, 0, 0)
    assert share == successes / total
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        # Each end p solves |share - p| = z * sqrt(p (1 - p) / n).
        assert abs(share - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / total), abs=1e-7)


def test_wilson_known_values() -> None:
    assert wilson(0, 0) is None
    assert wilson(0, 10) == pytest.approx((0.0, 0.0, 0.2775), abs=5e-5)
    assert wilson(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=5e-5)


def test_newcombe_published_examples() -> None:
    # Newcombe (1998), table II, method 10: (a) 56/70 less 48/80; (e) 10/10 less 0/10.
    assert newcombe(48, 80, 56, 70) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert newcombe(0, 10, 10, 10) == pytest.approx((1.0, 0.6075, 1.0), abs=5e-5)
    with pytest.raises(ValueError, match="at least one"):
        newcombe(0, 0, 1, 2)


def test_two_proportions() -> None:
    pooled = (30 + 50) / (100 + 110)
    z = (50 / 110 - 30 / 100) / math.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / 110))
    assert two_proportion_p(30, 100, 50, 110) == pytest.approx(2 * (1 - NormalDist().cdf(abs(z))), abs=1e-12)
    assert two_proportion_p(10, 10, 20, 20) == 1.0


@given(st.lists(st.floats(0, 1), max_size=30))
def test_benjamini_hochberg_by_its_definition(p_values: list[float]) -> None:
    q_values = benjamini_hochberg(p_values)
    count = len(p_values)
    for level in (0.01, 0.05, 0.2):
        ordered = sorted(p_values)
        # Reject the k smallest, k the largest with p_(k) <= k / m * level.
        passing = [k for k in range(1, count + 1) if ordered[k - 1] * count / k <= level]
        cut = ordered[max(passing) - 1] if passing else -1.0
        assert [q <= level for q in q_values] == [p <= cut for p in p_values]


def test_tallies_add_up() -> None:
    together = add(tally(3, 10, 1, 4), tally(0, 0), tally(5, 5, 2, 1))
    assert (together.count, together.positive, together.negative, together.needs_review) == (15, 8, 7, 3)
    assert together.mixed == 5
    assert together.positive_share == 8 / 15
    assert tally(0, 0).positive_share is None
