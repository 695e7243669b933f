"""JSON documents of any shape: where their records are, and a reader that streams them."""

from __future__ import annotations

import codecs
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import IO, Literal, TypeGuard

from reviewlens.contracts.tables import Dialect
from reviewlens.errors import InputError
from reviewlens.reading.json_values import DECODER, Schema, find_schema, json_text
from reviewlens.reading.lines import RAW_CHARS, Item
from reviewlens.reading.records import Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import Text, Unpacked, human_size
from reviewlens.reviews.column_names import known_name

JsonLayout = Literal["records", "map", "columns"]

_SCHEMA_CHARS = 8 << 20  # part of the records from which the columns are collected
_BLOCK = 500
_MAX_DEPTH = 12  # containers that are searched for records
_MAX_SKIPPED_DEPTH = 100
_SPACE = " \t\r\n"
_SAME_KEYS = 64  # keys of an object that are compared with those of the next one


class Cursor:
    """Reads a JSON text from its start with bounded memory; InputError `corrupt-json` where it breaks off."""

    def __init__(self, text: Text, limits: ReadLimits) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder(text.codec)(_decoding_errors(text.fallback))
        self._longest = 8 * limits.max_field_chars + (2 << 20)
        self._buffer = ""
        self._at = 0
        self._before = 0  # characters before the buffer
        self._ended = False

    @property
    def place(self) -> int:
        """Characters of the text that have been read."""
        return self._before + self._at

    def peek(self) -> str:
        """Return the next character that is no white space; '' at the end of the text."""
        while True:
            buffer, at = self._buffer, self._at
            while at < len(buffer) and buffer[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(buffer):
                return buffer[at]
            if not self._more():
                return ""

    def take(self, characters: str) -> str:
        """Consume the next character, which must be one of `characters`."""
        character = self.peek()
        if not character or character not in characters:
            raise self._corrupt(f"expected {' or '.join(characters) or 'the end'}")
        self._at += 1
        return character

    def value(self) -> object:
        """Consume one value and return it."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                cut = len(self._buffer) - error.pos < 16 or error.msg.startswith("Unterminated string")
                if self._ended or not cut:
                    self._at = error.pos
                    raise self._corrupt(error.msg) from error
            except (ValueError, RecursionError) as error:
                raise self._corrupt("a value is nested too deeply, or a number is too long") from error
            else:
                if end < len(self._buffer) or self._ended:
                    self._at = end
                    return value
            wanted = 2 * (len(self._buffer) - self._at)
            if wanted > 2 * self._longest:
                raise InputError(
                    f"A value of the JSON document is longer than {human_size(self._longest)}. Save one object per"
                    " review (JSON Lines).",
                    code="json-value-too-long",
                )
            while len(self._buffer) - self._at <= wanted and self._more():
                pass

    def elements(self) -> Iterator[None]:
        """Consume an array; the caller consumes the value at each step."""
        self.take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if self.take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """Consume an object; yields its keys, and the caller consumes the value at each step."""
        self.take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise self._corrupt("expected a key in quotation marks")
            key = self.value()
            assert isinstance(key, str)
            self.take(":")
            yield key
            if self.take(",}") == "}":
                return

    def skip(self, depth: int = 0) -> None:
        """Consume one value of any size."""
        opened = self.peek()
        if depth > _MAX_SKIPPED_DEPTH:
            raise self._corrupt("a value is nested too deeply")
        if opened == "{":
            for _ in self.members():
                self.skip(depth + 1)
        elif opened == "[":
            for _ in self.elements():
                self.skip(depth + 1)
        else:
            self.value()

    def _more(self) -> bool:
        while not self._ended:
            data = self._text.read()
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            if text:
                self._before += self._at
                self._buffer, self._at = self._buffer[self._at :] + text, 0
                return True
        return False

    def _corrupt(self, cause: str) -> InputError:
        ended = self._ended and self._at >= len(self._buffer)
        where = "it ends too early" if ended else f"{cause} at character {self.place + 1:,}"
        return InputError(
            f"The JSON document is damaged or incomplete: {where}. Export it again and upload it.", code="corrupt-json"
        )


def _decoding_errors(fallback: str | None) -> str:
    """Return the name of the error handler that decodes broken bytes with the fallback."""
    if fallback is None:
        return "surrogateescape"

    def decode(error: UnicodeError) -> tuple[str | bytes, int]:
        assert isinstance(error, UnicodeDecodeError)
        return error.object[error.start : error.end].decode(fallback, "replace"), error.end

    name = f"reviewlens-{fallback}"
    codecs.register_error(name, decode)
    return name


@dataclass(frozen=True)
class Layout:
    """Where a document's records are: `path` is a JSON pointer (RFC 6901); `rows` their number."""

    layout: JsonLayout
    path: str
    rows: int


@dataclass
class _Object:
    """What a search found out about one object: its members and their kinds."""

    members: int = 0
    objects: int = 0
    lists: int = 0
    keys: tuple[str, ...] = ()  # the first ones
    names_known: bool = False
    alike: bool = True  # the members are objects or lists of scalars, with equal keys or lengths
    numbered: bool = True  # the members are objects of scalars whose keys are numbers
    shared: set[str] | None = None  # keys that all member objects have
    most_keys: int = 0
    inner: tuple[str, ...] | None = None
    size: int = -1


def find_records(text: Text, limits: ReadLimits) -> Layout:
    """Search the whole document for its records.

    They are the elements of an array of objects, the longest if there are several; the members of an object whose
    values are similar objects; or the columns of a column-wise table. Errors: InputError `corrupt-json` for a damaged
    document, `no-json-records` if it has no records.
    """
    cursor = Cursor(text, limits)
    opened = cursor.peek()
    if opened == "[":
        rows, objects = _search_list(cursor)
        if cursor.peek():
            cursor.take("")
        if not objects:
            raise _no_records()
        return Layout("records", "", rows)
    if opened != "{":
        raise _no_records()
    search = _Search(cursor)
    search.object("")
    if cursor.peek():  # objects one after the other, over several lines each
        rows = 1
        while cursor.peek():
            if cursor.peek() != "{":
                cursor.take("{")
            cursor.value()
            rows += 1
        return Layout("records", "", rows)
    return search.best or Layout("records", "", 1)


def _search_list(cursor: Cursor) -> tuple[int, int]:
    """Consume an array; returns the number of elements and of objects among them."""
    rows = objects = 0
    for _ in cursor.elements():
        objects += cursor.peek() == "{"
        cursor.value()
        rows += 1
    return rows, objects


class _Search:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.best: Layout | None = None

    def object(self, path: str) -> _Object:
        """Consume the object at `path`, and keep the best layout found in it."""
        cursor, found, outer = self._cursor, _Object(), self.best
        deep = path.count("/") >= _MAX_DEPTH
        for key in cursor.members():
            found.members += 1
            if len(found.keys) < _SAME_KEYS:
                found.keys += (key,)
            found.names_known = found.names_known or known_name(key)
            opened = cursor.peek()
            below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if deep or opened not in "{[":
                cursor.skip()
                found.alike = False
            elif opened == "[":
                found.lists += 1
                rows, objects = _search_list(cursor)
                if objects:
                    self._offer(Layout("records", below, rows))
                found.alike = found.alike and not objects and found.size in (-1, rows)
                found.size = rows
            else:
                found.objects += 1
                inner = self.object(below)
                keys = set(inner.keys)
                found.shared = keys if found.shared is None else found.shared & keys
                found.most_keys = max(found.most_keys, len(keys))
                same = found.inner in (None, inner.keys) and found.size in (-1, inner.members)
                scalars = not inner.objects and not inner.lists
                found.alike = found.alike and same and scalars
                found.numbered = found.numbered and scalars and all(key.isdigit() for key in inner.keys)
                found.inner, found.size = inner.keys, inner.members
        self._table(path, found, outer)
        return found

    def _table(self, path: str, found: _Object, outer: Layout | None) -> None:
        """Offer the object itself as a table, if its members are columns or similar records."""
        if found.size < 1 or found.members not in (found.objects, found.lists):
            return
        if found.members < 2 and (found.objects or self.best):
            return
        layout: Layout | None = None
        if self._column_wise(found):
            layout = Layout("columns", path, found.size)
        elif found.objects and found.shared:
            layout = Layout("map", path, found.members)
        if layout:
            if layout.layout == "columns" or 2 * len(found.shared or ()) > found.most_keys:
                self.best = outer  # what is inside of its records is part of them
            self._offer(layout)

    @staticmethod
    def _column_wise(found: _Object) -> bool:
        if found.lists:
            return found.alike
        if found.numbered and not all(key.isdigit() for key in found.keys):
            return True
        return found.alike and found.names_known and not any(map(known_name, found.inner or ()))

    def _offer(self, layout: Layout) -> None:
        if self.best is None or layout.rows > self.best.rows:
            self.best = layout


def is_json_lines(head: str, filename: str, *, complete: bool) -> bool:
    """Whether a JSON text is JSON Lines and not one document; `head` is its start, or all of it if `complete`."""
    lines = [line for line in head.split("\n") if line.strip()]
    if not head.lstrip().startswith(("{", "[")):
        return True
    named = filename.lower().endswith((".jsonl", ".ndjson"))
    first = _decoded(lines[0])
    if isinstance(first, dict):
        return named or len(lines) > 1 or not complete
    return named and first is None and any(isinstance(_decoded(line), dict) for line in lines[1:20])


def _decoded(line: str) -> object:
    try:
        return DECODER.decode(line)
    except (ValueError, RecursionError):
        return None


def document_schema(text: Text, dialect: Dialect, limits: ReadLimits) -> Schema:
    """Return the columns of a document's records."""
    cursor = Cursor(text, limits)
    _go_to(cursor, dialect.json_path)
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
        raise _no_records()
    return schema


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
    if dialect.json_layout == "map":
        for key in cursor.members():
            value = cursor.value()
            yield {"id": key, **value} if _is_object(value) else value
    elif cursor.peek() == "[":
        for _ in cursor.elements():
            yield cursor.value()
    else:
        while cursor.peek():
            yield cursor.value()
            if dialect.json_path:
                return


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
        if not _is_object(value):
            raw = json_text(value).encode("utf-8", "replace").decode()[:RAW_CHARS]
            explanation = "The element is no object in curly brackets."
            return [Rejected(row, start, row, "not-an-object", explanation, raw, "")]
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


def _no_records() -> InputError:
    return InputError(
        "The JSON document has no list of objects. Save one object per review, as JSON Lines or in an array.",
        code="no-json-records",
    )


def _column_file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8")
