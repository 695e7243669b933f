"""Mixed reviews: found, counted and exported where the model can tell."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import polars as pl
import pytest

from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.export import export_rows
from reviewlens.insights.models import Filters
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import query_reviews
from tests.insights.make_results import make_row

SCORES = (0.95, 0.71, 0.7, 0.5, 0.3, 0.29, 0.02)
BAND = (0.3, 0.7)


def texts(results: Results, **chosen: bool) -> list[str]:
    return [review.text for review in query_reviews(results, Filters(**chosen)).reviews]


def exported(results: Results, filters: Filters) -> list[dict[str, str]]:
    data = b"".join(export_rows(results, "filtered", "csv", filters)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(data, newline="")))


@pytest.fixture
def told(results_of: Callable[..., Results]) -> Results:
    return results_of([make_row(i, f"t{score}", score) for i, score in enumerate(SCORES, 1)], band=BAND)


def test_the_filter_finds_them_and_the_export_holds_them(told: Results) -> None:
    assert texts(told, mixed=True) == ["t0.7", "t0.5", "t0.3"]
    assert texts(told, mixed=False) == ["t0.95", "t0.71", "t0.29", "t0.02"]
    assert [review.mixed for review in query_reviews(told, Filters()).reviews] == [0.3 <= s <= 0.7 for s in SCORES]
    rows = exported(told, Filters(mixed=True))
    assert [(row["Text"], row["mixed"]) for row in rows] == [("t0.7", "true"), ("t0.5", "true"), ("t0.3", "true")]
    frame = pl.read_parquet(io.BytesIO(b"".join(export_rows(told, "served", "parquet", Filters()))))
    assert frame.schema["mixed"] == pl.Boolean and frame["mixed"].sum() == 3


def test_the_dashboard_gives_share_and_band(told: Results) -> None:
    d = build_dashboard(told, Filters())
    assert d.model.mixed_band == BAND
    assert (d.distribution.mixed, d.distribution.mixed_share) == (3, 3 / 7)
    assert d.distribution.positive + d.distribution.negative == 7, "a mixed review counts on its side as well"


def test_a_model_without_a_band_says_nothing_of_it(results_of: Callable[..., Results]) -> None:
    d = build_dashboard(results_of([make_row(1, "Hm", 0.5)]), Filters())
    assert (d.model.mixed_band, d.distribution.mixed, d.distribution.mixed_share) == (None, 0, None)
