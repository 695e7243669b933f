"""The cost arithmetic: sums done by hand, limits, and words that hold every number."""

from __future__ import annotations

import pytest

from benchmarks import cost
from benchmarks.cost import Task, arithmetic, comprehend_per_million, comprehend_units, fargate


def test_a_task_of_two_vcpu_and_eight_gb_costs_the_sum_of_its_list_prices() -> None:
    assert Task().dollars_per_hour == pytest.approx(2 * 0.04048 + 8 * 0.004445)
    assert Task().dollars_per_hour == pytest.approx(0.11652)


def test_a_million_reviews_are_billed_with_the_start_of_the_task() -> None:
    bill = fargate(1000, Task(startup_minutes=3))
    assert bill.reviews == 1_000_000
    assert bill.seconds == 180 + 1000
    assert bill.dollars == pytest.approx(1180 / 3600 * 0.11652)


def test_without_a_start_the_cost_falls_as_the_rate_rises() -> None:
    slow, fast = (fargate(rate, Task(startup_minutes=0)) for rate in (100, 200))
    assert slow.dollars == pytest.approx(2 * fast.dollars)


def test_a_begun_second_is_billed_whole_and_a_minute_at_least() -> None:
    assert fargate(3, Task(startup_minutes=0), reviews=1000).seconds == 334
    assert fargate(1000, Task(startup_minutes=0), reviews=10).seconds == 60


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_never_ends_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        fargate(rate)


@pytest.mark.parametrize(
    ("characters", "units"), [(0, 3), (1, 3), (299, 3), (300, 3), (301, 4), (400, 4), (401, 5), (5000, 50)]
)
def test_comprehend_counts_begun_hundreds_of_characters_and_three_at_least(characters: int, units: int) -> None:
    assert comprehend_units(characters) == units


def test_a_million_short_reviews_cost_three_hundred_dollars_at_comprehend() -> None:
    assert comprehend_per_million([20, 300]) == pytest.approx(300)
    assert comprehend_per_million([300, 500]) == pytest.approx(400)


def test_the_arithmetic_is_shown_with_every_number_in_it() -> None:
    line = arithmetic("cascade", 1000, Task(startup_minutes=2))
    for part in ("cascade", "2 min x 60", "1,000.0 a second", "1,120 s", "$0.04048", "$0.004445", "$0.11652"):
        assert part in line
    assert line.endswith(f"= ${1120 / 3600 * 0.11652:.3f}")
    assert cost.FARGATE_PAGE.startswith("AWS Fargate Pricing")
