"""Results of a job that reads several texts of a row, each as a review: the question beside the row."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.export import export_rows
from reviewlens.insights.models import Filters, Review, Sort
from reviewlens.insights.report import render_report
from reviewlens.insights.results import Results
from reviewlens.insights.reviews import query_reviews, review_at
from tests.insights.conftest import open_folder
from tests.insights.make_results import make_row, write_results

HEADERS = ["What did you like?", "What can we do better?"]
# Number of the text, question, text, score, number of the first text like it.
TEXTS: list[tuple[int, str | None, str, float, int | None]] = [
    (1, HEADERS[0], "The staff were lovely", 0.95, None),
    (2, HEADERS[1], "The room was cold and dirty", 0.05, None),
    (4, HEADERS[1], "Far too expensive for what it is", 0.2, None),
    (5, None, "Great place", 0.9, None),
    (9, HEADERS[0], "The staff were lovely", 0.95, 1),
    (10, HEADERS[1], "It broke after two days", 0.1, None),
]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Results:
    rows: list[dict[str, Any]] = []
    for number, question, text, score, first in TEXTS:
        row = make_row(number, text, score, duplicate_of=first, title=None if question else text, rating=4.0)
        mine = {name: value for name, value in row.items() if name.startswith("_") or name.islower()}
        rows.append({**dict.fromkeys(HEADERS, text), **mine, "question": question})
    folder = write_results(tmp_path_factory.mktemp("asked") / "job", rows, [(4, "text-empty", "Nothing.", ",,")])
    path = folder / "inference_summary.json"
    summary = json.loads(path.read_text())
    columns = [{"index": index, "name": name, "served_name": name} for index, name in enumerate(HEADERS)]
    counts = {"rows_read": 5, "rows_with_text": 4, "texts_read": 6}
    path.write_text(json.dumps({**summary, **counts, "columns": columns, "mapping": {"text": 0, "further_texts": [1]}}))
    return open_folder(folder)


def places(reviews: list[Review]) -> list[tuple[int, str | None]]:
    return [(review.row, review.question) for review in reviews]


def test_reviews_have_the_row_of_the_file_and_their_question(asked: Results) -> None:
    page = query_reviews(asked, Filters())
    assert places(page.reviews) == [
        (1, HEADERS[0]),
        (1, HEADERS[1]),
        (2, HEADERS[1]),
        (3, None),
        (5, HEADERS[0]),
        (5, HEADERS[1]),
    ]
    assert [review.duplicate_of for review in page.reviews] == [None, None, None, None, 1, None]
    assert page.reviews[3].title == "Great place"


@pytest.mark.parametrize("sort", ["row", "-row", "confidence", "-rating"])
def test_pages_have_every_answer_once(asked: Results, sort: Sort) -> None:
    whole = places(query_reviews(asked, Filters(), sort).reviews)
    paged: list[tuple[int, str | None]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = query_reviews(asked, Filters(), sort, 1, cursor)
        paged += places(page.reviews)
        cursor = page.next_cursor
    assert paged == whole and len(set(paged)) == len(TEXTS)


def test_the_question_is_a_filter(asked: Results) -> None:
    page = query_reviews(asked, Filters(question=HEADERS[1]))
    assert places(page.reviews) == [(1, HEADERS[1]), (2, HEADERS[1]), (5, HEADERS[1])]
    assert query_reviews(asked, Filters(question="What?")).total == 0


def test_one_answer_of_a_row_can_be_found(asked: Results) -> None:
    assert review_at(asked, 5).text == "The staff were lovely"
    assert review_at(asked, 5, HEADERS[1]).text == "It broke after two days"
    assert review_at(asked, 3).title == "Great place"
    for row, question in ((4, None), (2, HEADERS[0]), (6, None), (2**63 - 1, None)):
        with pytest.raises(KeyError):
            review_at(asked, row, question)


def test_the_dashboard_accounts_for_rows_and_texts(asked: Results) -> None:
    board = build_dashboard(asked, Filters())
    assert board.questions == HEADERS
    counts = board.counts
    assert (counts.read, counts.rows_with_text, counts.texts_read) == (5, 4, 6)
    assert (counts.scored, counts.duplicate, counts.rejected, counts.served, counts.shown) == (5, 1, 1, 6, 6)
    listed = places(board.examples.most_confident_negative)
    assert listed == [(1, HEADERS[1]), (5, HEADERS[1]), (2, HEADERS[1])]
    page = render_report(board)
    assert "5 rows read = 4 rows with 6 texts + 1 rejected; 6 texts = 5 scored + 1 duplicate." in page
    assert "row 2 · What can we do better?" in page


def test_exports_have_the_question_at_their_end(asked: Results) -> None:
    content = b"".join(export_rows(asked, "filtered", "csv", Filters(question=HEADERS[0]))).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert list(rows[0])[-1] == "question"
    assert [row["question"] for row in rows] == [HEADERS[0]] * 2


def test_one_text_a_row_has_no_question(tmp_path: Path) -> None:
    results = open_folder(write_results(tmp_path / "job", [make_row(1, "Lovely"), make_row(2, "Awful", 0.1)]))
    assert results.questions == [] and "question" not in results.served_columns
    assert query_reviews(results, Filters(question="x")).total == 0
    assert places(query_reviews(results, Filters()).reviews) == [(1, None), (2, None)]
    summary = results.summary
    assert (summary.texts_read, summary.rows_with_text) == (2, 2), "an older summary lacks both counts"
