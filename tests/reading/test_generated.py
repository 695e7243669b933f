"""Files as Python's csv module, Excel and pandas write them come back record for record."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from hypothesis import given, note, settings
from hypothesis import strategies as st

from reviewlens.contracts.tables import Dialect
from reviewlens.reading.reader import ReadLimits, Record, read_columns, read_records
from tests.reading.reading_help import look

Delimiter = Literal[",", ";", "\t", "|"]
Cell = str | int
_LIMITS = ReadLimits()
_WORDS = ("Great", "fine", "the battery", "works", "did not fit", "5", "5 stars", "café", "😀", "never again")
_LINE_ENDS = ("\n", "\n\n", "\r\n")
_MARKS = (", ", ",", "; ", ": ", "! ", ". ", ' "so-called" ', '"', ' 5" ', "  ", " ", "\\ ")
# Pieces that look like the grammar itself, or like rows of the file.
_TRAPS = (",5", '",5', '",', '""', ' "', '" ', ";", "\t", "|", "\\", "\n5,", "\n2,good,5", "\n3;bad;1", "\r", ",,", "'")


def _texts(*parts: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(parts), max_size=8).map("".join)


_ANY_TEXTS = st.lists(_texts(*_WORDS, *_LINE_ENDS, *_MARKS, *_TRAPS), min_size=1, max_size=6)
_PROSE = st.lists(
    st.tuples(st.sampled_from(("It came on time", "We like it a lot", "Would not buy it")), _texts(*_WORDS, *_MARKS))
    .flatmap(lambda start: st.tuples(st.just(" ".join(start)), _texts(*_WORDS, *_LINE_ENDS, *_MARKS)))
    .map("".join),
    min_size=4,
    max_size=8,
)


@dataclass
class File:
    """A generated table, and the file that a writer made of it."""

    header: list[str]
    rows: list[list[Cell]]
    delimiter: Delimiter
    data: bytes

    @property
    def fields(self) -> list[list[str]]:
        return [[str(cell) for cell in row] for row in self.rows]


@st.composite
def _files(draw: st.DrawFn, texts: st.SearchStrategy[list[str]], least_rows: int, least_columns: int) -> File:
    names = draw(
        st.lists(
            st.sampled_from(["id", "title", "rating", "product", "votes", "date"]),
            unique=True,
            min_size=least_columns - 1,
            max_size=5,
        )
    )
    names.insert(draw(st.integers(0, len(names))), "review")
    count = draw(st.integers(least_rows, 45))
    dice = random.Random(draw(st.integers(0, 1 << 16)))
    pool = draw(texts)
    first = draw(st.sampled_from([0, 1, 2, 1000]))
    titles = [*(text[:10] for text in pool), "", "Nice"]

    def cell(name: str, index: int) -> Cell:
        match name:
            case "id":
                return first + index
            case "review":
                return dice.choice(pool)
            case "title":
                return dice.choice(titles)
            case "rating":
                return dice.randint(1, 5)
            case "product":
                return dice.choice(["Phone", 'TV, 40"', "Lamp; red", ""])
            case "votes":
                return dice.choice([0, 2, ""])
            case _:
                return f"2024-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"

    rows = [[cell(name, index) for name in names] for index in range(count)]
    return draw(st.sampled_from([_by_csv, _by_excel, _by_pandas]))(draw, names, rows)


def _by_csv(draw: st.DrawFn, header: list[str], rows: list[list[Cell]]) -> File:
    delimiter: Delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    # The writer quotes a line end only where its own line end has the character.
    line_end = "\r\n" if quoting == csv.QUOTE_MINIMAL else draw(st.sampled_from(["\n", "\r\n"]))
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=line_end).writerows([header, *rows])
    return File(header, rows, delimiter, out.getvalue().encode())


def _by_excel(draw: st.DrawFn, header: list[str], rows: list[list[Cell]]) -> File:
    """Excel ends rows with CRLF and breaks lines in cells with LF; many locales separate by semicolons."""
    delimiter: Delimiter = draw(st.sampled_from([",", ";", "\t"]))
    rows = [
        [cell.replace("\r\n", "\n").replace("\r", "\n") if isinstance(cell, str) else cell for cell in row]
        for row in rows
    ]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([header, *rows])
    return File(header, rows, delimiter, out.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig"]))))


def _by_pandas(draw: st.DrawFn, header: list[str], rows: list[list[Cell]]) -> File:
    delimiter: Delimiter = draw(st.sampled_from([",", ";", "\t"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    if quoting == csv.QUOTE_MINIMAL:  # pandas does not quote a lone carriage return
        rows = [
            [
                cell.replace("\r\n", "\n").replace("\r", " ").replace("\n", "\r\n") if isinstance(cell, str) else cell
                for cell in row
            ]
            for row in rows
        ]
    index = draw(st.booleans())
    out = io.StringIO()
    frame = pd.DataFrame(rows, columns=header, dtype=object)
    frame.to_csv(out, sep=delimiter, quoting=quoting, index=index, lineterminator="\n")
    if index:
        header, rows = ["", *header], [[number, *row] for number, row in enumerate(rows)]
    return File(header, rows, delimiter, out.getvalue().encode())


def _check(file: File, dialect: Dialect) -> None:
    note(f"{file.header} {file.data!r}")
    reader = read_records(io.BytesIO(file.data), dialect, len(file.header), _LIMITS)
    rows = list(reader)
    assert [row.fields for row in rows if isinstance(row, Record)] == file.fields
    assert len(rows) == len(file.rows)
    assert not reader.tallies.keys() & {"quote_rows", "padded_rows"}


@settings(max_examples=300, derandomize=True)
@given(_files(_ANY_TEXTS, 1, 1))
def test_every_record_comes_back(file: File) -> None:
    _check(file, Dialect(delimiter=file.delimiter))


@settings(max_examples=150, derandomize=True)
@given(_files(_PROSE, 5, 2))
def test_every_record_comes_back_after_detection(file: File) -> None:
    dialect = look(file.data).dialect
    assert (dialect.delimiter, dialect.quoting, dialect.header) == (file.delimiter, "double", True)
    assert read_columns(io.BytesIO(file.data), dialect, _LIMITS) == file.header
    _check(file, dialect)
