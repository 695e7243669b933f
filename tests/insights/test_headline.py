"""The headline sentences and the plain words they are made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.models import Filters
from reviewlens.insights.plain import bucket_label, listing, number, percent, points, quoted, signed
from reviewlens.insights.results import Results
from tests.insights.make_results import make_row

DAY = dt.date(2026, 1, 1)


def test_a_product_that_was_always_worse_is_named(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Text {i}", 0.9 if i % 10 else 0.1, product="Fine", date=DAY) for i in range(1, 201)]
    rows += [
        make_row(200 + i, f"Words {i}", 0.9 if i % 3 == 0 else 0.1, product="Poor", date=DAY) for i in range(1, 61)
    ]
    lines = build_dashboard(results_of(rows), Filters()).headline
    assert lines[0].startswith("77 % of the reviews are positive (200 of 260; 95 % interval 71 % to 82 %)")
    assert "Clearly below average: Poor (33 % of 60 positive)." in lines
    assert not any("Fine" in line for line in lines)


def test_a_change_of_the_whole_is_said(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Text {i}", 0.9 if i < 120 else 0.1, date=DAY + dt.timedelta(days=i)) for i in range(1, 181)]
    lines = build_dashboard(results_of(rows), Filters()).headline
    assert any(line.startswith("Reviews have become less positive: 0 % since") for line in lines)
    rows = [make_row(i, f"Text {i}", 0.1 if i <= 90 else 0.9, date=DAY + dt.timedelta(days=i)) for i in range(1, 181)]
    lines = build_dashboard(results_of(rows), Filters()).headline
    assert any(line.startswith("Reviews have become more positive: 100 % since") for line in lines)


def test_many_unsure_labels_are_said(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Text {i}", 0.6 if i % 4 == 0 else 0.9) for i in range(1, 101)]
    lines = build_dashboard(results_of(rows), Filters()).headline
    assert lines[-1] == "25 reviews are uncertain enough that a person should read them."


def test_many_mixed_reviews_are_said_where_the_model_can_tell(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Text {i}", 0.6 if i % 4 == 0 else 0.9) for i in range(1, 121)]
    said = "30 reviews are mixed (praise and blame together, or neither clearly)."
    assert said in build_dashboard(results_of(rows, band=(0.4, 0.6)), Filters()).headline[-1]
    alone = build_dashboard(results_of(rows, band=(0.4, 0.6)), Filters(mixed=True))
    assert alone.counts.shown == 30 and "mixed" not in " ".join(alone.headline), "who asked for them knows"
    assert "mixed" not in " ".join(build_dashboard(results_of(rows), Filters()).headline)


def test_filtered_headlines_say_so(story: Results) -> None:
    lines = build_dashboard(story, Filters(product=["Tarn Flask"])).headline
    assert "of the reviews that match the filters are positive" in lines[0]


@pytest.mark.parametrize(
    ("share", "of", "text"),
    [
        (0.5, 10, "50 %"),
        (0.5, 2000, "50.0 %"),
        (1.0, 10, "100 %"),
        (0.999, 10, "over 99 %"),
        (0.99999, 5000, "over 99.9 %"),
        (0.0, 10, "0 %"),
        (0.001, 10, "under 1 %"),
        (0.0001, 5000, "under 0.1 %"),
    ],
)
def test_shares_never_round_to_all_or_none(share: float, of: int, text: str) -> None:
    assert percent(share, of) == text


def test_plain_words() -> None:
    assert (number(1, "review"), number(1200, "review")) == ("1 review", "1,200 reviews")
    assert number(2, "word or phrase", "words and phrases") == "2 words and phrases"
    assert (points(-0.011), points(0.4)) == ("1 percentage point", "40 percentage points")
    assert (signed(0.041), signed(-0.0002), signed(-0.123, 1)) == ("+4", "0", "-12.3")
    assert listing(["a"]) == "a" and quoted(["a", "b", "c"]) == "“a”, “b” and “c”"
    assert bucket_label(dt.date(2026, 4, 6), "week") == "Week of 6 Apr 2026"
