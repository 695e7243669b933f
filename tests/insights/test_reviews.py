"""Pages of reviews: the order of a plain sort, without gap or repeat."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviewlens.errors import InputError
from reviewlens.insights.models import Filters, Sort
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import query_reviews, reviews_by_text
from tests.insights.conftest import open_folder
from tests.insights.make_results import make_results, synthetic_rows

ROWS = synthetic_rows(120, seed=8)
SORTS: list[Sort] = ["row", "-row", "confidence", "-confidence", "date", "-date", "rating", "-rating"]


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return open_folder(make_results(tmp_path_factory.mktemp("some") / "job", 120, seed=8))


def plain_order(sort: Sort) -> list[int]:
    key = {"row": "_row", "confidence": "confidence", "date": "_date", "rating": "_rating"}[sort.removeprefix("-")]
    known = [row for row in ROWS if row[key] is not None]
    missing = [row["_row"] for row in ROWS if row[key] is None]
    # Python's sort is stable also in reverse: equal keys keep file order.
    return [row["_row"] for row in sorted(known, key=lambda row: row[key], reverse=sort.startswith("-"))] + missing


@pytest.mark.parametrize("sort", SORTS)
@given(limit=st.integers(7, 130))
@example(limit=3)
@settings(max_examples=4)
def test_pages_follow_one_another(some: Results, sort: Sort, limit: int) -> None:
    seen: list[int] = []
    cursor = ""
    while True:
        page = query_reviews(some, Filters(), sort, limit, cursor)
        assert page.total == len(ROWS)
        seen += [review.row for review in page.reviews]
        if page.next_cursor is None:
            break
        assert len(page.reviews) == limit
        cursor = page.next_cursor
    assert seen == plain_order(sort)


def test_a_page_holds_whole_reviews_under_the_filters(some: Results) -> None:
    page = query_reviews(some, Filters(sentiment="negative", words="battery"), "-confidence", 500)
    expected = [r for r in ROWS if r["sentiment"] == "negative" and "battery" in r["_text"].lower()]
    assert page.total == len(page.reviews) == len(expected) > 0
    assert page.next_cursor is None
    by_row = {row["_row"]: row for row in ROWS}
    for review in page.reviews:
        row = by_row[review.row]
        assert review.model_dump() == {name: row.get(f"_{name}", row.get(name)) for name in review.model_dump()}


def test_nothing_matches(some: Results) -> None:
    page = query_reviews(some, Filters(words="zebra"))
    assert (page.reviews, page.total, page.next_cursor) == ([], 0, None)
    assert reviews_by_text(some, []) == []


def made(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "no",
        "%%%",
        made("row", 1, 1),
        made("date", "x", 1),
        made("date", dt.date(2026, 1, 1).isoformat(), "1"),
        made(1),
        "é",
    ],
)
def test_markers_from_elsewhere_are_refused(some: Results, cursor: str) -> None:
    with pytest.raises(InputError, match="cursor") as caught:
        query_reviews(some, Filters(), "date", 5, cursor)
    assert caught.value.code == "bad-cursor"


@pytest.mark.parametrize(("value", "row"), [(10**400, 1), (1, 2**63), (1, 10**40), (1, -1), (1, True)])
def test_markers_with_impossible_numbers_are_refused(some: Results, value: int, row: int) -> None:
    with pytest.raises(InputError, match="cursor"):
        query_reviews(some, Filters(), "row", 5, made("row", value, row))
