"""Finds where a JSON document of any shape has its records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reviewlens.errors import InputError
from reviewlens.reading.json_cursor import Cursor
from reviewlens.reading.json_values import DECODER
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.sources import Text
from reviewlens.reviews.column_names import known_name

JsonLayout = Literal["records", "map", "columns", "split", "arrays"]

HEADER_KEYS = ("columns", "header", "headers", "fields", "names")
ROWS_KEYS = ("data", "rows", "values", "records")
"""The members of an object in the layout `split`: the column names, and an array of values for each row."""


_MAX_DEPTH = 12  # containers that are searched for records
_SAME_KEYS = 64  # keys of an object that are compared with those of the next one


@dataclass(frozen=True)
class Layout:
    """Where a document's records are: `path` is a JSON pointer (RFC 6901); `rows` their number."""

    layout: JsonLayout
    path: str
    rows: int


@dataclass
class _List:
    """What a search found out about one array: its elements, how many are objects and arrays, and the first one."""

    rows: int = 0
    objects: int = 0
    arrays: int = 0
    first: object = None
    wrapped: int = 0  # objects that hold one object alone
    keys: set[str] = field(default_factory=set)  # of these

    @property
    def layout(self) -> JsonLayout:
        """`map` for records that each are the one member of an object, under a key of their own; else `records`."""
        return "map" if self.wrapped == self.rows >= 2 and len(self.keys) >= min(self.rows, _SAME_KEYS) else "records"

    @property
    def is_table(self) -> bool:
        """Whether most elements are arrays of values, and none is an object."""
        return not self.objects and self.arrays >= max(2, 0.9 * self.rows)


@dataclass
class _Object:
    """What a search found out about one object: its members and their kinds."""

    named: bool = False  # it has column names of the layout `split`
    split_rows: int = -1  # and so many rows
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
    values are similar objects; the columns of a column-wise table; or arrays of values, whose names are in the first
    array or in an array beside them. Errors: InputError `corrupt-json` for a damaged
    document, `no-json-records` if it has no records.
    """
    cursor = Cursor(text, limits)
    opened = cursor.peek()
    if opened == "[":
        found = _search_list(cursor)
        if cursor.peek():
            cursor.take("")
        if found.objects:
            return Layout(found.layout, "", found.rows)
        if found.is_table:
            return _arrays("", found)
        raise no_json_records()
    if opened != "{":
        raise no_json_records()
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
    return search.best or search.arrays or Layout("records", "", 1)


def _search_list(cursor: Cursor) -> _List:
    """Consume an array."""
    found = _List()
    for _ in cursor.elements():
        opened = cursor.peek()
        found.objects += opened == "{"
        found.arrays += opened == "["
        value = cursor.value()
        if not found.rows:
            found.first = value
        if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), dict):
            found.wrapped += 1
            if len(found.keys) < _SAME_KEYS:
                found.keys.update(value)
        found.rows += 1
    return found


def _arrays(path: str, found: _List) -> Layout:
    return Layout("arrays", path, found.rows - (array_header(found.first) is not None))


def array_header(first: object) -> list[str] | None:
    """Return the column names if the first array of a table of arrays has them: strings alone, all different."""
    if not isinstance(first, list) or not all(isinstance(name, str) for name in first) or len(set(first)) < len(first):
        return None
    return first


class _Search:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.best: Layout | None = None
        self.arrays: Layout | None = (
            None  # the longest table of arrays, for a document without objects that are records
        )

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
                elements = _search_list(cursor)
                if elements.objects:
                    self._offer(Layout(elements.layout, below, elements.rows))
                elif elements.is_table and (self.arrays is None or elements.rows > self.arrays.rows):
                    self.arrays = _arrays(below, elements)
                scalars = not elements.objects and not elements.arrays
                found.named = found.named or (key in HEADER_KEYS and scalars and elements.rows > 0)
                if key in ROWS_KEYS and elements.arrays and not elements.objects:
                    found.split_rows = elements.rows
                found.alike = found.alike and not elements.objects and found.size in (-1, elements.rows)
                found.size = elements.rows
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
        """Offer the object itself as a table, if its members are columns, similar records, or names and rows."""
        if found.named and found.split_rows > 0:
            self._offer(Layout("split", path, found.split_rows))
            return
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


def no_json_records() -> InputError:
    """Return the error for a document without records."""
    return InputError(
        "The JSON document has no list of objects. Save one object per review, as JSON Lines or in an array.",
        code="no-json-records",
    )
