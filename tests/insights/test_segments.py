"""Reviews split and filtered by columns of the file, against counts made with the csv module."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reviewlens.errors import InputError
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.export import export_rows
from reviewlens.insights.filters import condition
from reviewlens.insights.models import BySegment, Dashboard, Filters
from reviewlens.insights.proportions import wilson
from reviewlens.insights.report import render_report
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import query_reviews
from reviewlens.insights.segments import filled_value, segments_of
from reviewlens.reviews.placeholders import NO_VALUES, is_no_value
from tests.insights.conftest import open_folder
from tests.insights.make_results import SCHEMA, make_row, synthetic_rows, write_frame, write_results

SEGMENTS = ("Department", "Region: land", "Version")
VALUES = {
    "Department": ["Sales", " Sales ", "sales", "Support", "IT", "", "N/A", "none"],
    "Region: land": ["NA", "EU", "Côte d'Ivoire", "a:b", "-"],
    "Version": [f"1.{number}" for number in range(25)],
}


def segment_rows(count: int = 600) -> list[dict[str, Any]]:
    chance = random.Random(3)
    rows = synthetic_rows(count, seed=9)
    return [{**{name: chance.choice(values) for name, values in VALUES.items()}, **row} for row in rows]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("segments") / "job"
    return open_folder(write_results(folder, segment_rows(), parts=3, segments=SEGMENTS))


@pytest.fixture(scope="module")
def served(results: Results) -> list[dict[str, str]]:
    """The rows of the export, read by the csv module."""
    data = b"".join(export_rows(results, "served", "csv", Filters())).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(data)))


def value(raw: str) -> str:
    """A segment's value, said once more in plain Python; '' for none."""
    text = raw.strip().removeprefix("'")  # which defuses a dash in an export
    return "" if text.lower() in ("", "n/a", "none", "-") else text


def key(results: Results, name: str) -> str:
    return str(results.original_columns.index(name))


def section(dashboard: Dashboard, name: str) -> BySegment:
    (found,) = [each for each in dashboard.segments if each.name == name]
    return found


@pytest.mark.parametrize("name", SEGMENTS)
def test_each_value_is_counted_as_csv_counts_it(results: Results, served: list[dict[str, str]], name: str) -> None:
    part = section(build_dashboard(results, Filters()), name)
    counts = Counter(value(row[name]) for row in served)
    positive = Counter(value(row[name]) for row in served if row["sentiment"] == "positive")
    without = counts.pop("", 0)
    largest = sorted(counts, key=lambda one: (-counts[one], one))[:20]
    assert [row.value for row in part.rows] == part.orders["most_reviews"] == largest
    assert {row.value: (row.count, row.positive) for row in part.rows} == {
        one: (counts[one], positive[one]) for one in largest
    }
    assert (part.values, part.other_values) == (len(counts), max(0, len(counts) - 20))
    assert part.others.count == sum(counts.values()) - sum(counts[one] for one in largest)
    assert part.without_value.count == without
    for row in part.rows:
        assert (row.positive_share, row.low, row.high) == wilson(row.positive, row.count)


def test_case_and_codes_are_kept(results: Results) -> None:
    dashboard = build_dashboard(results, Filters())
    assert {row.value for row in section(dashboard, "Department").rows} == {"Sales", "sales", "Support", "IT"}
    assert {row.value for row in section(dashboard, "Region: land").rows} == {"NA", "EU", "Côte d'Ivoire", "a:b"}


def test_the_product_is_the_first_segment_and_the_same_as_by_product(results: Results) -> None:
    dashboard = build_dashboard(results, Filters())
    product, products = dashboard.segments[0], dashboard.by_product
    assert product.column == "product"
    assert [each.name for each in dashboard.segments[1:]] == list(SEGMENTS)
    assert [(row.value, row.count, row.low) for row in product.rows] == [
        (row.product, row.count, row.low) for row in products.rows
    ]
    assert (product.orders, product.values, product.without_value) == (
        products.orders,
        products.products,
        products.without_product,
    )


CHOICES = st.lists(
    st.tuples(st.sampled_from(SEGMENTS), st.sampled_from(["Sales", "sales", "IT", "NA", "a:b", "1.3", "1.4", "", "x"])),
    min_size=1,
    max_size=4,
)


@given(CHOICES)
def test_filters_match_a_plain_recount_everywhere(
    results: Results, served: list[dict[str, str]], chosen: list[tuple[str, str]]
) -> None:
    filters = Filters(segment=[f"{key(results, name)}:{wanted}" for name, wanted in chosen])
    matching = [
        row["review_id"]
        for row in served
        if all(value(row[name]) in {wanted for other, wanted in chosen if other == name} for name, _ in chosen)
    ]
    page = query_reviews(results, filters, limit=500)
    assert [review.review_id for review in page.reviews] == matching[:500]
    assert page.total == len(matching)
    exported = b"".join(export_rows(results, "filtered", "csv", filters)).decode("utf-8-sig")
    assert [row["review_id"] for row in csv.DictReader(io.StringIO(exported))] == matching


def test_a_dashboard_with_filters_adds_up(results: Results) -> None:
    filters = Filters(
        segment=[f"{key(results, 'Department')}:", f"{key(results, 'Department')}:IT", "product:Pico Lamp"]
    )
    dashboard = build_dashboard(results, filters)
    assert 0 < dashboard.counts.shown < 100
    assert dashboard.by_product.products == 1
    for part in dashboard.segments:
        assert sum(row.count for row in [*part.rows, part.others, part.without_value]) == dashboard.counts.shown
    department = section(dashboard, "Department")
    assert [row.value for row in department.rows] == ["IT"] and department.without_value.count
    page = query_reviews(results, Filters(product=["Pico Lamp"], segment=filters.segment[:2]))
    assert page.total == dashboard.counts.shown


