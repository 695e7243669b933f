"""The reader for JSON documents: streams their records."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import IO, TypeGuard

from reviewlens.contracts.tables import Dialect
from reviewlens.errors import InputError
from reviewlens.reading.json_cursor import Cursor
from reviewlens.reading.json_search import HEADER_KEYS, ROWS_KEYS, array_header, no_json_records
from reviewlens.reading.json_values import Schema, find_schema, json_text
from reviewlens.reading.lines import RAW_CHARS, Item
from reviewlens.reading.records import Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import Text, Unpacked

_SCHEMA_CHARS = 8 << 20  # part of the records from which the columns are collected
_BLOCK = 500


def document_schema(text: Text, dialect: Dialect, limits: ReadLimits) -> Schema:
    """Return the columns of a document's records."""
    cursor = Cursor(text, limits)
    _go_to(cursor, dialect.json_path)
    if dialect.json_layout == "split":
        return Schema(tuple(_split_names(cursor)))
    if dialect.json_layout == "arrays":
        first = next((cursor.value() for _ in cursor.elements()), [])
        header = array_header(first)
        return Schema(tuple(header if header is not None else [""] * len(first) if isinstance(first, list) else ()))
    if dialect.json_layout == "columns":
        names = []
        for key in cursor.members():
            names.append(key)
            cursor.skip()
        return Schema(tuple(names))

    def sample() -> Iterator[dict[str, object]]:
        for value in _values(cursor, dialect):
            if isinstance(value, dict):
                yield value
            if cursor.place > start + _SCHEMA_CHARS:
                return

    start = cursor.place
    schema = find_schema(sample())
    if not schema.keys:
        raise no_json_records()
    return schema


def _split_names(cursor: Cursor) -> list[str]:
    """Return the column names of an object in the layout `split`; several levels of names are joined."""
    for key in cursor.members():
        if key not in HEADER_KEYS or cursor.peek() != "[":
            cursor.skip()
            continue
        names = cursor.value()
        if isinstance(names, list) and names:
            return [" ".join(map(json_text, name)) if isinstance(name, list) else json_text(name) for name in names]
    raise no_json_records()


def _split_rows(cursor: Cursor) -> Iterator[object]:
    for key in cursor.members():
        if key in ROWS_KEYS and cursor.peek() == "[":
            for _ in cursor.elements():
                yield cursor.value()
            return
        cursor.skip()


def _go_to(cursor: Cursor, path: str) -> None:
    """Move to the value at a JSON pointer."""
    for part in path.split("/")[1:]:
        wanted = part.replace("~1", "/").replace("~0", "~")
        for key in cursor.members() if cursor.peek() == "{" else ():
            if key == wanted:
                break
            cursor.skip()
        else:
            raise InputError(f"The JSON document has no value at {path[:200]}.", code="no-json-records")


def _values(cursor: Cursor, dialect: Dialect) -> Iterator[object]:
    """Yield the records of the value at the cursor; those of a map get their key as `id`."""
    if dialect.json_layout == "map" and cursor.peek() == "[":
        for _ in cursor.elements():
            yield _unwrapped(cursor.value())
    elif dialect.json_layout == "map":
        for key in cursor.members():
            yield _unwrapped({key: cursor.value()})
    elif dialect.json_layout == "split":
        yield from _split_rows(cursor)
    elif dialect.json_layout == "arrays":
        for number, _ in enumerate(cursor.elements()):
            value = cursor.value()
            if number or array_header(value) is None:
                yield value
    elif cursor.peek() == "[":
        for _ in cursor.elements():
            yield cursor.value()
    else:
        while cursor.peek():
            yield cursor.value()
            if dialect.json_path:
                return


def _unwrapped(value: object) -> object:
    """Return the one member of an object with its key as `id`, if it is an object; other values as they are."""
    if not _is_object(value) or len(value) != 1:
        return value
    ((key, record),) = value.items()
    return {"id": key, **record} if _is_object(record) else record


def _is_object(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


class JsonDocumentReader:
    """Yields blocks of items; spans count records. A column-wise table is copied to one temporary file per column."""

    def __init__(
        self, stream: Unpacked, dialect: Dialect, schema: Schema, limits: ReadLimits, position: Position
    ) -> None:
        self._cursor = Cursor(Text(stream, dialect.encoding, fallback=dialect.fallback_encoding), limits)
        self._dialect = dialect
        self._schema = schema
        self._limits = limits
        self._position = position
        self._read = 0

    @property
    def total(self) -> int:
        """The number of records read so far."""
        return self._read

    def blocks(self) -> Iterator[list[Item]]:
        """Yield all items from the position on."""
        _go_to(self._cursor, self._dialect.json_path)
        with ExitStack() as stack:
            values: Iterator[object] = (
                _transposed(self._cursor, stack)
                if self._dialect.json_layout == "columns"
                else _values(self._cursor, self._dialect)
            )
            for _ in islice(values, self._position.offset):
                self._read += 1
            while block := list(islice(values, _BLOCK)):
                yield [item for value in block for item in self._items(value)]

    def _items(self, value: object) -> list[Item]:
        start, self._read = self._read, self._read + 1
        row = self._read
        if self._dialect.json_layout in ("split", "arrays"):
            expected, wrong = "array", not isinstance(value, list)
        else:
            expected, wrong = "object in curly brackets", not _is_object(value)
        if wrong:
            return [Rejected(row, start, row, "not-an-object", f"The element is no {expected}.", _raw(value), "")]
        if isinstance(value, list):
            fields, notes = self._schema.array_row(value)
            if len(fields) > len(self._schema.keys):
                explanation = f"The row has {len(fields)} fields where {len(self._schema.keys)} are expected."
                return [Rejected(row, start, row, "too-many-fields", explanation, _raw(value), "")]
        else:
            assert _is_object(value)
            fields, notes = self._schema.row(value, escaped=True)
        limit = self._limits.max_field_chars
        for key, field in zip(self._schema.keys, fields, strict=True):
            if len(field) > limit:
                explanation = (
                    f"The field {key[:60]!r} has {len(field):,} characters; at most {limit:,} are "
                    f"allowed (max_field_chars)."
                )
                cut = {name: text[:RAW_CHARS] for name, text in zip(self._schema.keys, fields, strict=True)}
                raw = json.dumps(cut, ensure_ascii=False)[:RAW_CHARS]
                return [Rejected(row, start, row, "field-too-long", explanation, raw, "")]
        return [*notes, Record(row, fields, start, row)]


def _raw(value: object) -> str:
    return json_text(value).encode("utf-8", "replace").decode()[:RAW_CHARS]


def _transposed(cursor: Cursor, stack: ExitStack) -> Iterator[dict[str, object]]:
    """Yield the rows of a column-wise table; InputError `uneven-columns` if its columns have different rows."""
    files: dict[str, IO[str]] = {}
    for name in cursor.members():
        file = stack.enter_context(_column_file())
        files[name] = file
        if cursor.peek() == "[":
            for _ in cursor.elements():
                file.write(json.dumps(["", cursor.value()]) + "\n")
        else:
            for key in cursor.members():
                file.write(json.dumps([key, cursor.value()]) + "\n")
        file.seek(0)
    while True:
        lines = [file.readline() for file in files.values()]
        if not any(lines):
            return
        cells = [json.loads(line) if line else [None, None] for line in lines]
        if len({key for key, _ in cells}) > 1:
            raise InputError(
                "The columns of the JSON document have different rows. Save it as JSON Lines: one object per line.",
                code="uneven-columns",
            )
        yield dict(zip(files, (value for _, value in cells), strict=True))


def _column_file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8")
