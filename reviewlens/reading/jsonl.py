"""The reader for JSON Lines: one object per line; nested values become JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable

from reviewlens.errors import InputError
from reviewlens.reading.lines import Item, LineReader, Note
from reviewlens.reading.records import Blank, Position, ReadLimits, Record
from reviewlens.reading.sources import Sample, Text

_SURROGATES = dict.fromkeys(range(55296, 57344), "�")


class JsonLinesReader(LineReader):
    """Reads the fields of each object in the order of `keys`; other keys are noted, and the row is kept."""

    def __init__(self, text: Text, keys: Iterable[str], limits: ReadLimits, position: Position) -> None:
        super().__init__(text, limits, position, header=False)
        self.keys = tuple(keys)
        self._known = frozenset(self.keys)

    def parse(self, lines: list[bytes], buffer: bytes, final: bool) -> tuple[list[Item], int]:
        """See `LineReader`."""
        items: list[Item] = []
        used = 0
        for line in lines:
            used += len(line)
            start, self.offset = self.offset, self.offset + self.text.source_size(line)
            if not line.strip():
                items.append(Blank(start, self.offset, False))
                continue
            self._line(items, line, start)
            self.row += 1
        return items, used

    def _line(self, items: list[Item], line: bytes, start: int) -> None:
        row, end = self.row, self.offset
        if len(line) > self.longest:
            items.append(self.too_long(row, start, end, line))
            return
        try:
            value = json.loads(line.decode(self.text.codec))
        except UnicodeDecodeError as error:
            items.append(self.undecodable(row, start, end, line, error))
            return
        except json.JSONDecodeError as error:
            explanation = f"The line is not complete JSON: {error.msg} at character {error.pos + 1:,}."
            items.append(self.reject(row, start, end, line, "invalid-json", explanation))
            return
        except (ValueError, RecursionError):
            explanation = "The line holds JSON that is nested too deeply or a number that is too long."
            items.append(self.reject(row, start, end, line, "invalid-json", explanation))
            return
        if not isinstance(value, dict):
            explanation = "The line is JSON but no object in curly brackets."
            items.append(self.reject(row, start, end, line, "not-an-object", explanation))
            return
        self._object(items, value, line, start)

    def _object(self, items: list[Item], value: dict[str, object], line: bytes, start: int) -> None:
        fields = [json_text(value.get(key)) for key in self.keys]
        limit = self.limits.max_field_chars
        for key, field in zip(self.keys, fields, strict=True):
            if len(field) > limit:
                explanation = (
                    f"The field {key[:60]!r} has {len(field):,} characters; at most {limit:,} are "
                    f"allowed (max_field_chars)."
                )
                items.append(self.reject(self.row, start, self.offset, line, "field-too-long", explanation))
                return
        if b"\\u" in line or b"\x00" in line:
            repaired = [field.replace("\x00", "").translate(_SURROGATES) for field in fields]
            if repaired != fields:
                items.append(Note("nul_rows" if any("\x00" in field for field in fields) else "broken_character_rows"))
                fields = repaired
        items += [Note(f"key:{key[:100]}".translate(_SURROGATES)) for key in value if key not in self._known]
        items.append(Record(self.row, fields, start, self.offset))


def json_text(value: object) -> str:
    """Convert a JSON value to a field's text: null is '', a string stays, anything else is JSON text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def sample_keys(sample: Sample, limits: ReadLimits) -> list[str]:
    """Return all keys of the sample's objects in order of first appearance; InputError if there are none."""
    keys: dict[str, None] = {}
    lines = sample.data.splitlines(keepends=True)
    if lines and not sample.complete:
        lines.pop()
    for line in lines:
        try:
            value = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            keys.update(dict.fromkeys(value))
    if not keys:
        if sample.data.lstrip().startswith(b"["):
            raise InputError(
                "The file is one JSON list. Save it as JSON Lines: one object per line.",
                code="json-list",
            )
        raise InputError(
            "No line of the file is a JSON object. A JSON Lines file has one object per line.",
            code="no-json-objects",
        )
    return list(keys)
