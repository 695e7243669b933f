"""The document that describes a file: its counts, against counts made here without the product's readers."""

from __future__ import annotations

import copy
import csv
import gzip
import io
import pickle
import zipfile
from typing import Any

import openpyxl
import pytest

from reviewlens.contracts.detected import Detected
from reviewlens.contracts.tables import FileFormat, Warned, coded
from reviewlens.pipeline.work import Plan
from reviewlens.reading import detected as detected_module
from reviewlens.reading.detected import describe
from tests.reading.reading_help import LIMITS, look
from tests.reading.workbooks_help import xlsx

WARNED = Warned("unread", "Two values cannot be read.", "x", "y")
ROWS = [
    ["Title", "Review", "Stars", "Date", "Item"],
    ["Good", "A lovely lamp that lights the whole room", "5", "2024-04-03", "Lamp"],
    ["", "It broke after two days, very disappointed", "1", "2024-04-04", "Lamp"],
    ["", "<br/> &nbsp;", "3", "someday", "Lamp"],
    ["Only a title", "", "n/a", "2024-04-05", "Kettle"],
    ["", "Does what it says, nothing more than that", "4", "", "Kettle"],
    ["", "The handle feels cheap but the water boils fast", "4", "2024-04-06", "Kettle"],
]


def as_csv(rows: list[list[str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()


def described(data: bytes, filename: str = "reviews.csv", **overrides: Any) -> Detected:
    return describe(lambda: io.BytesIO(data), look(data, filename, **overrides), LIMITS)


def test_the_document_of_a_csv_file() -> None:
    found = described(as_csv(ROWS, ";"))
    assert (found.format, found.encoding, found.delimiter) == (FileFormat.CSV, "utf-8", ";")
    assert found.header_row == 1
    assert (found.rows, found.texts, found.empty_texts, found.rejected) == (6, 5, 1, 0)
    assert not found.sampled and found.estimated_rows == 6
    assert found.roles.model_dump() == {
        "text": ["Review"],
        "title": "Title",
        "rating": "Stars",
        "date": "Date",
        "product": "Item",
        "segments": [],
    }
    assert found.rating_scale == (1, 5)
    assert (found.ratings_read, found.dates_read) == (5, 4)
    assert found.first_date is not None
    assert found.first_date.model_dump(mode="json") == {"raw": "2024-04-03", "read": "2024-04-03"}
    stars = found.columns[2]
    assert (stars.name, stars.role, stars.filled) == ("Stars", "rating", 1.0)
    assert stars.examples == ["5", "1", "3", "n/a", "4"]
    assert {warning.code for warning in found.warnings} <= {"dates-unread"}
    assert (found.languages, found.all_languages) == ({"en": 1.0}, False)


def test_the_first_date_is_that_of_the_first_row_that_has_one() -> None:
    rows = [[f"The lamp is bright, number {n}", str(n % 5), "2024-05-06"] for n in range(5000)]
    rows[0][2], rows[1][2] = "someday", "2023-01-02"  # a sample of every second row lacks the second one
    first = described(as_csv([["Review", "Stars", "Date"], *rows])).first_date
    assert first is not None
    assert first.model_dump(mode="json") == {"raw": "2023-01-02", "read": "2023-01-02"}


def test_rejected_rows_are_counted_apart() -> None:
    data = as_csv(ROWS) + b"too,many,fields,in,this,row\r\n" + as_csv(ROWS[1:3])
    found = described(data)
    assert (found.rows, found.texts, found.empty_texts, found.rejected) == (9, 7, 1, 1)
    (warning,) = [warning for warning in found.warnings if warning.code == "rows-rejected"]
    assert warning.message == "1 row will be rejected (more fields than there are columns)."


def test_a_file_without_header_names_columns_as_the_results_do() -> None:
    found = described(as_csv([row[1:3] for row in ROWS[1:]]))
    assert found.header_row is None
    assert found.roles.text == ["column_1"]
    assert found.rows == 6


def test_columns_of_the_same_name_can_be_told_apart() -> None:
    rows = [["Review", "Review", "Stars"], *([row[1], row[4], row[2]] for row in ROWS[1:])]
    assert [column.name for column in described(as_csv(rows)).columns] == ["Review", "Review_2", "Stars"]


def test_formats_without_text_have_no_encoding() -> None:
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    found = described(out.getvalue(), "reviews.xlsx")
    assert (found.format, found.encoding, found.delimiter) == (FileFormat.XLSX, None, None)
    assert (found.rows, found.texts, found.empty_texts) == (6, 5, 1)


def test_json_lines_have_no_header() -> None:
    found = described(b'{"review": "Lovely, I use it daily", "stars": 5}\n' * 5, "reviews.jsonl")
    assert (found.format, found.header_row, found.encoding, found.delimiter) == (FileFormat.JSONL, None, "utf-8", None)
    assert (found.rows, found.ratings_read) == (5, 5)


def test_without_a_text_column_there_are_no_texts() -> None:
    found = described(b"a,b\n" + b"1,2\n" * 9)
    assert found.roles.text == []
    assert (found.rows, found.texts, found.empty_texts) == (9, 0, 9)
    assert "no-text-column" in {warning.code for warning in found.warnings}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_of_a_large_file_only_the_first_rows_are_counted(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack(as_csv([ROWS[0], *ROWS[1:] * 20]))
    assert described(data).rows == 120
    monkeypatch.setattr(detected_module, "COUNTED_BYTES", 1000)
    monkeypatch.setattr(detected_module, "SAMPLE_ROWS", 60)
    found = described(data)
    assert found.sampled
    assert (found.rows, found.texts, found.empty_texts) == (60, 50, 10)
    assert found.estimated_rows == 120


def test_the_sheets_and_the_header_of_a_workbook() -> None:
    found = described(xlsx({"About": [["About this file"]], "Reviews": [["Export"], *ROWS]}), "reviews.xlsx")
    assert (found.sheet, found.sheets, found.header_row) == ("Reviews", ["About", "Reviews"], 2)
    assert {"other-sheets", "header-below-titles"} <= {warning.code for warning in found.warnings}


def test_placeholders_and_scales_count_as_in_a_job() -> None:
    rows = [["Review", "Score"], *([f"A lovely lamp for room {number}", str(number % 5)] for number in range(20))]
    found = described(as_csv([*rows, ["N/A", "3"]], "~"))
    assert (found.delimiter, found.rows, found.texts, found.empty_texts) == ("~", 21, 20, 1)
    assert (found.rating_scale, found.ratings_read) == ((0, 4), 21)


def test_the_encoding_of_other_lines_and_the_file_in_an_archive() -> None:
    lines = ["review,stars", *(f"Une très jolie lampe, été {number},5".replace(", ", " ") for number in range(40))]
    data = b"".join(f"{line}\r\n".encode("utf-8" if number % 2 else "cp1252") for number, line in enumerate(lines))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("reviews.csv", data)
    found = described(out.getvalue(), "reviews.zip")
    assert (found.member, found.encoding) == ("reviews.csv", "utf-8")
    assert found.fallback_encoding is not None
    assert "two-encodings" in {warning.code for warning in found.warnings}


def test_segments_are_named_and_marked() -> None:
    rows = [["Review", "Team", "Stars", "Team"]]
    rows += [[f"A lovely lamp for room {number}", "NS"[number % 2], "5", "ab"[number % 2]] for number in range(20)]
    found = described(as_csv(rows))
    assert found.roles.segments == ["Team", "Team_2"]
    assert [column.role for column in found.columns] == ["text", "segment", "rating", "segment"]
    chosen = described(as_csv(rows), mapping={"segments": [3]})
    assert chosen.roles.segments == ["Team_2"]
    assert [column.role for column in chosen.columns] == ["text", None, "rating", "segment"]


@pytest.mark.parametrize(
    ("read_texts", "texts", "empty_texts"),
    [("each", 6, 9), ("joined", 4, 1)],
)
def test_texts_are_counted_apart_from_rows(read_texts: str, texts: int, empty_texts: int) -> None:
    rows = [
        ["Headline", "pros", "cons", "advice"],
        ["", "The people are kind and helpful", "Long hours and very low pay", "Listen to the people who work there"],
        ["Fine", "Good food in the canteen", "N/A", "-"],
        ["Only this", "", "None", ""],
        ["", "No Positive", "<br>", " "],
        ["", "", "The managers never answer a question", ""],
    ]
    found = described(as_csv(rows), mapping={"text": 1, "further_texts": [2, 3], "title": 0, "read_texts": read_texts})
    assert (found.rows, found.texts, found.empty_texts, found.rows_without_text) == (5, texts, empty_texts, 1)
    assert found.read_texts == read_texts
    assert found.roles.text == ["pros", "cons", "advice"]
    assert [column.role for column in found.columns] == ["title", "text", "text", "text"]


def test_other_choices_give_other_counts() -> None:
    found = described(as_csv(ROWS), dialect={"header": False}, mapping={"text": 1, "title": None})
    assert (found.rows, found.texts, found.empty_texts) == (7, 5, 2)
    assert found.header_row is None


def test_a_warning_keeps_its_code_in_copies() -> None:
    for copied in (copy.deepcopy(WARNED), pickle.loads(pickle.dumps(WARNED))):
        assert copied == "Two values cannot be read."
        assert (copied.code, copied.examples) == ("unread", ("x", "y"))
    assert [each.model_dump() for each in coded([WARNED, "Plain."])] == [
        {"code": "unread", "message": "Two values cannot be read.", "examples": ["x", "y"]},
        {"code": "note", "message": "Plain.", "examples": []},
    ]


def test_a_job_can_store_the_warnings_of_its_reader() -> None:
    plan = Plan((), ("a",), {}, (WARNED,))
    assert Plan.from_json(plan.to_json()) == plan
