"""What a workbook and a Parquet file would become in memory is known before it is built."""

from __future__ import annotations

import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reviewlens.errors import InputError, LimitError
from reviewlens.reading.parquet import ParquetReader, open_parquet
from reviewlens.reading.records import Position, ReadLimits
from reviewlens.reading.sheet_scan import (
    SheetFacts,
    check_text,
    column_letters,
    column_number,
    is_sheet,
    scan_sheet,
    without_strays,
)
from reviewlens.reading.xlsx import Workbook
from tests.reading import workbooks_help as workbooks

LIMITS = ReadLimits()


def cells(*references: str, quote: str = '"', prefix: str = "") -> bytes:
    return "".join(
        f"<{prefix}c r={quote}{each}{quote}><{prefix}v>1</{prefix}v></{prefix}c>" for each in references
    ).encode()


@pytest.mark.parametrize(
    ("name", "number"), [("A", 0), ("Z", 25), ("AA", 26), ("ZZ", 701), ("AAA", 702), ("XFD", 16383)]
)
def test_names_of_columns(name, number):
    assert (column_number(name.encode()), column_letters(number)) == (number, name)


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
@pytest.mark.parametrize(("quote", "prefix"), [('"', ""), ("'", "x:")])
def test_a_sheet_is_counted_however_its_xml_is_cut(size, quote, prefix):
    data = cells("A1", "B1", "C1", "A2", "AB7", quote=quote, prefix=prefix)
    facts = scan_sheet([data[start : start + size] for start in range(0, len(data), size)], LIMITS)
    assert (facts.cells, facts.last_row, facts.width) == (5, 7, 28)
    assert facts.columns == {0: 2, 1: 1, 2: 1, 27: 1}
    assert facts.stray_from is None


def test_few_cells_right_of_a_gap_are_strays_and_many_are_not():
    rows = [f"{column}{row}" for row in range(1, 21) for column in "AB"]
    facts = scan_sheet([cells(*rows, "XFD9", "CA3")], LIMITS)
    assert (facts.stray_from, facts.width) == (78, 2)
    assert scan_sheet([cells(*rows, "AZ9")], LIMITS).stray_from is None  # a gap of less than 50 columns
    table = [f"CA{row}" for row in range(1, 21)]
    facts = scan_sheet([cells(*rows, *table)], LIMITS)
    assert (facts.stray_from, facts.width) == (None, 79)
    assert scan_sheet([cells("BZ1", "BZ2")], LIMITS).stray_from is None
    assert SheetFacts().width == 0


def test_a_sheet_that_would_be_mostly_empty_is_refused():
    with pytest.raises(LimitError, match="1,048,576 rows and 26 columns") as error:
        scan_sheet([cells("A1", "Z1048576")], LIMITS)
    assert error.value.code == "sheet-too-large"
    scan_sheet([cells("A1", "B1048576")], LIMITS)  # two million cells are no harm


def test_merged_ranges_may_not_outnumber_the_cells():
    ranges = b'<mergeCell ref="A1:A9"/>' * 1001
    with pytest.raises(LimitError) as error:
        scan_sheet([cells("A1"), ranges], LIMITS)
    assert error.value.code == "too-many-merged-ranges"
    scan_sheet([cells(*(f"A{row}" for row in range(1, 1002))), ranges], LIMITS)


def test_parts_with_sheets():
    assert is_sheet("xl/worksheets/sheet1.xml")
    assert not is_sheet("xl/worksheets/_rels/sheet1.xml.rels")


@pytest.mark.parametrize(("length", "uses", "refused"), [(400_000, 2000, True), (400_000, 20, False), (3, 2000, False)])
def test_shared_strings_count_at_each_use(length, uses, refused):
    sheet = "".join(f'<c r="A{row}" t="s"><v>1</v></c>' for row in range(1, uses + 1))
    packed = workbooks.archive(
        {"xl/sharedStrings.xml": f"<sst><si><t>a</t></si><si><t>{'b' * length}</t></si></sst>", "sheet": sheet}
    )
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        sheets = {"sheet": scan_sheet([sheet.encode()], LIMITS)}
        if not refused:
            check_text(archive, sheets)
            return
        with pytest.raises(LimitError, match=r"800\.0 MB") as error:
            check_text(archive, sheets)
        assert error.value.code == "too-much-text"


