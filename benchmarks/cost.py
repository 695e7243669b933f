"""Costs of a million reviews on one AWS Fargate task, compared with Amazon Comprehend's list price.

List prices in US dollars, US East (N. Virginia), before tax, of 2026; the pages named below have the current ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

PRICES_OF = "2026"
FARGATE_PAGE = "AWS Fargate Pricing, aws.amazon.com/fargate/pricing"
COMPREHEND_PAGE = "Amazon Comprehend Pricing, aws.amazon.com/comprehend/pricing"

VCPU_HOUR = 0.04048
"""Fargate on Linux/x86, one vCPU for an hour; billed by the second from the image's download to the task's end, at
least a
minute."""
GB_HOUR = 0.004445
"""Fargate on Linux/x86, one GB of memory for an hour; 20 GB of disk come with the task."""

COMPREHEND_UNIT = 0.0001
"""Sentiment analysis: price of a unit, for the first ten million units of a month."""
UNIT_CHARACTERS = 100
LEAST_UNITS = 3

MILLION = 1_000_000


@dataclass(frozen=True)
class Task:
    """A Fargate task; `startup_minutes`: for the image's download, Spark's start and loading the model."""

    vcpu: float = 2
    gb: float = 8
    startup_minutes: float = 3

    @property
    def dollars_per_hour(self) -> float:
        """List price of the whole task."""
        return self.vcpu * VCPU_HOUR + self.gb * GB_HOUR


@dataclass(frozen=True)
class Bill:
    """The cost of scoring `reviews` reviews in one task."""

    reviews: int
    seconds: float
    dollars: float


def fargate(reviews_per_second: float, task: Task | None = None, reviews: int = MILLION) -> Bill:
    """The bill of one task at this rate, with its start-up. ValueError for a rate of 0 or less."""
    if reviews_per_second <= 0:
        raise ValueError("reviews a second must be above zero")
    chosen = task or Task()
    # Billed by the second, at least a minute.
    seconds = max(60, math.ceil(chosen.startup_minutes * 60 + reviews / reviews_per_second))
    return Bill(reviews, seconds, seconds / 3600 * chosen.dollars_per_hour)


def comprehend_units(characters: int) -> int:
    """Units of one request: characters in hundreds, rounded up, at least three."""
    return max(LEAST_UNITS, -(-characters // UNIT_CHARACTERS))


def comprehend_per_million(lengths: Iterable[int]) -> float:
    """Dollars for a million texts with this distribution of lengths, at the first tier's price."""
    units = [comprehend_units(length) for length in lengths]
    return MILLION * COMPREHEND_UNIT * sum(units) / len(units)


def arithmetic(name: str, rate: float, task: Task | None = None) -> str:
    """The calculation for one engine, in full."""
    chosen = task or Task()
    bill = fargate(rate, chosen)
    return (
        f"{name}: ({chosen.startup_minutes:g} min x 60 + 1,000,000 / {rate:,.1f} a second) = {bill.seconds:,.0f} s "
        f"/ 3,600 x ({chosen.vcpu:g} x ${VCPU_HOUR} + {chosen.gb:g} x ${GB_HOUR} = ${chosen.dollars_per_hour:.5f} "
        f"an hour) = ${bill.dollars:.3f}"
    )
