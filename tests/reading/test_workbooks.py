"""Workbooks of every format: the sheet with the reviews is found, others are named, and sheets can be read as one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from reviewlens.contracts.tables import Dialect, FileFormat
from reviewlens.errors import InputError, LimitError
from reviewlens.reading.reader import Position, ReadLimits, read_columns, read_records
from reviewlens.reading.workbook_checks import is_locked
from tests.reading.reading_help import LIMITS, bad, good, look, names, read, reader
from tests.reading.workbooks_help import Cell, Sheets, archive, compound_file, ods, xls, xlsb, xlsx

TEXT = "The kettle boils fast and looks lovely on the counter"
HEADER: list[Cell] = ["Product", "Review", "Rating"]


def month(first: int, count: int = 40) -> list[list[Cell]]:
    """Return a header and `count` reviews."""
    return [HEADER, *([f"P{n % 3}", f"{TEXT}. No. {n}", float(n % 5 + 1)] for n in range(first, first + count))]


ABOUT: list[list[Cell]] = [["About this workbook"], ["Exported by support"]]


@pytest.mark.parametrize("write", [xlsx, xlsb, xls, ods])
def test_every_format_is_recognised_by_its_content(write: Callable[[Sheets], bytes]) -> None:
    data = write({"Reviews": [["Customer feedback report"], [], *month(0), ["Total", None, 120.0]]})
    detected = look(data, "reviews.bin")
    assert detected.dialect.format == write.__name__
    assert (detected.dialect.sheet, detected.dialect.header_row) == ("Reviews", 3)
    assert names(detected) == {"product": "Product", "text": "Review", "rating": "Rating"}
    found = reader(data, **detected.dialect.model_dump())
    rows = list(found)
    assert good(rows)[:2] == [["P0", f"{TEXT}. No. 0", "1"], ["P1", f"{TEXT}. No. 1", "2"]]
    assert len(good(rows)) == 40
    assert [row.reason for row in bad(rows)] == ["total-row"]
    assert found.ledger.as_dict() == {
        "bytes_total": 44,
        "header_bytes": 2,
        "record_bytes": 40,
        "blank_bytes": 1,
        "rejected_bytes": 1,
    }


@pytest.mark.parametrize("write", [xlsx, xlsb, xls, ods])
def test_the_sheet_with_the_reviews_is_found_and_the_others_are_named(write: Callable[[Sheets], bytes]) -> None:
    detected = look(write({"Summary": ABOUT, "Reviews": month(0), "Empty": [[]]}), "reviews.bin")
    assert detected.dialect.sheet == "Reviews"
    assert detected.estimated_rows == 40
    assert [(sheet.name, sheet.rows, sheet.hidden) for sheet in detected.sheets] == [
        ("Summary", 2, False),
        ("Reviews", 40, False),
        ("Empty", 0, False),
    ]
    assert [warning for warning in detected.warnings if "read" in warning] == [
        "Only “Reviews” is read. “Summary” (2 rows) is not read. Choose the sheet if this is wrong."
    ]


def test_a_hidden_sheet_is_named_and_not_taken() -> None:
    shown: list[list[Cell]] = [["Comment", "Stars"], *([f"{TEXT} {n}", 5.0] for n in range(10))]
    data = xlsx({"Raw": month(0), "Shown": shown}, hidden="Raw")
    detected = look(data, "reviews.xlsx")
    assert detected.dialect.sheet == "Shown"
    assert [sheet.hidden for sheet in detected.sheets] == [True, False]
    assert any("“Raw” (hidden, 40 rows)" in warning for warning in detected.warnings)
    chosen = look(data, "reviews.xlsx", dialect={"sheet": "Raw"})
    assert (chosen.dialect.sheet, chosen.estimated_rows) == ("Raw", 40)
    assert any("although the workbook hides it" in warning for warning in chosen.warnings)
    only_hidden = look(xlsx({"Raw": month(0), "Notes": [["Nothing"]]}, hidden="Raw"), "reviews.xlsx")
    assert only_hidden.dialect.sheet == "Raw"


def test_a_sheet_can_be_chosen() -> None:
    data = xlsx({"Reviews": month(0), "Other": month(100, 5)})
    assert look(data, "reviews.xlsx", dialect={"sheet": "Other"}).estimated_rows == 5
    with pytest.raises(InputError, match=r"no sheet “Nowhere”\. It has “Reviews”, “Other”") as caught:
        look(data, "reviews.xlsx", dialect={"sheet": "Nowhere"})
    assert caught.value.code == "no-such-sheet"


def test_sheets_with_the_same_columns_are_read_as_one() -> None:
    sheets = {
        "About": ABOUT,
        "Jan": [["January"], [], *month(0, 20)],
        "Feb": month(20, 30),
        "Old": [["Notes", "Who"], ["Some other words", "me"]],
    }
    data = xlsx(sheets)
    detected = look(data, "reviews.xlsx")
    assert detected.dialect.sheet == "Feb"
    assert [sheet.name for sheet in detected.sheets if sheet.same_columns] == ["Jan", "Feb"]
    assert any("“Jan” (20 rows) has the same columns as “Feb”." in warning for warning in detected.warnings)
    joined = look(data, "reviews.xlsx", dialect={"sheet": "*"})
    assert joined.dialect.sheet == ("Jan", "Feb")
    assert joined.estimated_rows == 50
    assert look(data, "reviews.xlsx", dialect={"sheet": ["Feb", "Jan"]}).dialect.sheet == ("Feb", "Jan")
    dialect = Dialect.model_validate_json(joined.dialect.model_dump_json())
    assert dialect == joined.dialect
    assert read_columns(io.BytesIO(data), dialect, LIMITS) == [*HEADER, "sheet"]
    found = read_records(io.BytesIO(data), dialect, 4, LIMITS)
    rows = list(found)
    assert [row[3] for row in good(rows)] == ["Jan"] * 20 + ["Feb"] * 30
    assert [row.row for row in rows] == list(range(1, 51))
    assert [row[1] for row in good(rows)] == [f"{TEXT}. No. {n}" for n in range(50)]
    assert found.ledger.as_dict() == {
        "bytes_total": 54,
        "header_bytes": 3,
        "record_bytes": 50,
        "blank_bytes": 1,
        "rejected_bytes": 0,
    }
    begun = read_records(io.BytesIO(data), dialect, 4, LIMITS)
    for _ in range(25):
        next(begun)
    position = Position.from_json(begun.position.to_json())
    assert list(read_records(io.BytesIO(data), dialect, 4, LIMITS, resume_at=position)) == rows[25:]
    with pytest.raises(InputError) as caught:
        look(data, "reviews.xlsx", dialect={"sheet": ["Feb", "Old"]})
    assert caught.value.code == "sheets-differ"


def test_the_name_of_the_sheet_is_the_last_column_of_sheets_read_as_one() -> None:
    rows = [[*row, "x"] for row in month(0, 3)]
    rows[0][3] = "Sheet"
    data = xlsx({"Jan": rows, "Feb": [*rows, ["Lamp", TEXT, 1.0]], "Mar": [["Nothing"]]})
    detected = look(data, "reviews.xlsx", dialect={"sheet": "*"})
    assert [column.served_name for column in detected.columns] == [*HEADER, "Sheet", "sheet_original"]
    assert detected.mapping is not None and detected.mapping.product == 0
    assert [row[3:] for row in detected.preview] == [["x", "Jan"]] * 3 + [["x", "Feb"]] * 3 + [["", "Feb"]]
    assert [column.name for column in look(data, "reviews.xlsx", sheet="Jan").columns] == [*HEADER, "Sheet"]
    assert len(look(data, "reviews.xlsx", sheet=["Jan"]).columns) == 4


def test_merged_cells_carry_down() -> None:
    rows: list[list[Cell]] = [HEADER, *([None, f"{TEXT}. No. {n}", 5.0] for n in range(4)), [], ["Lamp", TEXT, 1.0]]
    data = xlsx({"Reviews": rows}, merged=("Reviews", "A2:A6", "Kettle"))
    assert good(read(data, format="xlsx")) == [
        *(["Kettle", f"{TEXT}. No. {n}", "5"] for n in range(4)),
        ["Lamp", TEXT, "1"],
    ]
    title = xlsx({"Reviews": [[None], *month(0)]}, merged=("Reviews", "A1:C1", "Customer feedback"))
    assert (look(title, "a.xlsx").dialect.header_row, look(title, "a.xlsx").estimated_rows) == (2, 40)


def test_old_dialects_read_the_first_sheet() -> None:
    data = xlsx({"Reviews": [[], *month(0, 3)], "More": month(3)})
    dialect = Dialect.model_validate({"format": "xlsx", "header": True})
    assert read_columns(io.BytesIO(data), dialect, LIMITS) == HEADER
    assert len(read(data, format=FileFormat.XLSX)) == 3


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (
            archive({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<office/>"}),
            "corrupt-ods",
            "damaged OpenDocument",
        ),
        (ods({"A": month(0)})[:-300], "corrupt-xlsx", "damaged or incomplete"),
        (xlsb({"A": month(0)})[:-300], "corrupt-xlsx", "damaged or incomplete"),
        (xls({"A": month(0)})[:1500], "old-excel", "old Excel"),
        (xls({"A": month(0)}).replace(b"W\0o\0r\0k\0", b"D\0o\0c\0k\0"), "old-excel", "another kind of Office"),
        (compound_file(bytes(4096), "EncryptedPackage"), "locked-workbook", "with a password"),
        (compound_file(bytes(4096), "EncryptedPackage", others=9), "locked-workbook", "with a password"),
        (compound_file(bytes(4096), "PowerPoint Document", others=9), "old-excel", "another kind of Office"),
        (compound_file(b"EncryptedPackage".hex().encode() * 128, "Mail"), "old-excel", "another kind of Office"),
        (archive({"mimetype": "application/vnd.oasis.opendocument.text"}), "zip-archive", "not a workbook"),
        (xlsx({"A": [[]], "B": [[]]}), "empty-file", "empty"),
    ],
)
def test_workbooks_that_cannot_be_read(data: bytes, code: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        look(data, "reviews")
    assert caught.value.code == code


def test_the_search_for_a_password_ends_in_a_directory_that_goes_in_a_circle() -> None:
    file = compound_file(bytes(4096), "EncryptedPackage", others=9)
    assert is_locked(io.BytesIO(file))
    assert not is_locked(io.BytesIO(file[:516] + b"\x01\x00\x00\x00" + file[520:]))
    assert not is_locked(io.BytesIO(file[:600]))


@pytest.mark.parametrize("write", [xlsb, ods])
def test_the_limits_of_archives_hold_for_every_format(write: Callable[[Sheets], bytes]) -> None:
    data = write({"Reviews": month(0)})
    with pytest.raises(LimitError) as caught:
        look(data, "a", limits=ReadLimits(max_unpacked_bytes=1000))
    assert caught.value.details["limit"] == "max_unpacked_bytes"


@pytest.mark.parametrize("write", [xlsx, xlsb, xls, ods])
def test_a_sheet_with_too_many_columns(write: Callable[[Sheets], bytes]) -> None:
    wide: list[list[Cell]] = [[f"c{n}" for n in range(20)], [float(n) for n in range(20)]]
    assert look(write({"Wide": wide, "Reviews": month(0)}), "a", limits=ReadLimits(max_columns=5)).estimated_rows == 40
    with pytest.raises(LimitError) as caught:
        look(write({"Wide": wide}), "a", limits=ReadLimits(max_columns=5))
    assert caught.value.code == "too-many-columns"


@pytest.mark.parametrize(
    ("rows", "columns", "fits"), [(3, 2, True), (1000, 16, True), (2000, 16_384, False), (1_000_000, 500, False)]
)
def test_repeated_cells_of_opendocument_are_counted(rows: int, columns: int, fits: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(ods({"Reviews": [["review", TEXT]]}))) as packed:
        parts: dict[str, str | bytes] = {name: packed.read(name) for name in packed.namelist()}
    content = packed_content(parts["content.xml"], rows, columns)
    data = archive({**parts, "content.xml": content})
    if fits:
        assert len(read(data, format="ods", header=False)) == rows
        return
    with pytest.raises(LimitError) as caught:
        look(data, "a.ods")
    assert caught.value.details["limit"] == "max_compression_ratio"


def packed_content(content: str | bytes, rows: int, columns: int) -> str:
    """Repeat the row and its last cell."""
    text = content if isinstance(content, str) else content.decode()
    row, cell = "<table:table-row>", "<table:table-cell "
    text = text.replace(row, f'{row[:-1]} table:number-rows-repeated="{rows}">')
    head, _, tail = text.rpartition(cell)
    return f'{head}{cell}table:number-columns-repeated="{columns}" {tail}'