def test_a_workbook_without_shared_strings_has_no_such_text():
    with zipfile.ZipFile(io.BytesIO(workbooks.archive({"sheet": "<c/>"}))) as archive:
        check_text(archive, {"sheet": SheetFacts(cells=1)})


def test_stray_cells_are_not_read_and_everything_else_is():
    rows: list[list[str | float | None]] = [["Review", "Stars"], *([f"works {row}", 5.0] for row in range(40))]
    plain = workbooks.xlsx({"Reviews": rows, "Other": [["x", 1.0]]})
    far = [list(row) for row in rows]
    far[7] += [None] * 300 + ["stray"]
    far[9] += [None] * 300 + [7.0]
    workbook = Workbook(io.BytesIO(workbooks.xlsx({"Reviews": far, "Other": [["x", 1.0]]})), LIMITS)
    assert workbook.stray_column == "KQ"
    whole = Workbook(io.BytesIO(plain), LIMITS)
    assert whole.stray_column == ""
    assert [workbook.rows(name) for name in workbook.names] == [whole.rows(name) for name in whole.names]


def test_a_workbook_without_strays_keeps_its_parts():
    content = workbooks.xlsx({"Reviews": [["Review"]]})
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(without_strays(io.BytesIO(content), {})) as after,
    ):
        assert {name: before.read(name) for name in before.namelist()} == {
            name: after.read(name) for name in after.namelist()
        }


def parquet(table: pa.Table) -> io.BytesIO:
    out = io.BytesIO()
    pq.write_table(table, out)
    out.seek(0)
    return out


def test_a_parquet_file_with_too_many_rows_is_refused_by_its_footer():
    with pytest.raises(LimitError) as error:
        open_parquet(parquet(pa.table({"a": pa.nulls(101, pa.string())})), ReadLimits(max_rows=100))
    assert (error.value.code, error.value.details["actual"]) == ("too-many-rows", 101)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.int64()])
def test_dictionaries_count_with_every_use(kind):
    values = pa.array(["7" * 10] * 2).cast(kind)
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1] * 250, pa.int32()), values)
    reader = ParquetReader(parquet(pa.table({"a": column})), LIMITS, Position())
    items = [item for block in reader.blocks() for item in block]
    assert len(items) == 1000
    assert 6000 <= reader._decoded_bytes <= 8500


def test_decoded_text_is_limited_and_estimated_from_the_first_rows():
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 4000, pa.int32()), pa.array(["x" * 1000]))
    reader = ParquetReader(parquet(pa.table({"a": column})), ReadLimits(max_unpacked_bytes=1_500_000), Position())
    with pytest.raises(LimitError) as error:
        next(reader.blocks())
    assert error.value.code == "unpacked-too-large"


def test_a_batch_of_long_texts_is_converted_in_parts(monkeypatch):
    monkeypatch.setattr("reviewlens.reading.parquet._BATCH_BYTES", 1000)
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 10, pa.int32()), pa.array(["x" * 300]))
    reader = ParquetReader(parquet(pa.table({"a": column})), LIMITS, Position(offset=4, row=5))
    blocks = [[item.row for item in block] for block in reader.blocks()]
    assert [row for block in blocks for row in block] == [5, 6, 7, 8, 9, 10]
    assert max(map(len, blocks)) <= 3


def test_memory_that_runs_out_is_no_damage(monkeypatch):
    reader = ParquetReader(parquet(pa.table({"a": ["x"]})), LIMITS, Position())

    def fail(*arguments: object, **options: object) -> None:
        raise pa.lib.ArrowMemoryError("malloc failed")

    monkeypatch.setattr(reader, "_items", fail)
    with pytest.raises(MemoryError):
        list(reader.blocks())
    monkeypatch.setattr(reader, "_items", lambda *_: (_ for _ in ()).throw(pa.ArrowInvalid("damaged")))
    with pytest.raises(InputError):
        list(reader.blocks())
