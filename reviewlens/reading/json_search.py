"""Finds where a JSON document of any shape has its records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reviewlens.errors import InputError
from reviewlens.reading.json_cursor import Cursor
from reviewlens.reading.json_values import DECODER
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.sources import Text
from reviewlens.reviews.column_names import known_name

JsonLayout = Literal["records", "map", "columns"]

_MAX_DEPTH = 12  # containers that are searched for records
_SAME_KEYS = 64  # keys of an object that are compared with those of the next one


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
            raise no_json_records()
        return Layout("records", "", rows)
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


def no_json_records() -> InputError:
    """Return the error for a document without records."""
    return InputError(
        "The JSON document has no list of objects. Save one object per review, as JSON Lines or in an array.",
        code="no-json-records",
    )
