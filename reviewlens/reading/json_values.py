"""JSON objects as rows: nested objects become dotted columns, and other values become text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reviewlens.reading.lines import Note

DECODER = json.JSONDecoder(parse_constant=lambda _: None)
"""Reads the literals NaN, Infinity and -Infinity as null."""

_MAX_DEPTH = 5
_MAX_NESTED_KEYS = 50  # an object with more keys than this over the sample is a map, and stays one column
SURROGATES = dict.fromkeys(range(55296, 57344), "\ufffd")
"""For `str.translate`: shows half a character, which no file can hold, as U+FFFD."""


def json_text(value: object) -> str:
    """Convert a JSON value to a field's text: null is '', a string stays, anything else is JSON text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Schema:
    """The columns of objects: dotted `keys`, and the nested objects that stay JSON text."""

    keys: tuple[str, ...]
    whole: frozenset[str] = frozenset()
    known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset(self.keys))

    def row(self, value: dict[str, object], *, escaped: bool) -> tuple[list[str], list[Note]]:
        """Return an object's fields and notes. `escaped`: its source has escapes or bytes that may need repair."""
        flat = flatten(value, self.whole) if any(type(part) is dict for part in value.values()) else value
        fields = [json_text(flat.get(key)) for key in self.keys]
        notes: list[Note] = []
        if escaped:
            fields, notes = _repaired(fields)
        for key, part in flat.items():
            if key not in self.known and (part is not None or "." not in key):
                notes.append(Note(f"key:{key[:100]}".translate(SURROGATES)))
        return fields, notes

    def array_row(self, values: list[object]) -> tuple[list[str], list[Note]]:
        """Return the fields of an array of values, at least one per column, and notes; empty surplus ones are cut."""
        fields, notes = _repaired([json_text(value) for value in values])
        while len(fields) > len(self.keys) and not fields[-1]:
            fields.pop()
        if len(fields) < len(self.keys):
            notes.append(Note("padded_rows"))
            fields += [""] * (len(self.keys) - len(fields))
        return fields, notes


def _repaired(fields: list[str]) -> tuple[list[str], list[Note]]:
    repaired = [text.replace("\x00", "").translate(SURROGATES) for text in fields]
    if repaired == fields:
        return fields, []
    nul = any("\x00" in text for text in fields)
    return repaired, [Note("nul_rows" if nul else "broken_character_rows")]


def flatten(value: dict[str, object], whole: frozenset[str] = frozenset()) -> dict[str, object]:
    """Return an object with its nested objects as dotted keys, except for those in `whole`.

    An object whose one key starts with `$`, as MongoDB writes dates and identifiers, is the value of this key.
    """
    return dict(_flattened(value, "", whole, 1))


def _flattened(
    value: dict[str, object], prefix: str, whole: frozenset[str], depth: int
) -> Iterator[tuple[str, object]]:
    for key, part in value.items():
        name = prefix + key
        inner = part
        while isinstance(inner, dict) and len(inner) == 1 and (only := next(iter(inner))).startswith("$"):
            inner = inner[only]
        if isinstance(inner, dict) and depth < _MAX_DEPTH and name not in whole:
            yield from _flattened(inner, f"{name}.", whole, depth + 1) if inner else [(name, None)]
        else:
            yield name, inner


def find_schema(objects: Iterable[dict[str, object]]) -> Schema:
    """Return the columns of a sample of objects, in order of first appearance."""
    filled: dict[str, bool] = {}
    for value in objects:
        for key, part in flatten(value).items():
            filled[key] = filled.get(key, False) or part is not None
    nested = Counter(prefix for key in filled for prefix in _prefixes(key))
    whole = frozenset(prefix for prefix, keys in nested.items() if keys > _MAX_NESTED_KEYS)
    keys = (next((prefix for prefix in _prefixes(key) if prefix in whole), key) for key in filled)
    used = dict.fromkeys(key for key in keys if filled.get(key, True) or key not in nested)
    return Schema(tuple(used), whole)


def _prefixes(key: str) -> Iterator[str]:
    at = key.find(".")
    while at >= 0:
        yield key[:at]
        at = key.find(".", at + 1)