@pytest.mark.parametrize("column", ["99", "3", "sentiment", "nonsense"])
def test_an_unknown_column_is_refused_by_name_of_the_known_ones(results: Results, column: str) -> None:
    filters = Filters(segment=[f"{column}:secret value"])
    for ask in (build_dashboard, query_reviews):
        with pytest.raises(InputError, match=r"choose one of: product, \d") as refused:
            ask(results, filters)
        assert refused.value.code == "no-such-segment"
        assert "secret" not in refused.value.message
    with pytest.raises(InputError, match="choose one of"):
        export_rows(results, "filtered", "csv", filters)
    with pytest.raises(InputError, match="choose one of"):
        export_rows(results, "report", "html", filters)


@pytest.mark.parametrize("wrong", ["Sales", ":Sales", "-1:Sales", "Department:Sales", ""])
def test_a_filter_without_a_column_is_not_valid(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Filters(segment=[wrong])


def test_only_differences_that_survive_the_correction_have_a_small_q_value(results_of: Callable[..., Results]) -> None:
    chance = random.Random(1)
    rows = []
    for number in range(1, 2001):
        team = chance.choice(["A", "B", "C"])
        happy = 0.4 if team == "C" else 0.8
        score = 0.9 if chance.random() < happy else 0.1
        noise = {f"Noise {index}": chance.choice("pqrs") for index in range(6)}
        rows.append(make_row(number, f"text {number}", score, Team=team, Rare="x" if number <= 5 else "y", **noise))
    dashboard = build_dashboard(results_of(rows, segments=["Team", "Rare", *noise]), Filters())
    assert "product" not in {part.column for part in dashboard.segments}
    (lowest,) = [row for row in section(dashboard, "Team").rows if row.value == "C"]
    assert lowest.q_value is not None and lowest.q_value < 1e-6
    others = [row for row in section(dashboard, "Team").rows if row.value != "C"]
    whole = sum(row.positive for row in others) / sum(row.count for row in others)
    assert lowest.difference == pytest.approx(lowest.positive / lowest.count - whole)
    noise_rows = [row for part in dashboard.segments if part.name.startswith("Noise") for row in part.rows]
    assert len(noise_rows) == 24
    assert all(row.q_value is not None and row.q_value > 0.05 for row in noise_rows)
    rare = {row.value: row for row in section(dashboard, "Rare").rows}
    assert (rare["x"].difference, rare["x"].q_value, rare["y"].q_value) == (None, None, None)


def test_columns_that_a_job_adds_are_segments_if_they_have_several_values(tmp_path: Path) -> None:
    frame = pl.DataFrame(segment_rows(60), schema_overrides=SCHEMA)
    frame = frame.with_columns(
        language=pl.Series(["en", "de", "de"] * 20), question=pl.lit("What did you like?"), Place=pl.lit("here")
    )
    results = open_folder(write_frame(tmp_path / "job", frame, [], segments=["Place"], added=["language", "question"]))
    dashboard = build_dashboard(results, Filters())
    assert [part.name for part in dashboard.segments] == ["Product", "Place", "Language"]
    assert {row.value: row.count for row in section(dashboard, "Language").rows} == {"de": 40, "en": 20}
    assert query_reviews(results, Filters(segment=["language:en"])).total == 20
    asked = build_dashboard(results, Filters(segment=["question:What did you like?"]))
    assert section(asked, "Question").values == 1


def test_a_column_of_the_file_with_the_name_of_an_added_one_is_not_taken_for_it(tmp_path: Path) -> None:
    frame = pl.DataFrame(segment_rows(20), schema_overrides=SCHEMA).with_columns(question=pl.lit("Why?"))
    results = open_folder(write_frame(tmp_path / "job", frame, []))
    assert "question" not in segments_of(results)


def test_without_matching_rows_each_segment_says_so(results: Results) -> None:
    dashboard = build_dashboard(results, Filters(words="zeppelin"))
    assert [part.available for part in dashboard.segments] == [False] * 3
    assert section(dashboard, "Version").note == "The reviews shown have no value of Version."


@given(st.one_of(st.sampled_from([*NO_VALUES, "N/A", "-", " - ", "...", "NA", "x", "нет", ""]), st.text(max_size=5)))
def test_values_that_stand_for_none_are_the_same_in_detection_and_in_results(raw: str) -> None:
    stripped = pl.DataFrame({"value": [raw]}).select(pl.col("value").str.strip_chars())
    null = stripped.select(filled_value(pl.col("value"))).item() is None
    if stripped.item() == raw.strip():
        assert null == is_no_value(raw)


def test_the_report_shows_segments_and_names_them_in_filters(results: Results) -> None:
    department = key(results, "Department")
    page = render_report(build_dashboard(results, Filters(segment=[f"{department}:Sales", f"{department}:"])))
    assert "<h2>By Department</h2>" in page and "<h2>By product</h2>" in page and "<h2>By Region: land</h2>" in page
    assert '<span class="chip">Department: Sales or no value</span>' in page


def test_a_condition_without_segments_needs_none(results: Results) -> None:
    matching = results.scan().filter(condition(Filters(sentiment="negative"), {})).select(pl.len()).collect().item()
    assert matching == query_reviews(results, Filters(sentiment="negative")).total
