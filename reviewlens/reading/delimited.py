"""The reader for delimited text: a fast path for simple lines, and the grammar in `quoting` for all others."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

from reviewlens.contracts.tables import Dialect
from reviewlens.reading.lines import Item, LineReader, Note
from reviewlens.reading.outline import SummaryRows
from reviewlens.reading.quoting import Grammar, encoded_marks
from reviewlens.reading.records import Blank, Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import Sample, Text, decode_line, encoded_delimiter, line_codec

SEPARATOR_LINE = re.compile(rb'\s*"?sep=(?:\t|[^\w\s"\\\x80-\xff])"?\s*\Z', re.IGNORECASE)
"""The line above the header in which Excel states the delimiter."""

_LINE = re.compile(rb"([^\r\n]*+)(?:\r\n|\r|\n|\Z)")
_CSV_MODULE_LIMIT = 131_072  # the csv module's field limit, which is global to the process and is not changed
_SAMPLE_ROWS = 200


class DelimitedReader(LineReader):
    """Reads CSV and TSV. Every record has `columns` fields: missing ones are '' (noted), surplus ones must be empty.

    In a file of one column, a row with surplus fields is one field: the delimiter is part of its text.
    """

    def __init__(
        self, text: Text, dialect: Dialect, columns: int, limits: ReadLimits, position: Position, sample: Sample
    ) -> None:
        super().__init__(
            text,
            limits,
            position,
            rows_above=dialect.first_row - 1,
            header_lines=dialect.header_lines if dialect.header else 0,
        )
        self.columns = columns
        self.delimiter = dialect.delimiter
        self.quoting = dialect.quoting
        delimiter = encoded_delimiter(dialect.delimiter, dialect.encoding)
        self._spaced = re.compile(rb"(?:\A|" + re.escape(delimiter) + rb') +"')
        self.grammar = Grammar(
            delimiter, dialect.quoting, columns, self.lookahead, encoded_marks(line_codec(dialect.encoding))
        )
        rows = [row.fields for row in table_rows(sample.data, dialect, columns, complete=sample.complete)]
        header = None
        if rows and dialect.header:
            header = [decode_line(field, dialect.encoding, dialect.fallback_encoding) for field in rows[0]]
        self.grammar.learn(rows[dialect.header_lines :] if dialect.header else rows)
        self.summary_rows = SummaryRows(header)

    def parse(self, lines: list[bytes], buffer: bytes, final: bool) -> tuple[list[Item], int]:
        """See `LineReader`."""
        items: list[Item] = []
        append = items.append
        columns, delimiter, codec = self.columns, self.delimiter, self.text.codec
        quote = b"" if self.quoting == "none" else b'"'
        escape = b"\\" if self.quoting == "backslash" else b""
        long_field, first = self.limits.max_field_chars, self.text.bom
        suspects = self.summary_rows.suspects
        longest = min(long_field, _CSV_MODULE_LIMIT, self.longest)
        slow = self.text.wide or self.quoting == "typographic" or b"\x00" in buffer
        offset, row, used = self.offset, self.row, 0
        remaining = iter(lines)
        for line in remaining:
            size = len(line)
            quoted = quote and quote in line
            if quoted or (escape and escape in line) or slow or row == 0 or size > longest or offset == first:
                fast = quoted and not slow and row and size <= longest and offset != first
                if fast and (fields := self._with_csv_module(line)) is not None:
                    used += size
                    end = offset + size
                    append(
                        self._checked(row, fields, offset, end, line)
                        if fields[0] in suspects
                        else Record(row, fields, offset, end)
                    )
                    row += 1
                    offset = end
                    continue
                self.row, self.offset = row, offset
                length = self._parse_record(items, line, buffer, used, final)
                if length is None:
                    break
                used += length
                offset, row = self.offset, self.row
                while length > size:  # the record spans further lines
                    size += len(next(remaining))
                continue
            end = offset + size
            try:
                text = line.decode(codec).rstrip("\r\n")
            except UnicodeDecodeError as error:
                other = self.fallback_text(line)
                if other is None:
                    append(self.undecodable(row, offset, end, line, error))
                else:
                    append(Note("fallback_rows"))
                    self._finish(items, row, other.rstrip("\r\n").split(delimiter), offset, end, line)
                row += 1
            else:
                fields = text.split(delimiter)
                if not text:
                    append(Blank(offset, end, False))
                elif len(fields) == columns:
                    append(
                        self._checked(row, fields, offset, end, line)
                        if fields[0] in suspects
                        else Record(row, fields, offset, end)
                    )
                    row += 1
                else:
                    self._finish(items, row, fields, offset, end, line)
                    row += 1
            used += size
            offset = end
        self.offset, self.row = offset, row
        return items, used

    def _parse_record(self, items: list[Item], line: bytes, buffer: bytes, start: int, final: bool) -> int | None:
        """Parse any record with the grammar; returns its length in the buffer, None if more of the file is needed."""
        text = self.text
        row, offset = self.row, self.offset
        if line in (b"\n", b"\r", b"\r\n") or (offset == text.bom and SEPARATOR_LINE.match(line)):
            self.offset += text.source_size(line)
            items.append(Blank(offset, self.offset, len(line) > 2))
            self.row = self.next_row(row, blank=True)
            return len(line)
        if len(line) > self.longest:
            self.offset, self.row = offset + text.source_size(line), self.next_row(row)
            items.append(self.too_long(row, offset, self.offset, line))
            return len(line)
        parsed = self.grammar.read(buffer, start, start + len(line), final)
        if parsed is None:
            return None
        data = buffer[start : parsed.end]
        end = offset + text.source_size(data)
        codec = text.codec
        try:
            if text.fallback and self.fallback_text(data) is not None and not _decodes(data, codec):
                codec = text.fallback
                items.append(Note("fallback_rows"))
            data.decode(codec)
            fields = [field.decode(codec) for field in parsed.fields]
        except UnicodeDecodeError as error:
            items.append(
                Blank(offset, end, True)
                if row == 0
                else self.undecodable(row, offset, end, data, self._record_error(data, error))
            )
        else:
            if parsed.damaged and row:
                items.append(Note("quote_rows"))
            if parsed.row_like_lines and row:
                items.append(Note("row_like_lines"))
            self._finish(items, row, fields, offset, end, data, damaged=parsed.damaged)
        self.offset, self.row = end, self.next_row(row)
        return len(data)

    def _record_error(self, data: bytes, error: UnicodeDecodeError) -> UnicodeDecodeError:
        """Return the error with its offset in the whole record; `error` may be that of a single field."""
        try:
            data.decode(self.text.codec)
        except UnicodeDecodeError as record_error:
            return record_error
        return error

    def _with_csv_module(self, line: bytes) -> list[str] | None:
        """Parse a line that the csv module reads exactly as the grammar does; None for all other lines."""
        if (b' "' in line and self._spaced.search(line)) or (
            self.quoting == "backslash" and (b"\\" in line or b'""' in line)
        ):
            return None
        try:
            text = line.decode(self.text.codec).rstrip("\r\n")
            fields = next(csv.reader([text], delimiter=self.delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        return fields if len(fields) == self.columns else None

    def _finish(
        self,
        items: list[Item],
        row: int,
        fields: list[str],
        start: int,
        end: int,
        data: bytes,
        *,
        damaged: bool = False,
    ) -> None:
        """Append the record with notes on repairs, or its rejection."""
        if row == 0:
            items.append(Blank(start, end, True))
            return
        columns, limit = self.columns, self.limits.max_field_chars
        if len(fields) > columns:
            surplus = any(map(str.strip, fields[columns:]))
            if surplus and columns == 1:
                text = data.decode(self.text.codec) if _decodes(data, self.text.codec) else self.fallback_text(data)
                fields = [(text or "").rstrip("\r\n")]
            elif surplus:
                reason, cause = (
                    ("unclosed-quote", "a quotation mark in it is never closed.")
                    if damaged
                    else ("too-many-fields", "perhaps one holds the delimiter without quotation marks around it.")
                )
                explanation = f"The row has {len(fields)} fields where {columns} are expected; {cause}"
                items.append(self.reject(row, start, end, data, reason, explanation))
                return
            del fields[columns:]
        if end - start > limit:
            for number, field in enumerate(fields, 1):
                if len(field) > limit:
                    explanation = f"Field {number} has {len(field):,} characters"
                    explanation += f"; at most {limit:,} are allowed (max_field_chars)."
                    items.append(self.reject(row, start, end, data, "field-too-long", explanation))
                    return
        if len(fields) < columns:
            items.append(Note("padded_rows"))
            fields += [""] * (columns - len(fields))
        if b"\x00" in data:
            items.append(Note("nul_rows"))
            fields = [field.replace("\x00", "") for field in fields]
        items.append(self._checked(row, fields, start, end, data))

    def _checked(self, row: int, fields: list[str], start: int, end: int, data: bytes) -> Record | Rejected:
        """Return the record, or its rejection if it repeats the header or is a total."""
        rejection = self.summary_rows.check(fields)
        return Record(row, fields, start, end) if rejection is None else self.reject(row, start, end, data, *rejection)


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


class SampleRow(NamedTuple):
    """One record from the start of a file. `number`: its place from 1; blank lines count."""

    fields: list[bytes]
    damaged: bool
    number: int


def sample_rows(
    sample: bytes, dialect: Dialect, columns: int | None, *, complete: bool, max_rows: int = _SAMPLE_ROWS
) -> list[SampleRow]:
    """Parse the first records of a sample from the start of a file, including the header.

    `complete`: the sample is the whole file, so that its last record is complete too.
    """
    delimiter = encoded_delimiter(dialect.delimiter, dialect.encoding)
    marks = encoded_marks(line_codec(dialect.encoding))
    grammar = Grammar(delimiter, dialect.quoting, columns, max(1 << 16, len(sample) // 4), marks)
    rows: list[SampleRow] = []
    start = number = 0
    while start < len(sample) and len(rows) < max_rows:
        line = _LINE.match(sample, start)
        assert line is not None
        number += 1
        if line.end(1) == start or (start == 0 and SEPARATOR_LINE.match(line.group())):
            start = line.end()
            continue
        parsed = grammar.read(sample, start, line.end(), complete)
        if parsed is None or (parsed.end == len(sample) and not complete):
            break
        rows.append(SampleRow(parsed.fields, parsed.damaged, number))
        start = parsed.end
    return rows


def table_rows(sample: bytes, dialect: Dialect, columns: int | None, *, complete: bool) -> list[SampleRow]:
    """Like `sample_rows`, from the header or the first review on."""
    rows = sample_rows(sample, dialect, columns, complete=complete)
    return [row for row in rows if row.number >= dialect.first_row]
