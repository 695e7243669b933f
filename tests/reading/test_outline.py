"""Titles, headers of several rows, repeated headers and totals are found, and no review is lost to them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest

from reviewlens.contracts.tables import Dialect, Sniffed
from reviewlens.errors import InputError
from reviewlens.reading.reader import Position, read_columns, read_records
from tests.reading.reading_help import LIMITS, bad, good, look, names, read, reader
from tests.reading.workbooks_help import xlsx

TEXTS = (
    "The kettle boils fast and looks lovely on the counter.",
    "Broke after two days, very disappointed with it.",
    "Does what it says, nothing more than that really.",
)
HEADER = ["Product", "Review", "Rating", "Date"]
BODY = [[f"P{n % 3}", f"{TEXTS[n % 3]} No. {n}", n % 5 + 1, f"2024-01-{n % 28 + 1:02}"] for n in range(40)]
QUESTIONS = [
    "Respondent ID",
    "Start Date",
    "IP Address",
    "How satisfied are you?",
    "",
    "What do you like most about our product?",
]
ANSWERS = [
    [10_000 + n, f"0{n % 9 + 1}/02/2024 10:11:12 AM", "", "Satisfied", "", f"{TEXTS[n % 3]} No. {n}"] for n in range(40)
]


def table(*rows: list[Any], delimiter: str = ",") -> bytes:
    """Write rows as CSV."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()


def records(data: bytes, detected: Sniffed) -> list[list[str]]:
    """Read all records of a file in the dialect that was detected."""
    return good(read(data, **detected.dialect.model_dump()))


@pytest.mark.parametrize(
    ("above", "delimiter"),
    [
        ([["Customer feedback export", "", "", ""], ["Generated 2024-05-01", "", "", ""], []], ","),
        ([["Customer feedback export"], ["Generated 2024-05-01"], []], ","),
        ([["Customer feedback export"]], ";"),
        ([["Report, May 2024"], [], []], "\t"),
        ([["Store", "Kettle & Co"], ["From", "2024-01-01"], ["Note", "For internal use only."], []], ","),
        ([["", "Feedback", "", ""]], ","),
        ([["Report\nof all reviews", "", "", ""], ["", "", "", ""]], ","),
    ],
)
def test_the_header_is_found_below_titles(above: list[list[str]], delimiter: str) -> None:
    data = table(*above, HEADER, *BODY, delimiter=delimiter)
    detected = look(data)
    assert detected.dialect.header_row == len(above) + 1
    assert detected.dialect.delimiter == delimiter
    assert [column.name for column in detected.columns] == HEADER
    assert names(detected) == {"product": "Product", "text": "Review", "rating": "Rating", "date": "Date"}
    assert records(data, detected) == [[str(cell) for cell in row] for row in BODY]
    assert any(f"in row {len(above) + 1}. " in warning for warning in detected.warnings)


def test_rows_above_the_header_are_accounted_for_and_reading_resumes() -> None:
    data = table(["Customer feedback export"], [], HEADER, *BODY)
    found = reader(data, header_row=3)
    rows = list(found)
    start = data.index(b"P0")
    assert len(rows) == 40
    assert found.ledger.as_dict() == {
        "bytes_total": len(data),
        "header_bytes": start - 2,
        "blank_bytes": 2,
        "record_bytes": len(data) - start,
        "rejected_bytes": 0,
    }
    begun = reader(data, header_row=3)
    next(begun), next(begun)
    position = Position.from_json(begun.position.to_json())
    resumed = read_records(io.BytesIO(data), Dialect(header_row=3), 4, LIMITS, resume_at=position)
    assert list(resumed) == rows[2:]


@pytest.mark.parametrize(
    "rows",
    [
        [HEADER, *BODY],
        [HEADER, ["P1", TEXTS[0], "not rated", "not known"], *BODY],
        [HEADER, ["P1", TEXTS[0], "N/A", "N/A"], *BODY],
        [["", "review", "verdict"], ["anna", "great thing", "n/a"], *[[n, TEXTS[n % 3], n] for n in range(9)]],
        [["review"], *[[text] for text in TEXTS]],
        [["comment", "verdict"], ["Product", "good"], ["Service", "bad"], *[[text, "ok"] for text in TEXTS]],
        [["Title", "Stars", "Text"], ["", "5", ""], *[["Nice", n % 5, TEXTS[n % 3]] for n in range(9)]],
        [["review", "rating"], ["Good", 5], ["average", 3], ["Average", 2.5], ["Total waste", 1]],
        [["review", "rating"], ["Total", "five"], ["Sum", 5], ["Average", "4,5"]],
        [["Review"], ["Total"], ["Average"], [TEXTS[0]]],
    ],
)
def test_a_proper_header_keeps_its_first_review(rows: list[list[Any]]) -> None:
    data = table(*rows)
    detected = look(data)
    assert (detected.dialect.header_row, detected.dialect.header_lines) == (1, 1)
    assert [column.name for column in detected.columns] == rows[0]
    assert records(data, detected) == [[str(cell) for cell in row] for row in rows[1:]]


