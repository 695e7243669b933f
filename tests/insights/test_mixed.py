"""Mixed reviews: found, counted and exported where the model can tell; older results open as before."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.export import export_rows
from reviewlens.insights.models import Filters
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import query_reviews
from tests.insights.conftest import open_folder
from tests.insights.make_results import make_old, make_results, make_row, write_results

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


def test_older_results_open_as_they_were(tmp_path: Path) -> None:
    old = open_folder(make_old(make_results(tmp_path / "old", 120, parts=2, band=BAND)))
    new = open_folder(make_results(tmp_path / "new", 120, parts=2))
    ignored = {"job"}
    assert build_dashboard(old, Filters()).model_dump(exclude=ignored) == build_dashboard(new, Filters()).model_dump(
        exclude=ignored
    )
    assert build_dashboard(old, Filters(mixed=True)).counts.shown == 0
    assert not any(review.mixed for review in query_reviews(old, Filters(), limit=200).reviews)
    rows = exported(old, Filters())
    assert len(rows) == 120
    assert list(rows[0]) == new.served_columns[:-1], "an export says nothing that the results do not know"


def test_a_column_of_that_name_in_older_results_is_the_files_own(tmp_path: Path) -> None:
    rows = [make_row(i, f"t{i}", 0.5, Theirs=f"half {i}", Next=f"next {i}") for i in range(1, 4)]
    folder = write_results(tmp_path / "old", rows)
    old = open_folder(make_old(folder, {"Theirs": "mixed", "Next": "mixed_original"}))
    assert build_dashboard(old, Filters()).distribution.mixed == 0
    assert [review.mixed for review in query_reviews(old, Filters()).reviews] == [False] * 3
    found = exported(old, Filters(mixed=False))
    assert [row["mixed_original_2"] for row in found] == ["half 1", "half 2", "half 3"]
    assert [row["mixed_original"] for row in found] == ["next 1", "next 2", "next 3"]
    assert "mixed" not in found[0]


def test_older_results_without_a_row_open_as_well(tmp_path: Path) -> None:
    old = open_folder(make_old(write_results(tmp_path / "old", [])))
    for part in old.parquet.iterdir():
        part.unlink()
    assert build_dashboard(old, Filters()).counts.shown == 0
