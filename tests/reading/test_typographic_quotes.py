"""Files whose fields are enclosed in typographic quotes, and those whose texts only contain them."""

from __future__ import annotations

import io

import pytest

from reviewlens.contracts.tables import Dialect
from reviewlens.reading.reader import read_records
from tests.reading.reading_help import LIMITS, good, look, read, reader

TEXTS = ["Boils fast, looks lovely", "Broke after two days", "Fine, nothing more, really", "Too loud, too hot"]


def _file(opening: str, closing: str, delimiter: str = ",") -> str:
    rows = [f"Lamp{delimiter}{opening}{text}{closing}{delimiter}{stars}" for stars, text in enumerate(TEXTS * 5)]
    return "\n".join([f"Product{delimiter}Review{delimiter}Rating", *rows]) + "\n"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("marks", ["“”", "„“", "„”", "«»", "»«"])
def test_typographic_quotes_that_enclose_fields_are_removed(marks: str, encoding: str) -> None:
    data = _file(*marks).encode(encoding)
    detected = look(data)
    assert (detected.dialect.delimiter, detected.dialect.quoting) == (",", "typographic")
    assert [row[1] for row in good(read(data, **detected.dialect.model_dump()))] == TEXTS * 5
    assert [column.name for column in detected.columns] == ["Product", "Review", "Rating"]


def test_line_ends_delimiters_pairs_and_straight_quotes_are_text_within_typographic_quotes() -> None:
    text = 'She said “great, really”, and left.\nA 5" screen, though'
    data = f"Review,Rating\n“{text}”,5\n“Broke, at once”,1\n“Loud, hot”,2\n“Works, mostly”,4\n“” ,3\n".encode()
    detected = look(data)
    assert detected.dialect.quoting == "typographic"
    assert good(read(data, **detected.dialect.model_dump()))[0] == [text, "5"]
    assert good(read(data, **detected.dialect.model_dump()))[-1] == ["", "3"]


def test_a_typographic_quote_that_never_closes_is_text_of_its_line() -> None:
    data = "Review,Rating\n“Broke at once,1\nFine,3\nLoud,2\n".encode()
    assert good(read(data, quoting="typographic")) == [["“Broke at once", "1"], ["Fine", "3"], ["Loud", "2"]]


def test_reading_resumes_within_a_file_of_typographic_quotes() -> None:
    data = _file("“", "”").encode() * 50
    start = reader(data, quoting="typographic")
    rows = [next(start) for _ in range(500)]
    rest = read_records(io.BytesIO(data), Dialect(quoting="typographic"), 3, LIMITS, resume_at=start.position)
    assert rows + list(rest) == read(data, quoting="typographic")


@pytest.mark.parametrize(
    "rows",
    [
        ["“Great” is what I would say,5", "“Fine” is not how I, sadly, put it,3", "Broke at once,1"],  # closes early
        ["“Great”,5", "“Fine”,3", "“Broke”,1"],  # no field holds a delimiter
        ['"“Great, really”, she said",5', '"“Fine, mostly”",3', "Broke,1"],  # straight quotes enclose the fields
        ["“Great, really”,5", "“Fine and,3", "“Broke, alas”,1"],  # one is never closed
    ],
)
def test_texts_that_merely_begin_with_a_typographic_quote_stay_as_they_are(rows: list[str]) -> None:
    assert look("\n".join(["Review,Rating", *rows * 4, ""]).encode()).dialect.quoting == "double"
