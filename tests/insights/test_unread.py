"""Reviews that are not judged: counted apart, listed on request, and named first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from reviewlens.errors import NotFoundError
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.explanation import text_to_explain
from reviewlens.insights.export import export_rows
from reviewlens.insights.models import Filters
from reviewlens.insights.report import describe_filters, render_report
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import query_reviews
from reviewlens.predictor import Predictor
from reviewlens.settings import Settings
from tests.insights.make_results import make_row, unread_row

DAY = dt.date(2026, 1, 1)
MORE = {"product": "Kettle", "date": DAY, "rating": 5.0}


@pytest.fixture
def mixed(results_of: Callable[..., Results]) -> Results:
    rows = [make_row(i, f"Good kettle {i}", 0.9, **MORE) for i in range(1, 51)]
    rows += [unread_row(50 + i, f"Muy bueno {i}", **MORE) for i in range(1, 9)]
    rows += [unread_row(58 + i, f"Sehr gut {i}", "de", **MORE) for i in range(1, 4)]
    return results_of([*rows, unread_row(62, "Très bien", "fr", **MORE)])


def rows_of(results: Results, **chosen: object) -> list[int]:
    return [review.row for review in query_reviews(results, Filters.model_validate(chosen), limit=100).reviews]


def test_every_figure_counts_judged_reviews_only(mixed: Results) -> None:
    board = build_dashboard(mixed, Filters())
    counts = board.counts
    assert (counts.read, counts.scored, counts.not_judged, counts.served) == (62, 50, 12, 50)
    assert (counts.shown, counts.hidden, counts.not_judged_shown) == (50, 0, 12)
    parts = [
        board.distribution,
        board.by_product.rows[0],
        board.by_rating.rows[0],
        board.over_time.points[0],
    ]
    assert [(part.count, part.positive, part.negative) for part in parts] == [(50, 50, 0)] * 4
    assert sum(part.count for part in board.confidence.bins) == 50
    assert (board.agreement.compared, board.agreement.agrees) == (50, 50)
    assert not board.examples.most_confident_negative
    assert all(review.not_judged is None for review in board.examples.least_certain)
    assert board.drivers.based_on == 50


def test_the_first_sentence_names_the_languages(mixed: Results, results_of: Callable[..., Results]) -> None:
    first, second, *_ = build_dashboard(mixed, Filters()).headline
    assert first == (
        "12 of 62 reviews are in other languages, mostly Spanish (8) and German (3); this model reads English. "
        "They have no sentiment and are not counted below."
    )
    assert "of the reviews are positive (50 of 50;" in second
    one = results_of([make_row(1, "Good"), unread_row(2, "Muy bueno")])
    assert build_dashboard(one, Filters()).headline[0] == (
        "1 of 2 reviews is in Spanish; this model reads English. It has no sentiment and is not counted below."
    )


def test_languages_are_listed_with_their_names(mixed: Results) -> None:
    rows = build_dashboard(mixed, Filters()).languages
    assert [(row.name, row.reviews, row.judged) for row in rows] == [
        ("English", 50, True),
        ("Spanish", 8, False),
        ("German", 3, False),
        ("French", 1, False),
    ]


def test_filters_find_them(mixed: Results) -> None:
    assert rows_of(mixed, sentiment="not_judged") == list(range(51, 63))
    assert rows_of(mixed, language=["de", "fr"]) == [59, 60, 61, 62]
    assert rows_of(mixed, judged=True) == list(range(1, 51))
    for judged_only in ({"needs_review": False}, {"mixed": False}, {"min_confidence": 0.5}, {"agreement": "agrees"}):
        assert rows_of(mixed, **judged_only) == list(range(1, 51))
    assert len(rows_of(mixed)) == 62
    page = query_reviews(mixed, Filters(sentiment="not_judged"), limit=1)
    (review,) = page.reviews
    assert (review.sentiment, review.confidence, review.positive_score) == ("not judged", None, None)
    assert (review.language, review.not_judged) == ("es", "es; the model reads English")
    assert describe_filters(Filters(sentiment="not_judged", language=["es", "de"])) == [
        "sentiment: not judged",
        "language: Spanish and German",
    ]


def test_pages_by_confidence_end_with_them(mixed: Results) -> None:
    rows, cursor = [], ""
    while True:
        page = query_reviews(mixed, Filters(), "-confidence", limit=20, cursor=cursor)
        rows += [review.row for review in page.reviews]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert rows == list(range(1, 63))


def test_a_dashboard_of_such_reviews_alone_says_why_it_is_empty(mixed: Results) -> None:
    board = build_dashboard(mixed, Filters(language=["es"]))
    assert (board.counts.shown, board.counts.not_judged_shown, board.distribution.count) == (0, 8, 0)
    assert board.headline[1] == "The filters match 8 reviews, none of which has a sentiment."


def test_a_file_of_which_nothing_is_judged_has_a_dashboard_and_a_report(results_of: Callable[..., Results]) -> None:
    results = results_of([unread_row(i, f"Muy bueno {i}", **MORE) for i in range(1, 41)])
    board = build_dashboard(results, Filters())
    assert board.headline == [
        "All 40 reviews are in Spanish; this model reads English. They have no sentiment and are not counted below."
    ]
    assert board.distribution.positive_share is None
    page = render_report(board)
    assert "All 40 reviews are in Spanish" in page
    assert "40 not judged" in page
    assert "Over time" not in page


def test_the_report_accounts_for_them(mixed: Results) -> None:
    page = render_report(build_dashboard(mixed, Filters()))
    assert "50 scored + 0 duplicates + 12 not judged + 0 rejected." in page
    assert "Over time" in page


def test_the_export_has_them(mixed: Results) -> None:
    served = b"".join(export_rows(mixed, "served", "csv", Filters(), max_rows=62)).decode("utf-8-sig").splitlines()
    assert len(served) == 63
    assert served[-1].endswith('"not judged",,,"false","false","fr","fr; the model reads English"')


def test_a_review_that_is_not_judged_has_no_explanation(mixed: Results) -> None:
    with pytest.raises(NotFoundError, match="Row 51 has no sentiment: es; the model reads English") as caught:
        text_to_explain(mixed, 51, Predictor(Settings(engine="textblob", _env_file=None)))
    assert caught.value.code == "row-not-judged"


def test_results_from_before_languages_were_detected_can_be_read(mixed: Results) -> None:
    for part in mixed.parquet.glob("*.parquet"):
        old = pl.read_parquet(part).filter(pl.col("sentiment") != "not judged").drop("language", "not_judged")
        old.write_parquet(part)
    assert build_dashboard(mixed, Filters()).counts.shown == 50
    assert query_reviews(mixed, Filters(), limit=1).reviews[0].language is None
