"""The dashboard against a plain recount of the same rows, whatever the filters, and where there is little to say."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.models import Dashboard, Filters, ReviewQuery, Tally
from reviewlens.insights.results import Results
from tests.insights.conftest import open_folder
from tests.insights.make_results import PRODUCTS, REJECTIONS, make_results, make_row, synthetic_rows

ROWS = synthetic_rows(300, seed=5)
BAND = (0.25, 0.75)
DAY = dt.date(2026, 3, 1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return open_folder(make_results(tmp_path_factory.mktemp("small") / "job", 300, seed=5, band=BAND))


def is_mixed(row: dict[str, Any]) -> bool:
    return BAND[0] <= row["positive_score"] <= BAND[1]


def keep(row: dict[str, Any], f: Filters) -> bool:
    """The filters, said once more in plain Python."""
    text = f"{row['_title'] or ''} | {row['_text']}".lower()
    tokens = text.replace(".", " . ").replace("!", " ").replace(",", " ").split()
    rating, date = row["_rating"], row["_date"]
    side = None if rating is None or 2 < rating < 4 else ("positive" if rating >= 4 else "negative")
    return all(
        [
            f.sentiment in (None, row["sentiment"]),
            f.min_confidence is None or row["confidence"] >= f.min_confidence,
            f.max_confidence is None or row["confidence"] <= f.max_confidence,
            f.needs_review in (None, row["needs_review"]),
            f.mixed in (None, is_mixed(row)),
            not f.rating or (rating is not None and math.floor(rating + 0.5) in f.rating),
            not f.product or row["_product"] in f.product,
            f.date_from is None or (date is not None and date >= f.date_from),
            f.date_to is None or (date is not None and date <= f.date_to),
            all(
                word.strip('"').lower() in (tokens if " " not in word else text)
                for word in ([f.words] if f.words else [])
            ),
            f.agreement is None or (side is not None and (side == row["sentiment"]) == (f.agreement == "agrees")),
            all(row[f"_{name}"] is None for name in f.missing),
        ]
    )


def some(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(values)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "sentiment": some(["positive", "negative"]),
        "min_confidence": st.sampled_from([0.5, 0.7, 0.85]),
        "max_confidence": st.sampled_from([0.86, 0.95, 1.0]),
        "needs_review": some([True, False]),
        "mixed": some([True, False]),
        "rating": st.lists(st.integers(1, 5), max_size=3),
        "product": st.lists(st.sampled_from([*PRODUCTS, "Unknown"]), max_size=2),
        "date_from": st.just(DAY),
        "date_to": st.just(DAY + dt.timedelta(days=90)),
        "words": st.sampled_from(["", "battery", "LEAKS", '"battery life"', "month"]),
        "agreement": some(["agrees", "disagrees"]),
        "missing": st.lists(st.sampled_from(["rating", "date", "product"]), max_size=1),
    },
)


def assert_adds_up(d: Dashboard) -> None:
    c = d.counts
    assert c.read == c.scored + c.duplicate + c.rejected
    assert c.served == c.scored + c.duplicate == c.shown + c.hidden
    assert d.distribution.count == c.shown == d.distribution.positive + d.distribution.negative
    assert sum(point.count for point in d.over_time.points) + d.over_time.undated == c.shown
    assert sum(one.count for one in [*d.by_product.rows, d.by_product.others, d.by_product.without_product]) == c.shown
    assert sum(one.count for one in [*d.by_rating.rows, d.by_rating.unrated]) == c.shown
    assert d.agreement.compared + d.agreement.left_out + d.agreement.unrated == c.shown
    assert sum(d.agreement.confusion.model_dump().values()) == d.agreement.compared
    assert d.agreement.agrees + d.agreement.disagreements_total == d.agreement.compared
    assert sum(one.count for one in d.confidence.bins) == c.shown
    for group in (d.over_time.points, [*d.by_product.rows, d.by_product.others], d.by_rating.rows):
        assert all(one.count == one.positive + one.negative for one in group)
    assert sum(reason.count for reason in d.set_aside.reasons) == d.set_aside.rejected == c.rejected
    if c.shown == 0:
        assert d.headline and not d.examples.available and not d.drivers.available and not d.changes.available


@given(FILTERS)
@settings(max_examples=50)
def test_counts_add_up_and_match_a_plain_recount(small: Results, chosen: dict[str, Any]) -> None:
    filters = Filters(**chosen)
    rows = [row for row in ROWS if keep(row, filters)]
    d = build_dashboard(small, filters)
    assert d.filters == filters
    assert_adds_up(d)
    assert d.counts.shown == len(rows)
    assert d.distribution.positive == sum(row["sentiment"] == "positive" for row in rows)
    assert d.distribution.needs_review == sum(row["needs_review"] for row in rows)
    mixed = sum(map(is_mixed, rows))
    assert (d.distribution.mixed, d.distribution.mixed_share) == (mixed, mixed / len(rows) if rows else None)
    assert sum(one.mixed for one in d.over_time.points) == sum(is_mixed(row) for row in rows if row["_date"])
    assert sum(one.mixed for one in [*d.by_rating.rows, d.by_rating.unrated]) == mixed
    if rows:
        assert d.distribution.mean_confidence == pytest.approx(sum(row["confidence"] for row in rows) / len(rows))
    products = Counter(row["_product"] for row in rows)
    assert {one.product: one.count for one in d.by_product.rows} == {k: v for k, v in products.items() if k is not None}
    stars = Counter(math.floor(row["_rating"] + 0.5) for row in rows if row["_rating"] is not None)
    assert {one.stars: one.count for one in d.by_rating.rows if one.count} == stars
    days = Counter(row["_date"] for row in rows)
    for point in d.over_time.points:
        assert point.count == sum(n for day, n in days.items() if day is not None and point.start <= day <= point.end)
    disagree = {r["_row"] for r in rows if keep(r, Filters(agreement="disagrees"))}
    assert d.agreement.disagreements_total == len(disagree)
    listed = [review.row for review in d.agreement.disagreements]
    assert set(listed) <= disagree
    assert all(term.reviews == term.positive_reviews + term.negative_reviews for term in d.drivers.negative)


def test_the_story_is_told(story: Results) -> None:
    d = build_dashboard(story, Filters())
    assert_adds_up(d)
    assert d.over_time.bucket == "month"
    fell = min(d.changes.products, key=lambda one: one.difference)
    rose = max(d.changes.products, key=lambda one: one.difference)
    assert (fell.name, rose.name) == ("Hale Earbuds", "Pico Lamp")
    assert any("battery" in term or "hours" in term for term in fell.rising)
    assert fell.low <= fell.difference <= fell.high < 0
    assert any("Hale Earbuds got worse" in line for line in d.headline)
    assert 3 <= len(d.headline) <= 5
    assert "not good" in {term.term for term in d.drivers.negative}
    assert all(term.z < 0 for term in d.drivers.negative) and all(term.z > 0 for term in d.drivers.positive)
    surest = d.examples.most_confident_negative
    assert [r.confidence for r in surest] == sorted((r.confidence for r in surest), reverse=True)
    assert {r.sentiment for r in surest} == {"negative"}
    assert d.examples.least_certain[0].confidence <= surest[-1].confidence
    texts = [r.duplicate_of or r.row for r in surest]
    assert len(texts) == len(set(texts))
    assert d.model.needs_review_below == 0.7 and d.confidence.needs_review_below == 0.7


def test_a_driver_count_is_what_its_search_shows(story: Results) -> None:
    d = build_dashboard(story, Filters())
    for term in [*d.drivers.positive[:4], *d.drivers.negative[:4]]:
        narrowed = build_dashboard(story, Filters(words=f'"{term.term}"'))
        assert (narrowed.counts.shown, narrowed.distribution.positive) == (term.reviews, term.positive_reviews)


def test_examples_of_what_was_set_aside(story: Results) -> None:
    found = build_dashboard(story, Filters(sentiment="negative")).set_aside
    assert {reason.code for reason in found.reasons} == {reason for reason, _, _ in REJECTIONS}
    formula = next(reason for reason in found.reasons if reason.code == "too-many-fields")
    assert formula.label == "Too many fields"
    assert formula.examples[0].raw == REJECTIONS[1][2]


def test_many_rows_of_one_reason_show_three_examples_cut_short(results_of: Callable[..., Results]) -> None:
    many = [(i, "field-too-long", "Too long.", "x" * 200_000) for i in range(2, 9)]
    d = build_dashboard(results_of([make_row(1, "Fine")], many), Filters())
    (reason,) = d.set_aside.reasons
    assert (reason.count, len(reason.examples), reason.examples[0].cut) == (7, 3, True)
    assert len(reason.examples[0].raw) == 300
    assert not build_dashboard(results_of([make_row(1, "Fine")]), Filters()).set_aside.available


def test_three_rows_make_no_claims(results_of: Callable[..., Results]) -> None:
    rows = [
        make_row(1, "Great", 0.9, date=DAY, product="A", rating=5.0),
        make_row(2, "Bad", 0.2, date=DAY, product="A", rating=1.0),
        make_row(3, "Fine", 0.6, date=DAY + dt.timedelta(days=2), product="B", rating=3.0),
    ]
    d = build_dashboard(results_of(rows), Filters())
    assert_adds_up(d)
    assert len(d.headline) == 1 and "too few" in d.headline[0]
    assert not d.changes.available and "Too few reviews" in d.changes.note
    assert not d.drivers.available
    # A day without reviews is a gap: there, with no share.
    assert [(p.count, p.positive_share) for p in d.over_time.points] == [(2, 0.5), (0, None), (1, 1.0)]
    assert d.by_product.orders["name"] == ["A", "B"]


def test_no_rows_at_all(results_of: Callable[..., Results]) -> None:
    results = results_of([], [(1, "empty-text", "No text.", ",")])
    for part in results.parquet.iterdir():
        part.unlink()
    d = build_dashboard(results, Filters())
    assert_adds_up(d)
    assert d.headline == ["No review in this file could be scored."]


def test_without_dates_ratings_products(tmp_path: Any) -> None:
    results = open_folder(make_results(tmp_path / "bare", 200, without=("dates", "ratings", "products")))
    d = build_dashboard(results, Filters())
    assert_adds_up(d)
    sections = (d.over_time, d.changes, d.by_product, d.by_rating, d.agreement)
    assert not any(section.available for section in sections)
    assert all("have no" in section.note or "name no" in section.note for section in sections)
    assert build_dashboard(results, Filters(missing=["date", "rating", "product"])).counts.shown == 200
    assert build_dashboard(results, Filters(date_from=DAY)).counts.shown == 0


def test_ratings_that_take_no_side(results_of: Callable[..., Results]) -> None:
    d = build_dashboard(results_of([make_row(1, "So so", rating=3.0), make_row(2, "Hm", rating=2.5)]), Filters())
    assert not d.agreement.available and d.agreement.left_out == 2 and "no positive" in d.agreement.note
    assert [(row.stars, row.count) for row in d.by_rating.rows] == [(5, 0), (4, 0), (3, 2), (2, 0), (1, 0)]


@pytest.mark.parametrize(
    ("days", "bucket", "label"),
    [
        (20, "day", "1 Mar 2026"),
        (100, "week", "Week of 23 Feb 2026"),
        (400, "month", "Mar 2026"),
        (3500, "quarter", "Q1 2026"),
        (20_000, "year", "2026"),
    ],
)
def test_buckets_suit_the_span(results_of: Callable[..., Results], days: int, bucket: str, label: str) -> None:
    rows = [make_row(1, "a", date=DAY), make_row(2, "b", date=DAY + dt.timedelta(days=days))]
    section = build_dashboard(results_of(rows), Filters()).over_time
    assert (section.bucket, section.points[0].label) == (bucket, label)
    assert section.points[0].start <= DAY <= section.points[0].end
    for one, following in zip(section.points, section.points[1:], strict=False):
        assert one.end + dt.timedelta(days=1) == following.start


def test_a_stray_date_does_not_draw_thousands_of_gaps(results_of: Callable[..., Results]) -> None:
    section = build_dashboard(
        results_of([make_row(1, "a", date=dt.date(1, 1, 1)), make_row(2, "b", date=DAY)]), Filters()
    ).over_time
    assert [point.count for point in section.points] == [1, 1]


def test_products_beyond_the_top_are_added_up(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Review {i}", product=f"P{i % 30:02d}") for i in range(1, 101)]
    section = build_dashboard(results_of(rows), Filters()).by_product
    assert (section.products, len(section.rows), section.other_products) == (30, 20, 10)
    assert section.others.count == 100 - sum(row.count for row in section.rows)


def test_low_confidence_widens_the_histogram(results_of: Callable[..., Results]) -> None:
    odd = {**make_row(1, "a", 0.5), "confidence": 0.31}
    bins = build_dashboard(results_of([odd, make_row(2, "b", 1.0)]), Filters()).confidence.bins
    assert (bins[0].low, bins[0].count, bins[-1].high, bins[-1].count) == (0.3, 1, 1.0, 1)


def test_filters_refuse_what_they_do_not_know() -> None:
    for wrong in (
        {"colour": "red"},
        {"rating": 6},
        {"min_confidence": 2},
        {"min_confidence": 0.9, "max_confidence": 0.6},
        {"date_from": "2026-02-01", "date_to": "2026-01-01"},
    ):
        with pytest.raises(ValidationError):
            Filters.model_validate(wrong)
    assert Filters.model_validate({"rating": 4, "product": "A", "missing": None}) == Filters(rating=[4], product=["A"])
    assert ReviewQuery(words="a", limit=5).plain() == Filters(words="a")
    assert not ReviewQuery(limit=5).active
    assert Tally().positive_share is None