@pytest.mark.parametrize("first", [["", TEXTS[0], "", ""], ["P9", TEXTS[0], "", ""]])
def test_a_file_without_a_header_keeps_a_sparse_first_row(first: list[str]) -> None:
    detected = look(table(first, *BODY))
    assert detected.dialect.header_row is None
    assert detected.dialect.header is False
    assert detected.estimated_rows == 41


def test_the_second_row_of_surveymonkey_explains_the_first() -> None:
    second = ["", "", "", "Response", "Comment", "Open-Ended Response"]
    data = table(QUESTIONS, second, *ANSWERS)
    detected = look(data)
    assert (detected.dialect.header_row, detected.dialect.header_lines) == (1, 2)
    assert [column.name for column in detected.columns] == [*QUESTIONS[:4], "Comment", QUESTIONS[5]]
    assert names(detected)["text"] == "What do you like most about our product?"
    assert records(data, detected) == [[str(cell) for cell in row] for row in ANSWERS]
    assert any("explains" in warning for warning in detected.warnings)


@pytest.mark.parametrize("ids", [True, False])
def test_qualtrics_has_two_or_three_header_rows(ids: bool) -> None:
    header = ["StartDate", "Progress", "Q1", "Q2_TEXT"]
    explained = ["Start Date", "Progress", "How was it?", "Please tell us more about it"]
    imports = [
        '{"ImportId":"startDate","timeZone":"Z"}',
        '{"ImportId":"p"}',
        '{"ImportId":"QID1"}',
        '{"ImportId":"Q2"}',
    ]
    body = [[f"2024-01-{n + 1:02} 10:00:00", 100, n % 5 + 1, TEXTS[n % 3]] for n in range(12)]
    data = table(header, explained, *([imports] if ids else []), *body)
    detected = look(data)
    assert (detected.dialect.header_row, detected.dialect.header_lines) == (1, 3 if ids else 2)
    assert [column.name for column in detected.columns] == header
    assert len(records(data, detected)) == 12


def test_a_question_can_be_a_long_column_name() -> None:
    question = "What is the one thing that you would like us to change about the product, and why is it so important?"
    body = [[f"2024-01-{n + 1:02} 10:00:00", n % 5, TEXTS[n % 3]] for n in range(12)]
    assert look(table(["When", "How much", question + "?"], *body)).dialect.header_row == 1


def test_repeated_headers_and_totals_are_rejected_with_a_reason() -> None:
    data = table(
        HEADER,
        *BODY[:20],
        ["Total", "", 60, ""],
        HEADER,
        *BODY[20:],
        ["Grand total:", "", 120, ""],
        ["Average", "", 3.1, ""],
    )
    rows = read(data)
    assert len(good(rows)) == 40
    assert [(row.row, row.reason) for row in bad(rows)] == [
        (21, "total-row"),
        (22, "repeated-header"),
        (43, "total-row"),
        (44, "total-row"),
    ]
    assert bad(rows)[0].raw == "Total,,60,"
    warnings = " ".join(look(data).warnings)
    assert "3 rows will be rejected (a total or an average of other rows)." in warnings
    assert "1 row will be rejected (the header again)." in warnings


@pytest.mark.parametrize("last", [["Total", 160], ["GRAND TOTAL:", "1.600"], ["Average", 3.25], ["Gesamt", 9]])
def test_totals_of_two_columns(last: list[Any]) -> None:
    data = table(["review", "rating"], *[[row[1], row[2]] for row in BODY], last)
    assert [row.reason for row in bad(read(data))] == ["total-row"]


def test_the_header_row_can_be_chosen() -> None:
    data = table(["one", "two"], ["review", "stars"], *[[row[1], row[2]] for row in BODY])
    for choice in ({"header_row": 2}, {"header": True, "header_row": 2}):
        detected = look(data, dialect=choice)
        assert (detected.dialect.header_row, detected.estimated_rows) == (2, 40)
        assert [column.name for column in detected.columns] == ["review", "stars"]
        assert not [warning for warning in detected.warnings if "column names" in warning]
    for none in ({"header": False}, {"header_row": None}):
        detected = look(data, dialect=none)
        assert (detected.dialect.header, detected.dialect.header_row, detected.estimated_rows) == (False, None, 42)
    assert look(table(*BODY), dialect={"header": True}).dialect.header_row == 1
    assert look(data, dialect={"header_row": 1, "header_lines": 2}).estimated_rows == 40
    with pytest.raises(InputError) as caught:
        look(data, dialect={"header_row": 0})
    assert caught.value.code == "invalid-override"


