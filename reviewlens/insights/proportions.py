"""Statistics of shares: Wilson and Newcombe intervals, two-proportion tests, Benjamini-Hochberg."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from reviewlens.insights.models import Tally

Z95 = NormalDist().inv_cdf(0.975)


def wilson(successes: int, total: int) -> tuple[float, float, float] | None:
    """Share, and the ends of its 95 % interval; None if total is 0.

    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, JASA 22, 209-212.
    """
    if total <= 0:
        return None
    share = successes / total
    shrink = 1 + Z95**2 / total
    centre = (share + Z95**2 / (2 * total)) / shrink
    half = Z95 / shrink * math.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    # Rounding must not move an end past the share (0 of n, n of n).
    return share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def newcombe(successes_1: int, total_1: int, successes_2: int, total_2: int) -> tuple[float, float, float]:
    """Difference share_2 - share_1, and the ends of its 95 % interval; totals are above 0.

    Newcombe, R. G. (1998), Interval estimation for the difference between independent proportions, method 10,
    Statistics in Medicine 17, 873-890.
    """
    first, second = wilson(successes_1, total_1), wilson(successes_2, total_2)
    if first is None or second is None:
        raise ValueError("both groups need at least one review")
    (share_1, low_1, high_1), (share_2, low_2, high_2) = first, second
    difference = share_2 - share_1
    low = difference - math.hypot(share_2 - low_2, high_1 - share_1)
    high = difference + math.hypot(high_2 - share_2, share_1 - low_1)
    return difference, max(-1.0, low), min(1.0, high)


def two_proportion_p(successes_1: int, total_1: int, successes_2: int, total_2: int) -> float:
    """Two-sided p-value of the pooled z-test that two shares are equal; 1 if nothing varies."""
    pooled = (successes_1 + successes_2) / (total_1 + total_2)
    variance = pooled * (1 - pooled) * (1 / total_1 + 1 / total_2)
    if variance <= 0:
        return 1.0
    z = (successes_2 / total_2 - successes_1 / total_1) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """q-values, in the order given: of those at or below q, the expected share of false ones is at most q.

    Benjamini, Y. and Hochberg, Y. (1995), Controlling the false discovery rate, JRSS B 57, 289-300.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    q_values = [1.0] * len(p_values)
    lowest = 1.0
    for position, index in enumerate(order):
        rank = len(p_values) - position
        lowest = min(lowest, p_values[index] * len(p_values) / rank)
        q_values[index] = lowest
    return q_values


def tally(positive: int, count: int, needs_review: int = 0, mixed: int = 0) -> Tally:
    """A Tally with its share and interval filled in."""
    interval = wilson(positive, count)
    if interval is None:
        return Tally()
    share, low, high = interval
    return Tally(
        count=count,
        positive=positive,
        negative=count - positive,
        needs_review=needs_review,
        mixed=mixed,
        positive_share=share,
        low=low,
        high=high,
    )


def add(*tallies: Tally) -> Tally:
    """The tally of several disjoint groups together."""
    return tally(
        sum(part.positive for part in tallies),
        sum(part.count for part in tallies),
        sum(part.needs_review for part in tallies),
        sum(part.mixed for part in tallies),
    )
