"""JSON documents: where their records are, nested objects, damage, resuming and memory."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from reviewlens.contracts.tables import Dialect, FileFormat
from reviewlens.errors import InputError
from reviewlens.reading import sources
from reviewlens.reading.json_search import find_records
from reviewlens.reading.reader import Position, ReadLimits, Record, Rejected, read_columns, read_records
from reviewlens.reading.sources import Text, Unpacked
from tests.reading.reading_help import LIMITS, bad, good, look, names

TEXTS = [
    "The kettle boils fast, and it looks lovely.",
    "Broke after two days; very disappointed.",
    "Fine 😀, like a café, it works well.",
]
RECORDS: list[dict[str, Any]] = [
    {"Product": "Lamp", "Review": f"{TEXTS[n % 3]} Number {n}", "Rating": n % 5 + 1, "Date": f"2024-01-{n % 28 + 1:02}"}
    for n in range(40)
]
ROWS = [[str(value) for value in record.values()] for record in RECORDS]
COLUMNS = {name: [record[name] for record in RECORDS] for name in RECORDS[0]}
ARRAYS = [list(record.values()) for record in RECORDS]
NAMED = {"columns": list(RECORDS[0]), "index": list(range(40)), "data": ARRAYS}
NUMBERED = {name: {str(n): value for n, value in enumerate(values)} for name, values in COLUMNS.items()}


def rows_of(data: bytes, filename: str = "reviews.json", **dialect: Any) -> list[Record | Rejected]:
    """Detect the file and read all its rows; the ledger is checked at the end."""
    detected = look(data, filename, **dialect)
    columns = len(read_columns(io.BytesIO(data), detected.dialect, LIMITS))
    return list(read_records(io.BytesIO(data), detected.dialect, columns, LIMITS))


@pytest.mark.parametrize(
    ("document", "path", "layout"),
    [
        (RECORDS, "", "records"),
        ({"reviews": RECORDS}, "/reviews", "records"),
        ({"status": "ok", "page": {"n": 1}, "data": RECORDS, "links": [{"rel": "self"}]}, "/data", "records"),
        ({"items": RECORDS, "count": 40}, "/items", "records"),
        ({"feed": {"title": {"label": "x"}, "entry": RECORDS, "link": [{"a": 1}, {"a": 2}]}}, "/feed/entry", "records"),
        ({"a/b": {"c~d": RECORDS}}, "/a~1b/c~0d", "records"),
        (NUMBERED, "", "columns"),
        (COLUMNS, "", "columns"),
        ({"table": NUMBERED}, "/table", "columns"),
        ({"schema": {"fields": [{"name": "Review"}]}, "data": RECORDS}, "/data", "records"),
        (NAMED, "", "split"),
        ({"result": dict(reversed(NAMED.items())), "ok": True}, "/result", "split"),
        ({"fields": list(RECORDS[0]), "rows": ARRAYS}, "", "split"),
        ([list(RECORDS[0]), *ARRAYS], "", "arrays"),
        ({"reviews": [list(RECORDS[0]), *ARRAYS], "count": 40}, "/reviews", "arrays"),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("chunk", [1 << 20, 997])
def test_documents(
    document: object, path: str, layout: str, indent: int | None, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "CHUNK", chunk)
    data = json.dumps(document, indent=indent).encode()
    detected = look(data, "reviews.json")
    assert (detected.dialect.format, detected.dialect.json_path, detected.dialect.json_layout) == ("json", path, layout)
    assert names(detected) == {"text": "Review", "rating": "Rating", "date": "Date", "product": "Product"}
    assert detected.preview == ROWS[:20]
    assert (detected.estimated_rows, detected.warnings) == (40, [])
    assert good(rows_of(data)) == ROWS


def test_arrays_of_the_wrong_length_are_padded_or_rejected() -> None:
    rows: list[Any] = [["Works well and looks good"], ["Broke after two days", 1, None], ["Fine", 3, "surplus"]]
    rows += [["Fine", 4]] * 9 + ["?"]
    for document in ([["Review", "Rating"], *rows], {"columns": ["Review", "Rating"], "data": rows}):
        read = rows_of(json.dumps(document).encode())
        assert good(read)[:2] == [["Works well and looks good", ""], ["Broke after two days", "1"]]
        assert [(row.reason, row.row) for row in bad(read)] == [("too-many-fields", 3), ("not-an-object", 13)]


def test_arrays_without_names_are_columns_without_a_header() -> None:
    data = json.dumps([[row["Review"], row["Rating"]] for row in RECORDS]).encode()
    detected = look(data, "reviews.json")
    assert [column.name for column in detected.columns] == ["", ""]
    assert (detected.estimated_rows, len(good(rows_of(data)))) == (40, 40)


def test_arrays_within_records_are_no_table() -> None:
    records = [{**record, "box": [["a", "b"], ["c", "d"]]} for record in RECORDS]
    assert look(json.dumps(records).encode(), "reviews.json").dialect.json_layout == "records"
    wrapped = json.dumps({"points": [[n, n] for n in range(99)], "reviews": RECORDS}).encode()
    assert look(wrapped, "reviews.json").dialect.json_path == "/reviews"


def test_a_map_of_records_keeps_its_keys() -> None:
    reviews = {f"r{n}": {**record, "images": [{"url": "a"}] * 60} for n, record in enumerate(RECORDS)}
    for document, path in ((reviews, ""), ({"meta": {"count": 40}, "reviews": reviews}, "/reviews")):
        data = json.dumps(document).encode()
        detected = look(data, "reviews.json")
        assert (detected.dialect.json_path, detected.dialect.json_layout) == (path, "map")
        assert [row[:5] for row in good(rows_of(data))] == [[f"r{n}", *row] for n, row in enumerate(ROWS)]


def test_a_list_of_objects_that_hold_one_record_each_is_a_map() -> None:
    wrapped = [{f"r{n}": record} for n, record in enumerate(RECORDS)]
    for document, path in ((wrapped, ""), ({"reviews": wrapped}, "/reviews")):
        data = json.dumps(document).encode()
        detected = look(data, "reviews.json")
        assert (detected.dialect.json_path, detected.dialect.json_layout) == (path, "map")
        assert detected.estimated_rows == 40
        assert good(rows_of(data)) == [[f"r{n}", *row] for n, row in enumerate(ROWS)]
    same = json.dumps([{"review": record} for record in RECORDS]).encode()
    assert look(same, "reviews.json").dialect.json_layout == "records"
    assert [column.name for column in look(same, "reviews.json").columns][:2] == ["review.Product", "review.Review"]


def test_objects_over_several_lines_one_after_the_other() -> None:
    data = "\n".join(json.dumps(record, indent=2) for record in RECORDS).encode()
    assert look(data, "reviews.json").dialect.format is FileFormat.JSON
    assert good(rows_of(data)) == ROWS


def test_json_lines_are_no_document() -> None:
    lines = "\n".join(json.dumps({**record, "images": [{"url": "a"}] * 3}) for record in RECORDS)
    for filename in ("reviews.json", "reviews.jsonl", "reviews"):
        assert look(lines.encode(), filename).dialect.format is FileFormat.JSONL
    damaged = '{"Review": "cut off\n' + lines
    assert look(damaged.encode(), "reviews.jsonl").dialect.format is FileFormat.JSONL
    assert look(json.dumps(RECORDS).encode(), "reviews.jsonl").dialect.format is FileFormat.JSON
    one = look(json.dumps(RECORDS[0]).encode(), "reviews.jsonl")
    assert (one.dialect.format, one.preview) == ("jsonl", ROWS[:1])


@pytest.mark.parametrize("encode", [lambda text: text.encode("utf-16"), lambda text: gzip.compress(text.encode())])
def test_encoded_and_packed_documents(encode: Callable[[str], bytes]) -> None:
    data = encode(json.dumps({"reviews": RECORDS}, ensure_ascii=False))
    assert good(rows_of(data, "reviews.json.gz")) == ROWS


def test_nested_objects_are_dotted_columns() -> None:
    objects = [
        {
            "id": n,
            "review": {"title": "Short", "body": record["Review"]},
            "rating": {"value": record["Rating"]},
            "product": {"name": "Lamp"},
            "createdAt": {"$date": {"$numberLong": "1704067200000"}},
            "tags": ["a", {"b": 1}],
            "empty": {},
        }
        for n, record in enumerate(RECORDS)
    ]
    lines = "\n".join(map(json.dumps, objects)).encode()
    for data, filename in ((lines, "a.jsonl"), (json.dumps(objects).encode(), "a.json")):
        detected = look(data, filename)
        found = names(detected)
        assert (found["text"], found["title"], found["rating"], found["product"]) == (
            ("review.body", "review.title", "rating.value", "product.name")
        )
        expected = ["1", "Short", RECORDS[1]["Review"], "2", "Lamp", "1704067200000", '["a", {"b": 1}]', ""]
        assert detected.preview[1] == expected


def test_an_object_that_is_missing_in_some_records() -> None:
    data = b'{"review": null, "n": 1}\n{"review": {"body": "It works well."}, "n": {}}\n{"review": "plain", "n": 2}\n'
    columns = ["review", "n", "review.body"]
    detected = look(data, "a.jsonl", mapping={"text": 2})
    assert [column.name for column in detected.columns] == columns
    assert detected.preview == [["", "1", ""], ["", "", "It works well."], ["plain", "2", ""]]
    assert detected.warnings == ["Part of the sample has no text."] or not any("key" in w for w in detected.warnings)


def test_an_object_with_ever_new_keys_stays_one_column() -> None:
    data = "\n".join(json.dumps({"text": "Works well.", "votes": {f"user{n}": 1}}) for n in range(200)).encode()
    detected = look(data, "a.jsonl")
    assert [column.name for column in detected.columns] == ["text", "votes"]
    assert detected.preview[1] == ["Works well.", '{"user1": 1}']


def test_nan_and_infinity_are_empty() -> None:
    lines = (
        b'{"text": NaN, "stars": Infinity}\n{"text": "Works well.", "stars": -Infinity}\n{"text": "Bad.", "stars": 1}'
    )
    document = b"[" + lines.replace(b"\n", b",") + b"]"
    for data, filename in ((lines, "a.jsonl"), (document, "a.json")):
        assert good(rows_of(data, filename)) == [["", ""], ["Works well.", ""], ["Bad.", "1"]]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'[{"text": "a"}, {"text": "b"}', "corrupt-json"),
        (b'[{"text": "a"} {"text": "b"}]', "corrupt-json"),
        (b'[{"text": "a"}] and more', "corrupt-json"),
        (b'{"reviews": [{"text": "a"}, {"text": tru}]}', "corrupt-json"),
        (b'{"reviews": [{"text": "a"}]', "corrupt-json"),
        (b'[{"text": ' + b"[" * 200_000, "corrupt-json"),
        (b'{"a": ' * 200_000, "corrupt-json"),
        (b"[1, 2, 3]", "no-json-records"),
        (b'{"text": {"0": "a", "1": "b"}, "stars": {"0": 1, "2": 2}}', "uneven-columns"),
        (b'[{"text": "' + b"a" * 400_000 + b'"}]', "json-value-too-long"),
    ],
)
def test_documents_that_cannot_be_read(data: bytes, code: str) -> None:
    limits = ReadLimits(max_field_chars=1000)
    with pytest.raises(InputError) as caught:
        look(data if code != "json-value-too-long" else data.replace(b"aaaa", b"a" * 80), "reviews.json", limits=limits)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")


def test_elements_that_are_rejected_and_repaired() -> None:
    values = [
        '{"text": "Works well."}',
        "null",
        '["a"]',
        '{"text": "' + "x" * 30 + '"}',
        '{"text": "half \\ud83d \\u0000"}',
    ]
    data = ("[" + ",".join(values) + ',{"text": "').encode() + b'caf\xe9"}]'
    limits = ReadLimits(max_field_chars=20)
    detected = look(data, "a.json", limits=limits, encoding="utf-8")
    reader = read_records(io.BytesIO(data), detected.dialect, 1, limits)
    rows = list(reader)
    assert good(rows) == [["Works well."], ["half \ufffd "], ["caf\ufffd"]]
    assert [(row.row, row.reason) for row in bad(rows)] == [
        (2, "not-an-object"),
        (3, "not-an-object"),
        (4, "field-too-long"),
    ]
    assert reader.ledger.as_dict() == {
        "bytes_total": 6,
        "header_bytes": 0,
        "record_bytes": 3,
        "blank_bytes": 0,
        "rejected_bytes": 3,
    }


@pytest.mark.parametrize("document", [{"reviews": RECORDS * 50}, NUMBERED, dict(enumerate(RECORDS))])
def test_reading_resumes_at_any_record(document: object) -> None:
    data = json.dumps(document).encode()
    dialect = look(data, "reviews.json").dialect
    columns = len(read_columns(io.BytesIO(data), dialect, LIMITS))
    rows = list(read_records(io.BytesIO(data), dialect, columns, LIMITS))
    for stop in (1, 17, len(rows) - 1, len(rows)):
        start = read_records(io.BytesIO(data), dialect, columns, LIMITS)
        for _ in range(stop):
            next(start)
        position = Position.from_json(start.position.to_json())
        rest = read_records(io.BytesIO(data), dialect, columns, LIMITS, resume_at=position)
        assert list(rest) == rows[stop:]
        assert rest.ledger.as_dict()["record_bytes"] == len(rows)


@pytest.mark.parametrize("layout", ["records", "map", "columns"])
def test_memory_does_not_grow_with_the_document(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "CHUNK", 1 << 16)
    records = [{"text": f"{TEXTS[0]} {n} " + "good " * 400, "stars": n % 5} for n in range(3000)]
    document: object = {"reviews": records}
    if layout == "map":
        document = {f"r{n}": record for n, record in enumerate(records)}
    elif layout == "columns":
        document = {name: {n: record[name] for n, record in enumerate(records)} for name in records[0]}
    source = io.BytesIO(json.dumps(document).encode())
    tracemalloc.start()
    try:
        found = find_records(Text(Unpacked(source, "none", LIMITS), "utf-8"), LIMITS)
        dialect = Dialect(format=FileFormat.JSON, json_path=found.path, json_layout=found.layout)
        source.seek(0)
        assert sum(1 for _ in read_records(source, dialect, 2, LIMITS)) == found.rows == 3000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.layout, len(source.getvalue()) > 6_000_000) == (layout, True)
    assert peak < 3_000_000


@pytest.mark.parametrize("name", ["half.json", "half.jsonl"])
def test_half_a_character_in_a_column_name_is_shown_as_such(name: str) -> None:
    rows = [f'{{"review": "The lamp is bright, number {n}", "st\\ud83d": {n % 5 + 1}}}' for n in range(20)]
    data = "\n".join(rows) if name == "half.jsonl" else f"[{','.join(rows)}]"
    detected = look(data.encode(), name)
    assert [column.name for column in detected.columns] == ["review", "st\ufffd"]
    assert detected.preview[0][1] == "1"
    assert "st\ufffd" in detected.model_dump_json()