def test_header_and_header_row_agree_in_every_dialect() -> None:
    assert Dialect().header_row == 1
    assert Dialect(header=False).header_row is None
    assert Dialect(header_row=None).header is False
    assert Dialect.model_validate({"header": True, "header_row": None}).header_row == 1
    old = Dialect.model_validate_json('{"format": "csv", "header": false}')
    assert (old.header_row, old.header_lines, old.sheet) == (None, 1, None)
    assert Dialect.model_validate_json(Dialect(header=False).model_dump_json()) == Dialect(header=False)


def test_blank_rows_and_a_separator_line_count_as_rows() -> None:
    for above in (b"sep=;\r\n", b"\r\n", b"\xef\xbb\xbf\r\n"):
        data = above + table(HEADER, *BODY, delimiter=";")
        detected = look(data)
        assert (detected.dialect.header_row, detected.estimated_rows) == (2, 40)
        dialect = Dialect(delimiter=";")
        assert read_columns(io.BytesIO(data), dialect, LIMITS) == HEADER
        assert len(read(data, delimiter=";")) == 40


def test_the_header_is_found_below_a_title_when_every_column_is_text() -> None:
    rows = [[f"u{n}", f"{TEXTS[n % 3]} No. {n}", "happy"] for n in range(20)]
    detected = look(table(["Third survey", "", ""], [], ["Who", "What they said", "Mood"], *rows))
    assert (detected.dialect.header_row, detected.estimated_rows) == (3, 20)


def test_a_row_of_units_explains_the_header() -> None:
    rows = [[n, f"{TEXTS[n % 3]} No. {n}", n % 5 + 1, n * 3] for n in range(20)]
    data = table(["id", "review", "rating", "price"], ["", "free text", "1 to 5", "in EUR"], *rows)
    assert (look(data).dialect.header_lines, look(data).estimated_rows) == (2, 20)
    assert look(data, dialect={"header_lines": 1}).estimated_rows == 21


def test_prose_between_blank_lines_is_not_divided_at_commas() -> None:
    texts = ["Great product", *(f"Nice one, it broke after {n} days and nobody helped us" for n in range(20))]
    detected = look("\n\n".join(texts).encode())
    assert len(detected.columns) == 1


BARE = [[f"P{n % 3}", f"{n % 5 + 1}", f"Works as it should, and I would buy it again. No. {n}"] for n in range(12)]
TEXT_FIRST = [fields[::-1] for fields in BARE]


def _csv(rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("delimiter", [",", ";", "~"])
@pytest.mark.parametrize("body", [BARE, TEXT_FIRST])
@pytest.mark.parametrize("above", [["Export of May"], ["Export of May", ""], ["Export of May", "All shops", "", ""]])
def test_titles_above_a_table_without_a_header_are_no_reviews(
    above: list[str], body: list[list[str]], delimiter: str
) -> None:
    data = "".join(f"{line}\r\n" for line in above).encode() + _csv(body, delimiter)
    detected = look(data)
    assert (detected.dialect.delimiter, detected.dialect.header) == (delimiter, False)
    assert detected.dialect.title_rows == len(above)
    assert good(read(data, **detected.dialect.model_dump())) == body
    assert "titles-above" in {warning.code for warning in detected.coded_warnings}
    unread = look(data, title_rows=0, header=False)
    assert (unread.estimated_rows, unread.dialect.title_rows) == (len(body) + len(list(filter(None, above))), 0)


def test_titles_above_a_sheet_without_a_header_are_no_reviews() -> None:
    data = xlsx({"Sheet1": [["Export of May"], [], *BARE]})
    detected = look(data, "reviews.xlsx")
    assert (detected.dialect.header, detected.dialect.title_rows) == (False, 2)
    assert good(read(data, **detected.dialect.model_dump())) == BARE


@pytest.mark.parametrize(
    "first",
    [
        ["Works well and looks good, though it is loud", "", ""],  # a review whose other cells are empty
        ["", "", "P1"],
        ["A short text", "4", ""],
    ],
)
def test_a_first_row_with_gaps_is_a_review(first: list[str]) -> None:
    detected = look(_csv([first, *TEXT_FIRST]))
    assert (detected.dialect.header, detected.dialect.title_rows, detected.estimated_rows) == (False, 0, 13)


def test_reading_resumes_below_titles_without_a_header() -> None:
    data = b"Export of May\n\n" + _csv(BARE)
    start = reader(data, header=False, title_rows=2)
    rows = [next(start) for _ in range(5)]
    rest = read_records(io.BytesIO(data), Dialect(header=False, title_rows=2), 3, LIMITS, resume_at=start.position)
    assert rows + list(rest) == read(data, header=False, title_rows=2)
