"""Changes between periods: recomputed plainly, silent about chance, honest about what was looked at."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Callable
from statistics import NormalDist

import polars as pl
import pytest

from reviewlens.insights.changes import choose_split
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.models import Filters
from reviewlens.insights.results import Results
from tests.insights.make_results import make_row, synthetic_rows

DAY = dt.date(2026, 1, 1)


def p_of(x1: int, n1: int, x2: int, n2: int) -> float:
    pooled = (x1 + x2) / (n1 + n2)
    z = (x2 / n2 - x1 / n1) / math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    return 2 * NormalDist().cdf(-abs(z))


def test_numbers_are_those_of_a_plain_recount(story: Results) -> None:
    rows = [row for row in synthetic_rows(2000) if row["_date"]]
    changes = build_dashboard(story, Filters()).changes
    assert changes.earlier and changes.later and changes.overall
    split = changes.later.start
    assert split.day == 1
    assert changes.earlier.end == split - dt.timedelta(days=1)
    before, after = ([r for r in rows if (r["_date"] >= split) == late] for late in (False, True))
    assert (changes.earlier.tally.count, changes.later.tally.count) == (len(before), len(after))
    assert 0.2 < len(after) / len(rows) < 0.5
    p_values = {}
    for product in {r["_product"] for r in rows if r["_product"]}:
        counts = [
            n
            for part in (before, after)
            for n in (
                sum(r["_product"] == product and r["sentiment"] == "positive" for r in part),
                sum(r["_product"] == product for r in part),
            )
        ]
        p_values[product] = p_of(*counts)
    assert changes.looked_at_products == len(p_values)
    for one in changes.products:
        assert one.p_value == pytest.approx(p_values[one.name], rel=1e-6)
        smallest_first = sorted(p_values.values())
        at_least = [(p, rank) for rank, p in enumerate(smallest_first, 1) if p >= p_values[one.name]]
        q_value = min(min(1.0, p * len(p_values) / rank) for p, rank in at_least)
        assert one.q_value == pytest.approx(q_value, rel=1e-6, abs=1e-12)
        assert one.q_value <= 0.05
    distinct: dict[str, dict[int, str]] = {"before": {}, "after": {}}
    for r in rows:
        first = r["_duplicate_of"] or r["_row"]
        if first not in distinct["before"] and first not in distinct["after"]:
            distinct["after" if r["_date"] >= split else "before"][first] = r["_text"].lower()
    (term,) = [one for one in changes.terms if one.term in ("two hours", "battery life dropped")][:1]
    assert term.later_total == len(distinct["after"])
    assert term.later_mentions == sum(term.term in text for text in distinct["after"].values())
    assert term.earlier_mentions == sum(term.term in text for text in distinct["before"].values())
    assert term.p_value == pytest.approx(
        p_of(term.earlier_mentions, term.earlier_total, term.later_mentions, term.later_total), rel=1e-6, abs=1e-15
    )
    assert term.later_positive_share == 0


def test_chance_alone_is_not_reported(results_of: Callable[..., Results]) -> None:
    chance = random.Random(4)
    words = [f"word{i}" for i in range(60)]
    rows = [
        make_row(
            i,
            " ".join(chance.sample(words, 8)),
            chance.choice((0.1, 0.9)),
            date=DAY + dt.timedelta(days=chance.randrange(300)),
            product=f"P{chance.randrange(12)}",
        )
        for i in range(1, 1201)
    ]
    d = build_dashboard(results_of(rows), Filters())
    assert d.changes.looked_at_products == 12
    assert d.changes.looked_at_terms >= 60
    assert d.changes.products == [] and d.changes.terms == []
    assert not any("worse" in line or "better" in line for line in d.headline)


def test_since_is_what_was_asked(story: Results) -> None:
    since = dt.date(2026, 2, 15)
    changes = build_dashboard(story, Filters(), since=since).changes
    assert changes.later and changes.later.start == since
    assert "15 Feb 2026 (from the day given)" in changes.note
    none_before = build_dashboard(story, Filters(), since=dt.date(2020, 1, 1)).changes
    assert not none_before.available and "0 before 1 Jan 2020" in none_before.note


def test_identical_dates_cannot_be_compared(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Text {i}", date=DAY) for i in range(1, 40)]
    changes = build_dashboard(results_of(rows), Filters()).changes
    assert not changes.available and "same date" in changes.note


def test_split_prefers_a_month_that_leaves_a_third() -> None:
    even = pl.DataFrame({"_date": [DAY + dt.timedelta(days=i) for i in range(365)], "count": [1] * 365})
    assert choose_split(even) == dt.date(2026, 9, 1)
    week = pl.DataFrame({"_date": [dt.date(2026, 3, 2 + i) for i in range(9)], "count": [1] * 9})
    assert choose_split(week) == dt.date(2026, 3, 8)
    assert choose_split(even.head(1)) is None


def test_repeated_texts_give_shares_but_no_words(results_of: Callable[..., Results]) -> None:
    rows = [
        make_row(1, "Good kettle", 0.9, date=DAY, product="A"),
        make_row(2, "Bad kettle", 0.1, date=DAY, product="A"),
    ]
    for i in range(3, 63):
        late = i > 32
        day = DAY + dt.timedelta(days=60 + i if late else 0)
        rows.append(
            make_row(i, rows[late]["_text"], 0.1 if late else 0.9, date=day, product="A", duplicate_of=1 + late)
        )
    changes = build_dashboard(results_of(rows), Filters()).changes
    # Both texts were first seen early: the shares changed, the later period brought no new words.
    assert [(one.name, one.rising) for one in changes.products] == [("A", [])]
    assert changes.looked_at_terms == 0


def test_a_repeat_with_a_date_dates_its_text(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Lamp number {i}") for i in range(1, 31)]
    rows += [
        make_row(30 + i, f"Lamp number {i}", duplicate_of=i, date=DAY + dt.timedelta(days=i)) for i in range(1, 31)
    ]
    changes = build_dashboard(results_of(rows), Filters()).changes
    assert changes.available and changes.looked_at_terms > 0
