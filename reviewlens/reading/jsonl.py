"""The reader for JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reviewlens.errors import InputError
from reviewlens.reading.json_values import DECODER, Schema, find_schema
from reviewlens.reading.lines import Item, LineReader, Note
from reviewlens.reading.records import Blank, Position, ReadLimits, Record
from reviewlens.reading.sources import Sample, Text, decode_line


class JsonLinesReader(LineReader):
    """Reads the columns of `schema` from each object; other keys are noted, and the row is kept."""

    def __init__(self, text: Text, schema: Schema, limits: ReadLimits, position: Position) -> None:
        super().__init__(text, limits, position)
        self.schema = schema

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
            value = DECODER.decode(self._decode(items, line))
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

    def _decode(self, items: list[Item], line: bytes) -> str:
        try:
            return line.decode(self.text.codec)
        except UnicodeDecodeError:
            text = self.fallback_text(line)
            if text is None:
                raise
            items.append(Note("fallback_rows"))
            return text

    def _object(self, items: list[Item], value: dict[str, object], line: bytes, start: int) -> None:
        fields, notes = self.schema.row(value, escaped=b"\\u" in line or b"\x00" in line)
        limit = self.limits.max_field_chars
        for key, field in zip(self.schema.keys, fields, strict=True):
            if len(field) > limit:
                explanation = (
                    f"The field {key[:60]!r} has {len(field):,} characters; at most {limit:,} are "
                    f"allowed (max_field_chars)."
                )
                items.append(self.reject(self.row, start, self.offset, line, "field-too-long", explanation))
                return
        items += notes
        items.append(Record(self.row, fields, start, self.offset))


def sample_schema(sample: Sample, encoding: str, fallback: str | None) -> Schema:
    """Return the columns of the sample's objects; InputError if there are none."""
    schema = find_schema(_sample_objects(sample, encoding, fallback))
    if not schema.keys:
        raise InputError(
            "No line of the file is a JSON object. A JSON Lines file has one object per line.",
            code="no-json-objects",
        )
    return schema


def _sample_objects(sample: Sample, encoding: str, fallback: str | None) -> Iterator[dict[str, object]]:
    lines = sample.data.splitlines(keepends=True)
    if lines and not sample.complete:
        lines.pop()
    for line in lines:
        try:
            value = DECODER.decode(decode_line(line, encoding, fallback))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value
