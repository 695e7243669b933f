"""Files that are made to end or to fill the process that parses them are refused in words; the backend goes on."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from contextlib import contextmanager

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reviewlens.sandbox.worker import Worker
from tests.backend.conftest import BackendApp, make_backend_app
from tests.backend.mutations import FORMATS, mutated
from tests.reading import workbooks_help as workbooks
from tests.timing import wait_until

MAX_BYTES = 1_500_000_000
backend_with = contextmanager(make_backend_app)
_SHEET = "xl/worksheets/sheet1.xml"


def _workbook(cells: str, after: str = "", strings: str = "") -> bytes:
    """A workbook whose first sheet has exactly these cells in XML."""
    book = workbooks.xlsx({"Reviews": [["Review", 1]]})
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts: dict[str, str | bytes] = {part.filename: archive.read(part) for part in archive.infolist()}
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts[_SHEET] = f'<worksheet xmlns="{space}"><sheetData>{cells}</sheetData>{after}</worksheet>'
    if strings:
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{space}">{strings}</sst>'
    return workbooks.archive(parts)


def _corners(last: str) -> bytes:
    row = last.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return _workbook(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>Review</t></is></c></row>'
        f'<row r="{row}"><c r="{last}"><v>1</v></c></row>'
    )


def _evading_corner() -> bytes:
    """The same with spaces that the scan does not expect."""
    return _workbook('<row r="1"><c r = "A1"><v>1</v></c></row><row r="1048576"><c r = "XFD1048576"><v>1</v></c></row>')


def _shared_string() -> bytes:
    """5,000 cells with the same string of 200 kB."""
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 5001))
    return _workbook(cells, strings=f"<si><t>{'large ' * 33_000}</t></si>")


def _merged() -> bytes:
    ranges = '<mergeCell ref="A1:A1048576"/>' * 2000
    return _workbook('<row r="1"><c r="A1"><v>1</v></c></row>', f"<mergeCells>{ranges}</mergeCells>")


def _xlsb_corner() -> bytes:
    rows: list[list[str | float | None]] = [["Review", "Stars"]]
    book = workbooks.xlsb({"Reviews": [*rows, ["works", 1.0]]})
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts: dict[str, str | bytes] = {part.filename: archive.read(part) for part in archive.infolist()}
    sheet = parts["xl/worksheets/sheet1.bin"]
    assert isinstance(sheet, bytes)
    second_row = b"\x00\x11" + (1).to_bytes(4, "little")
    last_column = b"\x05\x10" + (1).to_bytes(4, "little")
    assert sheet.count(second_row) == 1
    assert sheet.count(last_column) == 1
    sheet = sheet.replace(second_row, second_row[:2] + (1_048_575).to_bytes(4, "little"))
    parts["xl/worksheets/sheet1.bin"] = sheet.replace(last_column, last_column[:2] + (16_383).to_bytes(4, "little"))
    return workbooks.archive(parts)


def _circular_sectors() -> bytes:
    """An old workbook whose directory is a chain of sectors that runs in a circle."""
    file = workbooks.compound_file(bytes(4096), "Mail", others=9)
    return file[:516] + (1).to_bytes(4, "little") + file[520:]


def _parquet(columns: dict[str, pa.Array]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def _one_text_in(rows: int, chars: int, *, encoded: bool = True) -> bytes:
    values = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * chars]))
    return _parquet({"Review": values if encoded else values.cast(pa.string())})


def _huge_lines() -> bytes:
    """Some 30 MB in lines of 900 kB that compress badly enough."""
    line = "".join(f"{number} " for number in range(130_000))[:900_000]
    return gzip.compress(b"Review,Stars\n" + b"".join(b'"%d %s",5\n' % (n, line.encode()) for n in range(33)), 6)


HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "last cell of a sheet": ("a.xlsx", lambda: _corners("XFD1048576"), "sheet-too-large"),
    "far cell": ("a.xlsx", lambda: _corners("NTP100000"), "sheet-too-large"),
    "far cell in unusual XML": ("a.xlsx", _evading_corner, "file-damaged"),
    "last cell in XLSB": ("a.xlsb", _xlsb_corner, "file-damaged"),
    "circle of sectors": ("a.xls", _circular_sectors, "file-damaged"),
    "shared string": ("a.xlsx", _shared_string, "too-much-text"),
    "merged ranges": ("a.xlsx", _merged, "too-many-merged-ranges"),
    "one text in a million rows": ("a.parquet", lambda: _one_text_in(1_000_000, 90_000), "unpacked-too-large"),
    "one long text": ("a.parquet", lambda: _one_text_in(2000, 900_000), "compression-ratio"),
    "one long text as plain strings": (
        "a.parquet",
        lambda: _one_text_in(600, 900_000, encoded=False),
        "file-too-complex",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_words_and_nothing_else_ends(backend_app, name):
    filename, make, code = HOSTILE[name]
    user = f"user{list(HOSTILE).index(name)}"
    headers = backend_app.as_(user)
    backend_app.upload(user)
    content = make()
    before = psutil.Process().memory_info().rss
    answer = backend_app.client.post(f"/uploads?filename={filename}", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert "save" in answer.json()["detail"].lower() or "split" in answer.json()["detail"].lower()
    assert psutil.Process().memory_info().rss - before < 100_000_000
    wait_until(lambda: backend_app.client.get("/readyz").status_code == 200)
    backend_app.upload(user)
    assert len(backend_app.platform.uploads.ids(backend_app.subject(user))) == 2


def test_fifty_thousand_reviews_with_a_stray_cell_far_to_the_right_are_read(tmp_path):
    cells = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>Works well {row}</t></is></c><c r="B{row}"><v>5</v></c>'
        + (f'<c r="XFD{row}"><v>1</v></c>' if row == 777 else "")
        + "</row>"
        for row in range(1, 50_001)
    )
    with backend_with(tmp_path, max_upload_bytes=2_000_000) as backend_app:
        upload = backend_app.upload(content=_workbook(cells), filename="reviews.xlsx")
        assert upload["sniffed"]["estimated_rows"] == 50_000
        assert len(upload["sniffed"]["columns"]) == 2
        assert [each["code"] for each in upload["sniffed"]["coded_warnings"]] == ["stray-cells"]
        detected = backend_app.client.get(f"/uploads/{upload['upload_id']}/detected", headers=backend_app.as_("ana"))
        assert detected.json()["rows"] == 50_000


def test_the_preview_of_huge_fields_is_short_and_memory_is_bounded(tmp_path):
    with backend_with(tmp_path, max_upload_bytes=20_000_000) as backend_app:
        answer = backend_app.client.post(
            "/uploads?filename=a.csv.gz", content=_huge_lines(), headers=backend_app.as_("ana")
        )
        assert answer.status_code == 201, answer.text
        assert len(answer.content) < 100_000
        assert max(len(field) for row in answer.json()["sniffed"]["preview"] for field in row) == 200
        assert all(_peak_bytes(worker) < 800_000_000 for worker in backend_app.platform.sandbox._idle)


def _fuzz(backend_app: BackendApp, name: str, seeds: range) -> None:
    """Every mutated file is answered with an upload or a refusal, within the limits, and the pool is as it was."""
    filename, make = FORMATS[name]
    content, headers = make(), backend_app.as_("ana")
    assert backend_app.client.post(f"/uploads?filename={filename}", content=content, headers=headers).status_code == 201
    for seed in seeds:
        answer = backend_app.client.post(
            f"/uploads?filename={filename}", content=mutated(content, seed), headers=headers
        )
        assert answer.status_code in (201, 422), (name, seed, answer.text)
        if answer.status_code == 201:
            detected = backend_app.client.get(f"/uploads/{answer.json()['upload_id']}/detected", headers=headers)
            assert detected.status_code in (200, 422), (name, seed, detected.text)
        sizes = [psutil.Process().memory_info().rss, *map(_peak_bytes, backend_app.platform.sandbox._idle)]
        assert max(sizes) < MAX_BYTES, (name, seed)
    wait_until(lambda: backend_app.client.get("/readyz").status_code == 200)


def _peak_bytes(worker: Worker) -> int:
    return worker.peak_bytes


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_read_or_refused(backend_app, name):
    _fuzz(backend_app, name, range(20))


@pytest.mark.minutes
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", FORMATS)
def test_five_thousand_mutated_files_are_read_or_refused(backend_app, name):
    _fuzz(backend_app, name, range(20, 5020))
