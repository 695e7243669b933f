"""gzip, JSON Lines, Parquet and Excel: values, resuming, damaged files and limits."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from reviewlens.contracts.tables import Dialect, FileFormat
from reviewlens.errors import InputError, LimitError
from reviewlens.reading.reader import Position, ReadLimits, Record, read_columns, read_records
from tests.reading.reading_help import LIMITS, bad, good, look, read, reader

CSV = b"id,text\n" + b"".join(b"%d,review number %d\n" % (n, n * n) for n in range(50_000))


def test_gzip_reads_like_the_plain_file_and_resumes() -> None:
    packed = gzip.compress(CSV)
    rows = read(packed, compression="gzip")
    assert rows == read(CSV)
    start = reader(packed, compression="gzip")
    for _ in range(40_000):
        next(start)
    rest = read_records(io.BytesIO(packed), Dialect(compression="gzip"), 2, LIMITS, resume_at=start.position)
    assert list(rest) == rows[40_000:]


def test_gzip_of_several_members_and_padding() -> None:
    packed = gzip.compress(b"id,text\n1,a\n") + gzip.compress(b"2,b\n") + b"\x00" * 100
    assert good(read(packed, compression="gzip")) == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(CSV)[:-9],
        gzip.compress(CSV)[:2000],
        gzip.compress(CSV)[:3000] + b"\xff" * 40 + gzip.compress(CSV)[3040:],
        gzip.compress(b"id,text\n") + b"something else",
    ],
)
def test_damaged_gzip_is_an_error_not_a_shorter_file(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        list(reader(data, 2, compression="gzip"))
    assert caught.value.code == "corrupt-gzip"


def test_gzip_bomb_is_stopped_while_it_unpacks() -> None:
    bomb = gzip.compress(b"0" * 300_000_000, 9)
    tracemalloc.start()
    with pytest.raises(LimitError) as caught:
        list(reader(bomb, 1, compression="gzip", header=False))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.details["limit"] == "max_compression_ratio"
    assert peak < 100_000_000


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize(("spare", "fits"), [(1, True), (0, True), (-1, False)])
def test_unpacked_size_limit_below_at_and_above(compression: str, spare: int, fits: bool) -> None:
    data = gzip.compress(CSV) if compression == "gzip" else CSV
    limits = ReadLimits(max_unpacked_bytes=len(CSV) + spare)
    if fits:
        assert len(read(data, 2, limits=limits, compression=compression)) == 50_000
        return
    with pytest.raises(LimitError) as caught:
        list(reader(data, 2, limits=limits, compression=compression))
    assert caught.value.details["limit"] == "max_unpacked_bytes"


def _zip(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name if "/" in name else name.replace("__", "."), data)
    return out.getvalue()


def test_the_only_text_file_of_a_zip_archive_reads_like_the_plain_file_and_resumes() -> None:
    packed = _zip(**{"export/reviews.csv": CSV, "readme.pdf": b"%PDF", "__MACOSX/._reviews.csv": b"x"})
    detected = look(packed, "reviews.zip")
    assert (detected.dialect.compression, detected.dialect.member) == ("zip", "export/reviews.csv")
    rows = read(packed, **detected.dialect.model_dump())
    assert rows == read(CSV)
    start = reader(packed, **detected.dialect.model_dump())
    for _ in range(40_000):
        next(start)
    assert (
        list(read_records(io.BytesIO(packed), detected.dialect, 2, LIMITS, resume_at=start.position)) == rows[40_000:]
    )


def test_a_zip_archive_of_several_files_asks_which() -> None:
    packed = _zip(a__csv=CSV, b__json=b'[{"text": "Works well."}, {"text": "Broke."}]')
    with pytest.raises(InputError) as caught:
        look(packed, "reviews.zip")
    members = [{"name": "a.csv", "size_bytes": len(CSV)}, {"name": "b.json", "size_bytes": 45}]
    assert (caught.value.code, caught.value.details) == ("zip-members", {"members": members})
    assert "a.csv, b.json" in caught.value.message
    chosen = look(packed, "reviews.zip", member="a.csv")
    assert chosen.dialect.member == "a.csv"
    assert [member.model_dump() for member in chosen.members] == members
    assert look(packed, "reviews.zip", member="b.json").preview == [["Works well."], ["Broke."]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_zip(a__zip=_zip(a__csv=CSV)), "packed-twice"),
        (_zip(a__csv=_zip(a__csv=CSV)), "packed-twice"),
        (_zip(a__csv=gzip.compress(CSV)), "packed-twice"),
        (_zip(a__pdf=b"%PDF"), "zip-archive"),
        (_zip(a__csv=b""), "empty-file"),
        (_zip(a__csv=b"<html><body>"), "markup"),
        (_zip(a__csv=CSV)[:3000] + bytes(100) + _zip(a__csv=CSV)[3100:], "corrupt-zip"),
    ],
)
def test_zip_archives_that_cannot_be_read(data: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        look(data, "reviews.zip")
    assert caught.value.code == code


def test_zip_bomb_is_stopped_while_it_unpacks() -> None:
    with pytest.raises(LimitError) as caught:
        look(_zip(a__csv=b"0" * 50_000_000), "reviews.zip")
    assert caught.value.details["limit"] == "max_compression_ratio"


def test_json_lines() -> None:
    lines = [
        '{"text": "good", "stars": 5, "extra": {"a": [1, 2]}}',
        '{"text": "caf\\u00e9", "stars": 4.5, "verified": true}',
        "",
        '{"text": null, "stars": 5.0}',
        '{"text": "cut off',
        '["a", "b"]',
        '{"verified": false, "text": "half \\ud83d emoji and \\u0000 nul"}',
    ]
    data = "\n".join(lines).encode() + b'\n{"text": "\xff"}\n'
    assert read_columns(io.BytesIO(data), Dialect(format=FileFormat.JSONL), LIMITS) == [
        "text",
        "stars",
        "extra.a",
        "verified",
    ]
    found = reader(data, format="jsonl")
    rows = list(found)
    assert good(rows) == [
        ["good", "5", "[1, 2]", ""],
        ["café", "4.5", "", "true"],
        ["", "5.0", "", ""],
        ["half \ufffd emoji and  nul", "", "", "false"],
    ]
    assert [(row.row, row.reason) for row in bad(rows)] == [
        (4, "invalid-json"),
        (5, "not-an-object"),
        (7, "undecodable-bytes"),
    ]
    assert bad(rows)[0].raw == '{"text": "cut off'
    assert sum(found.ledger.as_dict().values()) == 2 * len(data)


def test_json_keys_that_come_late_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from reviewlens.reading import reader as reading

    monkeypatch.setattr(reading, "KEY_SAMPLE_BYTES", 30)
    data = b'{"text": "a"}\n{"text": "b"}\n{"text": "c", "late": 1}\n{"late": 2, "text": "d"}\n'
    found = reader(data, format="jsonl")
    assert good(list(found)) == [["a"], ["b"], ["c"], ["d"]]
    assert found.warnings == [
        ("The key 'late' first appears far down in the file and is no column; it was left out of 2 rows.")
    ]


def test_json_lines_resume_and_limits() -> None:
    data = b"".join(json.dumps({"text": "x" * n}).encode() + b"\r\n" for n in range(8, 13))
    limits = ReadLimits(max_field_chars=10)
    rows = read(data, limits=limits, format="jsonl")
    assert [isinstance(row, Record) for row in rows] == [True, True, True, False, False]
    start = reader(data, limits=limits, format="jsonl")
    next(start), next(start)
    dialect = Dialect(format=FileFormat.JSONL)
    assert list(read_records(io.BytesIO(data), dialect, 1, limits, resume_at=start.position)) == rows[2:]
    with pytest.raises(InputError, match="No line"):
        read_columns(io.BytesIO(b'{\n"text": "a"\n}\n'), dialect, LIMITS)


def test_json_that_is_too_deep_or_too_long() -> None:
    data = (
        b'{"a": 1}\n'
        + b'{"a": '
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}\n"
        + b'{"a": '
        + b"9" * 5000
        + b"}\n"
        + b'{"a": 2}\n'
    )
    rows = read(data, format="jsonl")
    assert good(rows) == [["1"], ["2"]]
    assert {row.reason for row in bad(rows)} == {"invalid-json"}


def _parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def test_parquet_values_become_text() -> None:
    table = pa.table(
        {
            "text": ["good", None, "nul\x00"],
            "stars": pa.array([5, 4, None], pa.int8()),
            "score": [0.5, 1.0, None],
            "day": [date(2021, 3, 4), None, None],
            "at": pa.array([datetime(2021, 3, 4, 5, 6, tzinfo=UTC), None, None], pa.timestamp("ns", "UTC")),
            "ok": [True, False, None],
            "price": pa.array([Decimal("1.50"), None, None], pa.decimal128(6, 2)),
            "tags": [["a", "b"], [], None],
            "raw": pa.array([b"text", b"\xff\xfe", None], pa.binary()),
            "kind": pa.array(["x", "y", None]).dictionary_encode(),
            "parts": pa.array([{"n": 1}, None, None]),
        }
    )
    data = _parquet(table)
    rows = read(data, format="parquet")
    assert good(rows) == [
        [
            "good",
            "5",
            "0.5",
            "2021-03-04",
            "2021-03-04T05:06:00+00:00",
            "true",
            "1.50",
            '["a", "b"]',
            "text",
            "x",
            '{"n": 1}',
        ],
        ["", "4", "1.0", "", "", "false", "", "[]", "//4=", "y", ""],
        ["nul", "", "", "", "", "", "", "", "", "", ""],
    ]
    assert [(row.start, row.end) for row in rows] == [(0, 1), (1, 2), (2, 3)]


def test_parquet_resumes_at_any_row() -> None:
    data = _parquet(pa.table({"text": [f"review {n}" for n in range(1500)]}), row_group_size=400)
    rows = read(data, format="parquet")
    assert len(rows) == 1500
    start = reader(data, format="parquet")
    taken = 0
    for stop in (0, 1, 399, 400, 401, 1023, 1499, 1500):
        while taken < stop:
            next(start)
            taken += 1
        position = Position.from_json(start.position.to_json())
        rest = read_records(io.BytesIO(data), Dialect(format=FileFormat.PARQUET), 1, LIMITS, resume_at=position)
        assert list(rest) == rows[stop:]


def test_parquet_limits_and_damage() -> None:
    rows = read(
        _parquet(pa.table({"text": ["ok", "far too long", "ok"]})),
        limits=ReadLimits(max_field_chars=5),
        format="parquet",
    )
    assert [(row.row, row.reason) for row in bad(rows)] == [(2, "field-too-long")]
    assert json.loads(bad(rows)[0].raw) == {"text": "far too long"}
    plain = {"use_dictionary": False, "compression": "zstd"}
    bomb = _parquet(pa.table({"text": ["a" * 1000] * 20_000}), **plain)
    with pytest.raises(LimitError) as caught:
        reader(bomb, 1, format="parquet")
    assert caught.value.details["limit"] == "max_compression_ratio"
    with pytest.raises(LimitError) as caught:
        reader(bomb, 1, limits=ReadLimits(max_unpacked_bytes=10_000_000), format="parquet")
    assert caught.value.details["limit"] == "max_unpacked_bytes"
    for damaged in (bomb[:-20], bomb[:1000], b"PAR1" + b"\x00" * 100 + b"PAR1"):
        with pytest.raises(InputError) as wrong:
            list(reader(damaged, 1, format="parquet"))
        assert wrong.value.code == "corrupt-parquet"


def _xlsx(rows: list[list[Any]], *, first: int = 0, more: bool = True) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("Reviews")
        for place, row in enumerate(rows):
            sheet.write_row(first + place, 0, row)
        if more:
            book.add_worksheet("Notes").write(0, 0, "not read")
    return out.getvalue()


def test_the_first_sheet_of_a_workbook() -> None:
    data = _xlsx(
        [
            ["Date", "Rating", "Review", "Verified"],
            [date(2021, 3, 4), 5, "two\nlines, 😀", True],
            [datetime(2021, 3, 4, 5, 6), 4.5, "short"],  # noqa: DTZ001 - cells have no zone
            [],
            [None, None, "only text"],
        ],
        first=2,
    )
    dialect = Dialect(format=FileFormat.XLSX)
    assert read_columns(io.BytesIO(data), dialect, LIMITS) == ["Date", "Rating", "Review", "Verified"]
    found = reader(data, format="xlsx")
    rows = list(found)
    assert good(rows) == [
        ["2021-03-04", "5", "two\nlines, 😀", "TRUE"],
        ["2021-03-04T05:06:00", "4.5", "short", ""],
        ["", "", "only text", ""],
    ]
    assert [(row.row, row.start, row.end) for row in rows] == [(1, 3, 4), (2, 4, 5), (3, 6, 7)]
    assert found.ledger.as_dict() == {
        "bytes_total": 7,
        "header_bytes": 1,
        "record_bytes": 3,
        "blank_bytes": 3,
        "rejected_bytes": 0,
    }
    start = reader(data, format="xlsx")
    next(start), next(start)
    assert list(read_records(io.BytesIO(data), dialect, 4, LIMITS, resume_at=start.position)) == rows[2:]
    assert len(read(data, format="xlsx", header=False)) == 4


def test_workbook_limits_and_damage() -> None:
    data = _xlsx([["text", "stars"], ["fits", 5], ["far too long", 4]])
    rows = read(data, limits=ReadLimits(max_field_chars=6), format="xlsx")
    assert [(row.row, row.reason) for row in bad(rows)] == [(2, "field-too-long")]
    assert [row.reason for row in bad(read(data, 1, format="xlsx"))] == ["too-many-fields"] * 2
    with pytest.raises(LimitError) as caught:
        reader(data, 2, limits=ReadLimits(max_unpacked_bytes=1000), format="xlsx")
    assert caught.value.details["limit"] == "max_unpacked_bytes"
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/bomb.xml", b"0" * 50_000_000)
    with pytest.raises(LimitError) as caught:
        reader(out.getvalue(), 2, format="xlsx")
    assert caught.value.details["limit"] == "max_compression_ratio"
    with pytest.raises(InputError) as wrong:
        reader(data[:-200], 2, format="xlsx")
    assert wrong.value.code == "corrupt-xlsx"
    with pytest.raises(InputError) as wrong:
        reader(data[:500] + b"\x00" * 60 + data[560:], 2, format="xlsx")
    assert wrong.value.code == "corrupt-xlsx"
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("reviews.csv", "text\ngood\n")
    with pytest.raises(InputError) as wrong:
        reader(other.getvalue(), 1, format="xlsx")
    assert wrong.value.code == "zip-archive"
