"""Detection: format, encoding, delimiter, quoting, header, mapping, warnings and overrides."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reviewlens.contracts.tables import FirstDate
from reviewlens.errors import InputError, LimitError
from reviewlens.reading.reader import ReadLimits
from reviewlens.reading.sniff import sniff
from tests.reading.reading_help import LIMITS, good, look, names, read

_WORDS = [
    *("the", "sound", "is", "good", "but", "battery", "life", "could", "be", "better", "and", "I", "would"),
    *("buy", "it", "again", "for", "my", "kitchen", "because", "it", "works"),
]
HEADER = ["Id", "ProductId", "Score", "Summary", "Text", "Time"]


def make_rows(count: int = 60, seed: int = 7) -> list[list[str]]:
    """Make reviews with id, product, stars, title, text, epoch."""
    dice = random.Random(seed)

    def prose(least: int, most: int) -> str:
        return " ".join(dice.choices(_WORDS, k=dice.randint(least, most))).capitalize()

    return [
        [
            str(n),
            f"B00{dice.randint(1000, 1009)}XYZ"[:10],
            str(dice.randint(1, 5)),
            prose(2, 5),
            prose(10, 40) + (", " + prose(3, 9) if n % 2 else "") + ".",
            str(1_300_000_000 + n * 86_400),
        ]
        for n in range(1, count + 1)
    ]


def as_csv(rows: list[list[str]], **options: Any) -> bytes:
    """Write rows as CSV."""
    out = io.StringIO()
    csv.writer(out, **options).writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "~", "^", ":", "\x01", "¦", "§"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
def test_delimiters_and_encodings(delimiter: str, encoding: str) -> None:
    rows = make_rows()
    for row in rows:
        row[4] += " café"
    data = as_csv([HEADER, *rows], delimiter=delimiter).decode().encode(encoding)
    if encoding == "utf-16-be":
        data = b"\xfe\xff" + data
    detected = look(data)
    wanted = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    assert (detected.dialect.delimiter, detected.dialect.encoding, detected.dialect.header) == (delimiter, wanted, True)
    assert names(detected) == {
        "text": "Text",
        "title": "Summary",
        "rating": "Score",
        "date": "Time",
        "product": "ProductId",
    }
    assert detected.preview == rows[:20]
    assert detected.estimated_rows == 60
    assert ("Windows-1252" in " ".join(detected.warnings)) is (encoding == "cp1252")


@pytest.mark.parametrize("delimiter", ["~", "^", "¦", "\x01", "\x1f", ":"])
@pytest.mark.parametrize("titles", ["Export of reviews\n", "Export of reviews\nAll shops, 2024\n\n"])
def test_the_delimiter_need_not_occur_in_the_title_above_the_table(titles: str, delimiter: str) -> None:
    detected = look(titles.encode() + as_csv([HEADER, *make_rows()], delimiter=delimiter))
    assert (detected.dialect.delimiter, detected.dialect.header_row) == (delimiter, titles.count("\n") + 1)
    assert detected.preview == make_rows()[:20]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [1, 2, 5, 3, 4], [0, 1, 2, 5, 4], [3, 1, 2, 5, 4, 0]])
def test_a_headerless_file_whose_text_is_its_fifth_column(order: list[int]) -> None:
    data = as_csv([[row[place] for place in order] for row in make_rows()])
    detected = look(data)
    assert detected.dialect.header is False
    assert detected.mapping is not None
    roles = {1: detected.mapping.product, 2: detected.mapping.rating, 4: detected.mapping.text}
    assert roles == {place: order.index(place) for place in roles}
    assert detected.mapping.title == (order.index(3) if 3 in order else None)
    assert detected.mapping.date == (order.index(5) if 5 in order else None)
    assert [column.served_name for column in detected.columns] == [f"column_{n + 1}" for n in range(len(order))]
    assert detected.estimated_rows == 60


def test_header_or_none_in_files_of_one_and_two_columns() -> None:
    prose = [row[4] for row in make_rows()]
    assert look("\n".join(["review", *prose]).encode()).dialect.header is True
    assert look("\n".join(["Customer words", *prose]).encode()).dialect.header is True
    alone = look("\n".join(prose).encode())
    assert (alone.dialect.header, len(alone.columns), alone.estimated_rows) == (False, 1, 60)
    assert alone.mapping is not None and alone.mapping.text == 0
    assert any("only one column" in warning for warning in alone.warnings)
    labelled = as_csv([[text, str(n % 2)] for n, text in enumerate(prose)])
    assert look(labelled).dialect.header is False
    assert look(b"text,label\n" + labelled).dialect.header is True


@pytest.mark.parametrize("quoting", ["double", "backslash", "none"])
def test_quoting(quoting: str) -> None:
    rows = make_rows()
    for n, row in enumerate(rows):
        row[4] = f'{row[4]} "quoted, {n}" end' if quoting != "none" else f'"{row[4]} and "so'
    if quoting == "none":
        data = "\n".join("\t".join(row) for row in [HEADER, *rows]).encode()
    else:
        data = as_csv(
            [HEADER, *rows],
            doublequote=quoting == "double",
            escapechar=None if quoting == "double" else "\\",
            quoting=csv.QUOTE_ALL,
        )
    detected = look(data)
    assert detected.dialect.quoting == quoting
    assert detected.preview == [[field[:200] for field in row] for row in rows[:20]]


def test_an_unclosed_quote_or_ragged_rows_do_not_mislead() -> None:
    lines = as_csv([HEADER, *make_rows()]).splitlines()
    lines[2] = lines[2].replace(b",", b',"', 1)
    lines[5] += b",surplus,fields"
    lines[9] = b"9,short"
    detected = look(b"\n".join(lines))
    assert detected.estimated_rows == 60
    assert names(detected)["text"] == "Text"
    text = " ".join(detected.warnings)
    assert "1 row will be rejected" in text and "1 row has fewer fields" in text and "never closed" in text


def test_a_file_of_one_column_is_never_split() -> None:
    prose = [row[4].replace(",", "") for row in make_rows(300)]
    later = ["Well, it works; but | not ~ always", 'She said "fine", then left', '"quoted, whole"']
    for header in (["review"], []):
        data = "\n".join([*header, *prose, *later]).encode()
        detected = look(data)
        assert (len(detected.columns), detected.dialect.header) == (1, bool(header))
        rows = read(data, 1, **detected.dialect.model_dump())
        assert good(rows) == [[line] for line in [*prose, *later[:2], "quoted, whole"]]


@pytest.mark.parametrize(
    "lines",
    [
        ["review", *(f"Rated at {n % 24}:30 and it was fine" for n in range(40))],
        [f"Pros: it works. Number {n}" for n in range(40)],
        [f"Wow! number {n} is good" for n in range(40)],
        ["What do you think? Tell us", *(f"Is it good? Yes, number {n}" for n in range(40))],
        [f"good/bad number {n}" for n in range(40)],
    ],
)
def test_punctuation_of_prose_is_no_delimiter(lines: list[str]) -> None:
    assert len(look("\n".join(lines).encode()).columns) == 1


def test_excel_names_any_delimiter() -> None:
    detected = look(b"sep=~\n" + as_csv([HEADER, *make_rows()], delimiter="~"))
    assert (detected.dialect.delimiter, len(detected.columns)) == ("~", 6)


def test_a_wrong_delimiter_gives_a_warning() -> None:
    detected = look(as_csv([HEADER, *make_rows()]), dialect={"delimiter": ";"})
    assert detected.dialect.delimiter == ";"
    text = " ".join(detected.warnings)
    assert "comma divides the rows more evenly" in text and "only one column" in text


@pytest.mark.parametrize(
    ("data", "filename", "code"),
    [
        (b"", "a.csv", "empty-file"),
        (b"\n\r\n\n", "a.csv", "empty-file"),
        (b"text,stars\n", "a.csv", "no-rows"),
        (gzip.compress(b""), "a.csv.gz", "empty-file"),
        (random.Random(1).randbytes(5000), "a.csv", "not-text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.csv", "not-text"),
        (b"%PDF-1.7 ...", "a.csv", "not-text"),
        (bytes(5000), "a.csv", "not-text"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "a.xls", "old-excel"),
        (b"BZh91AY", "a.csv.bz2", "unknown-compression"),
        (gzip.compress(gzip.compress(b"a,b")), "a.csv.gz", "packed-twice"),
        (b"PK\x03\x04" + bytes(50), "a.xlsx", "corrupt-xlsx"),
        (b"PAR1" + bytes(50), "a.parquet", "corrupt-parquet"),
        (b"text,stars", "a.json", "no-json-objects"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00\x00\x00\x11\x00", "a.csv", "unknown-encoding"),
        (b"\xff\xfe\x00\x00a\x00\x00", "a.csv", "unknown-encoding"),
        (gzip.compress(b"text\n" + b"good stuff\n" * 1000)[:-12], "a.csv.gz", "corrupt-gzip"),
    ],
)
def test_files_that_cannot_be_read(data: bytes, filename: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        look(data, filename)
    assert caught.value.code == code
    assert caught.value.message.endswith(".") and len(caught.value.message) > 15


@pytest.mark.parametrize(
    ("text", "filename", "kind"),
    [
        ("<html><head></head><body><table><tr><th>Review</th></tr></table>", "reviews.xls", "HTML"),
        ("\n <!DOCTYPE html>\n<html>", "reviews.csv", "HTML"),
        ("<table border=1><tr><td>Review</td></tr></table>", "reviews.xls", "HTML"),
        ("<div>Review</div>", "reviews.html", "HTML"),
        ('<?xml version="1.0"?>\n<reviews><review/></reviews>', "reviews.txt", "XML"),
        ("<reviews>\n<review><text>Good</text></review></reviews>", "reviews.csv", "XML"),
        ("{\\rtf1\\ansi Review\\par Good}", "reviews.csv", "RTF"),
        ("---\n- review: Good\n  stars: 5\n", "reviews.txt", "YAML"),
        ("- review: Good\n  stars: 5\n", "reviews", "YAML"),
        ("review: Good\n", "reviews.yml", "YAML"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_markup_is_refused_by_name_with_advice(text: str, filename: str, kind: str, encoding: str) -> None:
    for data, name in ((text.encode(encoding), filename), (gzip.compress(text.encode(encoding)), f"{filename}.gz")):
        with pytest.raises(InputError) as caught:
            look(data, name)
        assert (caught.value.code, kind in caught.value.message) == ("markup", True)


@pytest.mark.parametrize(
    "first", ["<br>Good so far", "<b>Nice</b> one", "<3 this lamp", "--- great ---", "- good: yes"]
)
def test_reviews_with_some_markup_are_no_document(first: str) -> None:
    assert look("\n".join([first, *(row[4] for row in make_rows())]).encode()).estimated_rows >= 60


def test_bombs_and_too_many_columns_are_limits() -> None:
    with pytest.raises(LimitError):
        look(gzip.compress(b"text\n" + b"a" * 50_000_000), "a.csv.gz")
    wide = b",".join(b"c%d" % n for n in range(11)) + b"\n" + b",".join(b"%d" % n for n in range(11)) + b"\n"
    assert len(look(wide, limits=ReadLimits(max_columns=11)).columns) == 11
    with pytest.raises(LimitError) as caught:
        look(wide, limits=ReadLimits(max_columns=10))
    assert caught.value.details == {"limit": "max_columns", "allowed": 10, "actual": 11}


def test_a_few_bad_bytes_do_not_make_a_file_windows_1252() -> None:
    rows = [[str(n), f"schön gefunden, Nummer {n}"] for n in range(50)]
    lines = as_csv([["id", "text"], *rows]).splitlines(keepends=True)
    lines[7] = b"7,bad \xff\xfe bytes\r\n"
    detected = look(b"".join(lines))
    assert detected.dialect.encoding == "utf-8"
    assert "1 row will be rejected (bytes that the file's encoding does not allow)." in detected.warnings
    assert sum("rejected" in warning for warning in detected.warnings) == 1
    ascii_with_rubbish = b"id,text\n" + b"1,all is well here\n" * 20 + b"2,bad \xff\xfe bytes\n"
    assert look(ascii_with_rubbish).dialect.encoding == "utf-8"
    assert look(b"id,text\n" + b"1,all is well here\n" * 20 + b"2,in the caf\xe9\n").dialect.encoding == "cp1252"


def test_other_formats() -> None:
    rows = make_rows()
    objects = [dict(zip(HEADER, row, strict=True)) for row in rows]
    lines = look("\n".join(map(json.dumps, objects)).encode(), "reviews.txt")
    assert (lines.dialect.format, names(lines)["text"]) == ("jsonl", "Text")
    packed = look(gzip.compress("\n".join(map(json.dumps, objects)).encode()), "reviews.jsonl.gz")
    assert (packed.dialect.format, packed.dialect.compression) == ("jsonl", "gzip")
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(objects), out)
    assert names(look(out.getvalue())) == names(lines)
    tabs = look(gzip.compress(as_csv([HEADER, *rows], delimiter="\t")), "reviews.tsv.gz")
    assert (tabs.dialect.delimiter, tabs.dialect.compression, tabs.estimated_rows) == ("\t", "gzip", 60)


def test_workbooks_with_and_without_header() -> None:
    import xlsxwriter

    rows = make_rows()
    for header in (True, False):
        out = io.BytesIO()
        with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
            sheet = book.add_worksheet()
            for place, row in enumerate([HEADER, *rows] if header else rows):
                sheet.write_row(place, 0, [int(cell) if cell.isdigit() else cell for cell in row])
        detected = look(out.getvalue(), "reviews.xlsx")
        assert detected.dialect.header is header
        assert detected.estimated_rows == 60
        assert detected.mapping is not None and detected.mapping.text == 4


def test_overrides_take_precedence_over_detection() -> None:
    data = as_csv([HEADER, *make_rows()])
    detected = look(data, mapping={"text": 3, "date": None, "rating_scale": 10}, dialect={"header": False})
    assert detected.dialect.header is False
    assert detected.mapping is not None
    assert (detected.mapping.text, detected.mapping.title, detected.mapping.date, detected.mapping.date_format) == (
        3,
        None,
        None,
        None,
    )
    assert detected.mapping.rating_scale == (1, 10)
    assert detected.mapping_reasons["text"] == "you chose it"
    ordered = look(data, mapping={"date_format": {"kind": "epoch_milliseconds"}})
    assert ordered.mapping is not None and ordered.mapping.date_format is not None
    assert ordered.mapping.date_format.kind == "epoch_milliseconds"
    assert look(data, encoding="cp1252").dialect.encoding == "cp1252"


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"mapping": {"text": 6}}, "no-such-column"),
        ({"mapping": {"text": None}}, "no-text-column"),
        ({"mapping": {"rating_scale": -1}}, "invalid-override"),
        ({"dialect": {"delimiter": "x"}}, "invalid-override"),
        ({"dialect": {"colour": "red"}}, "unknown-override"),
        ({"mapping": {"colour": 1}}, "unknown-override"),
        ({"mapping": {"further_texts": [9]}}, "no-such-column"),
        ({"mapping": {"further_texts": [True]}}, "no-such-column"),
        ({"mapping": {"text": 4, "further_texts": [4]}}, "column-chosen-twice"),
        ({"mapping": {"further_texts": [3, 3]}}, "column-chosen-twice"),
        ({"mapping": {"title": 3, "further_texts": [3]}}, "column-chosen-twice"),
        ({"mapping": {"further_texts": 3}}, "invalid-override"),
        ({"mapping": {"read_texts": "some"}}, "invalid-override"),
    ],
)
def test_invalid_overrides(overrides: dict[str, Any], code: str) -> None:
    with pytest.raises(InputError) as caught:
        look(as_csv([HEADER, *make_rows()]), **overrides)
    assert caught.value.code == code


SURVEY = ["How satisfied are you?", "What did you like?", "What can we improve?", "Any other comments?", "Headline"]
ANSWERS = [[str(number % 5 + 1), row[4], row[3] * 2, row[4][::-1], row[3]] for number, row in enumerate(make_rows())]


@pytest.mark.parametrize(
    ("mapping", "texts", "others"),
    [
        ({"rating": 0}, (1, 2, 3), {"title": 4, "rating": 0}),
        ({"text": 3}, (3,), {"title": 4}),
        ({"text": 3, "further_texts": [1]}, (3, 1), {"title": 4}),
        ({"further_texts": [2]}, (1, 2), {"title": 4}),
        ({"further_texts": []}, (1,), {"title": 4}),
        ({"further_texts": [4]}, (1, 4), {"title": None}),
        ({"title": 2}, (1, 3), {"title": 2}),
        ({"title": 1}, (2, 3), {"title": 1}),
        ({"text": 1, "further_texts": [0]}, (1, 0), {"rating": None}),
    ],
)
def test_text_columns_can_be_chosen(mapping: dict[str, Any], texts: tuple[int, ...], others: dict[str, Any]) -> None:
    detected = look(as_csv([SURVEY, *ANSWERS]), mapping=mapping)
    assert detected.mapping is not None
    assert detected.mapping.texts == texts
    assert {role: getattr(detected.mapping, role) for role in others} == others
    assert ("further_texts" in detected.mapping_reasons) == (len(texts) > 1)


def test_ambiguous_dates_give_a_warning_and_can_be_changed() -> None:
    rows = [[f"{n % 12 + 1}/{n % 11 + 1}/2021", text] for n, text in enumerate(row[4] for row in make_rows())]
    data = as_csv([["Date", "Review"], *rows])
    detected = look(data)
    assert detected.mapping is not None and detected.mapping.date_format is not None
    assert detected.mapping.date_format.ambiguous
    assert any("month first" in warning and "2021-01-01" in warning for warning in detected.warnings)
    form = {"kind": "numeric", "order": "day_first"}
    changed = look(data, mapping={"date_format": form})
    assert changed.mapping is not None and changed.mapping.date_format is not None
    assert changed.mapping.date_format.order == "day_first"


def test_no_text_column() -> None:
    detected = look(b"id,stars\n" + b"".join(b"%d,%d\n" % (n, n % 5 + 1) for n in range(30)))
    assert detected.mapping is None
    assert detected.warnings == ["No column looks like review text. Choose the column that holds it."]


def test_duplicate_headers_and_collisions_give_a_warning() -> None:
    detected = look(b"text,rating,Rating,rating,sentiment\n" + b"good enough to buy it again,5,4,3,x\n" * 30)
    assert [column.served_name for column in detected.columns] == [
        "text",
        "rating",
        "Rating_original",
        "rating_2",
        "sentiment_original",
    ]
    assert len([warning for warning in detected.warnings if "is already used" in warning]) == 3


def test_rows_of_a_large_file_are_estimated(tmp_path: os.PathLike[str]) -> None:
    rows = make_rows(1000)
    body = as_csv(rows)
    data = as_csv([HEADER]) + body * (17_000_000 // len(body) + 1)
    true = 1000 * (17_000_000 // len(body) + 1)
    assert abs(look(data).estimated_rows - true) < 0.02 * true


def test_rows_of_parquet_are_counted_without_reading_them() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [f"{row[4]} {n}" for n, row in enumerate(make_rows(5000))]}), out)
    detected = look(out.getvalue(), "reviews.parquet")
    assert detected.estimated_rows == 5000
    assert detected.warnings == []


def table(header: str, values: list[str]) -> bytes:
    """A file with texts and one other column."""
    texts = [row[4] for row in make_rows(len(values))]
    return as_csv([["Review", header], *([text, value] for text, value in zip(texts, values, strict=True))])


def test_the_first_date_is_shown_as_written_and_as_read() -> None:
    detected = look(table("Date", ["", "02/13/2024", *["2024-03-04"] * 30]))
    assert detected.first_date == FirstDate(raw="02/13/2024", read=date(2024, 2, 13))
    assert look(table("Colour", ["red", "blue"] * 10)).first_date is None


def test_relative_dates_count_from_the_day_of_the_upload() -> None:
    data = table("Date", ["3 days ago", "vor 2 Wochen"] * 10)
    detected = sniff(lambda: io.BytesIO(data), "a.csv", len(data), LIMITS, uploaded=date(2024, 3, 15))
    assert detected.first_date == FirstDate(raw="3 days ago", read=date(2024, 3, 12))
    assert any("2024-03-15, the day of the upload" in warning for warning in detected.warnings)


@pytest.mark.parametrize(
    ("role", "values", "warning"),
    [
        ("rating", ["blue", "red", "green"] * 10, "The ratings in “Colour” cannot be read and will be empty"),
        ("date", ["blue", "red", "green"] * 10, "No date format fits the values in “Colour”; the dates will be empty"),
    ],
)
def test_a_chosen_column_that_cannot_be_read_is_reported(role: str, values: list[str], warning: str) -> None:
    detected = look(table("Colour", values), mapping={role: 1})
    assert f"{warning}, for example 'blue', 'red', 'green'." in detected.warnings


def test_both_ends_of_the_scale_can_be_chosen() -> None:
    data = table("Rating", ["1", "5", "3"] * 10)
    for chosen, scale in (([0, 6], (0, 6)), (10, (1, 10)), (100, (0, 100)), (None, (1, 5))):
        detected = look(data, mapping={"rating_scale": chosen})
        assert detected.mapping is not None and detected.mapping.rating_scale == scale
    with pytest.raises(InputError, match="Invalid choice"):
        look(data, mapping={"rating_scale": [5, 5]})


def test_a_chosen_column_of_yes_and_no_is_a_rating() -> None:
    detected = look(table("Again?", ["yes", "no"] * 10), mapping={"rating": 1})
    assert detected.mapping is not None
    assert (detected.mapping.rating_words["no"], detected.mapping.rating_words["yes"]) == (1, 2)
    assert detected.mapping.rating_scale == (1, 2)
