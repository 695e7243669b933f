"""Reads uploads: every record of a file in order, and every row that must be rejected, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from reviewlens.contracts.tables import Dialect, FileFormat
from reviewlens.errors import InputError, LimitError
from reviewlens.reading.delimited import DelimitedReader, SampleRow, sample_rows, table_rows
from reviewlens.reading.json_document import JsonDocumentReader, document_schema
from reviewlens.reading.json_values import SURROGATES
from reviewlens.reading.jsonl import JsonLinesReader, sample_schema
from reviewlens.reading.lines import Item, Note
from reviewlens.reading.notes import tally_warnings
from reviewlens.reading.outline import join_headings
from reviewlens.reading.parquet import ParquetReader, parquet_columns
from reviewlens.reading.records import Blank, Ledger, LedgerError, Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import Sample, Text, Unpacked, decode_line, take_sample
from reviewlens.reading.xlsx import XlsxReader, read_table

__all__ = [
    "Ledger",
    "LedgerError",
    "Position",
    "ReadLimits",
    "Reader",
    "Record",
    "Rejected",
    "read_columns",
    "read_records",
]

SAMPLE_BYTES = 1 << 20
KEY_SAMPLE_BYTES = 8 << 20  # part of the file from which the keys of JSON Lines are collected
_MAX_UNSEEN_KEYS = 50


class _Source(Protocol):
    def blocks(self) -> Iterator[list[Item]]: ...

    @property
    def total(self) -> int: ...


class _LineSource:
    def __init__(self, stream: Unpacked, reader: DelimitedReader | JsonLinesReader) -> None:
        self._stream = stream
        self.blocks = reader.blocks

    @property
    def total(self) -> int:
        return self._stream.total


class Reader(Iterator[Record | Rejected]):
    """Iterates over the rows of one file.

    `position` is where reading resumes after the last returned row. `ledger` accounts for every byte up to there (blank
    lines after it are counted with the next row). `tallies` counts the repaired rows by kind of repair.
    """

    def __init__(self, source: _Source, limits: ReadLimits, position: Position) -> None:
        self.ledger = Ledger(position)
        self.tallies = Counter({name: count for name, count in position.tallies.items() if not name.endswith("_bytes")})
        self.unseen_keys = Counter(position.unseen_keys)
        self._next_row = position.row
        self._source = source
        self._limits = limits
        self._rows = self._iterate()

    def __iter__(self) -> Iterator[Record | Rejected]:
        return self._rows

    def __next__(self) -> Record | Rejected:
        return next(self._rows)

    @property
    def position(self) -> Position:
        """Where reading resumes after the last returned row."""
        sizes = {name: size for name, size in self.ledger.as_dict().items() if name != "bytes_total"}
        return Position(self.ledger.end, self._next_row, {**sizes, **self.tallies}, dict(self.unseen_keys))

    @property
    def total(self) -> int:
        """Size in the unit of spans: of the whole file for Parquet and workbooks, otherwise of the part read so far."""
        return self._source.total

    @property
    def warnings(self) -> list[str]:
        """One sentence for each kind of repair so far."""
        return tally_warnings(self.tallies, self.unseen_keys)

    def _iterate(self) -> Iterator[Record | Rejected]:
        ledger, max_rows = self.ledger, self._limits.max_rows
        for block in self._source.blocks():
            for item in block:
                kind = type(item)
                if kind is Record:
                    if item[2] != ledger.end:  # type: ignore[misc]
                        ledger.add(item)  # type: ignore[arg-type]
                    row, _, start, end = item  # type: ignore[misc]
                    ledger.end = end
                    ledger.record_bytes += end - start
                elif isinstance(item, Note):
                    self._note(item)
                    continue
                elif isinstance(item, Blank):
                    ledger.add(item)
                    continue
                else:
                    ledger.add(item)
                    row = item[0]
                if row > max_rows:
                    raise LimitError(
                        f"The file has more than {max_rows:,} rows. Split it, or raise max_rows.",
                        code="too-many-rows",
                        details={"limit": "max_rows", "allowed": max_rows},
                    )
                self._next_row = row + 1
                yield item  # type: ignore[misc]
        ledger.close(self._source.total)

    def _note(self, note: Note) -> None:
        if not note.name.startswith("key:"):
            self.tallies[note.name] += 1
            return
        key = note.name[4:]
        if key in self.unseen_keys or len(self.unseen_keys) < _MAX_UNSEEN_KEYS:
            self.unseen_keys[key] += 1
        else:
            self.tallies["further_unseen_keys"] += 1


def read_columns(source: BinaryIO, dialect: Dialect, limits: ReadLimits) -> list[str]:
    """Return the headers of a file's columns in file order, '' for a column without one.

    The number of columns is that of the header, or that of most rows at the start of the file if it is larger. The
    result depends only on file and dialect. Errors: InputError for an empty or damaged file, LimitError for more than
    `max_columns`.
    """
    if dialect.format is FileFormat.PARQUET:
        names = parquet_columns(source, limits)
    elif dialect.format.is_workbook:
        names = read_table(source, dialect, limits).columns
    elif dialect.format is FileFormat.JSON:
        stream = Unpacked(source, dialect.compression, limits, dialect.member)
        names = list(
            document_schema(Text(stream, dialect.encoding, fallback=dialect.fallback_encoding), dialect, limits).keys
        )
    else:
        size = SAMPLE_BYTES if dialect.format is FileFormat.CSV else KEY_SAMPLE_BYTES
        sample = take_sample(Unpacked(source, dialect.compression, limits, dialect.member), dialect.encoding, size)
        names = sample_columns(sample, dialect, limits)
    if not names:
        raise InputError("The file is empty: it has no rows and no header.", code="empty-file")
    if len(names) > limits.max_columns:
        raise LimitError(
            f"The file has {len(names):,} columns; at most {limits.max_columns:,} are allowed. "
            f"Remove columns, or raise max_columns.",
            code="too-many-columns",
            details={"limit": "max_columns", "allowed": limits.max_columns, "actual": len(names)},
        )
    return [name.translate(SURROGATES) for name in names]


def sample_columns(sample: Sample, dialect: Dialect, limits: ReadLimits) -> list[str]:
    """Like `read_columns`, for a sample of a text file; [] when it is empty."""
    if dialect.format is FileFormat.JSONL:
        return list(sample_schema(sample, dialect.encoding, dialect.fallback_encoding).keys)
    rows = table_rows(sample.data, dialect, None, complete=sample.complete)
    if not rows and sample.data.strip(b"\r\n"):  # one record is longer than the sample
        rows = sample_rows(sample.data, dialect, None, complete=True, max_rows=1)
    if not rows:
        return []
    if not dialect.header:
        return [""] * _usual_size(rows, 0)
    lines = dialect.header_lines
    first = join_headings(
        [
            [
                decode_line(field, dialect.encoding, dialect.fallback_encoding).replace("\x00", "")
                for field in row.fields
            ]
            for row in rows[:lines]
        ]
    )
    sound = [row for row in rows[lines:] if not row.damaged]
    # A header may have fewer columns than the rows, so it does not decide which lines belong together.
    columns = _usual_size(sound, len(first)) if sound else len(first)
    below = table_rows(sample.data, dialect, columns, complete=sample.complete)[lines:]
    usual = _usual_size(below, len(first))
    if len(first) > max(1, usual) and not first[-1].strip() and below:
        first.pop()  # a delimiter at the end of the header
    if usual == len(first) + 1 and _numbered(below):
        first.insert(0, "")  # a first column of row numbers without a header
    return first + [""] * (usual - len(first))


def _usual_size(rows: list[SampleRow], expected: int) -> int:
    """Return the most common number of fields, without last fields that are always empty; `expected` wins a tie."""
    counts = Counter(len(row.fields) for row in rows if not row.damaged) or Counter(len(row.fields) for row in rows)
    if not counts:
        return 0
    usual = max(counts, key=lambda size: (counts[size], size == expected, size))
    while usual > 1 and not any(row.fields[usual - 1].strip() for row in rows if len(row.fields) == usual):
        usual -= 1
    return usual


def _numbered(rows: list[SampleRow]) -> bool:
    starts = [row.fields[0].strip() for row in rows[:50]]
    return len(starts) > 1 and any(
        starts == [b"%d" % number for number in range(base, base + len(starts))] for base in (0, 1)
    )


def read_records(
    source: BinaryIO, dialect: Dialect, columns: int, limits: ReadLimits, *, resume_at: Position | None = None
) -> Reader:
    """Read a file from `resume_at`, or from its start, to its end.

    `source`: the file as uploaded (compressed or not), at its start. `columns`: the number of fields of each record,
    `len(read_columns(...))`. Errors: InputError when the file cannot be read, LimitError when it exceeds a limit.
    """
    position = resume_at or Position()
    return Reader(_source(source, dialect, columns, limits, position), limits, position)


def _source(source: BinaryIO, dialect: Dialect, columns: int, limits: ReadLimits, position: Position) -> _Source:
    if dialect.format is FileFormat.PARQUET:
        return ParquetReader(source, limits, position)
    if dialect.format.is_workbook:
        return XlsxReader(source, columns, limits, position, dialect)
    if dialect.format is FileFormat.JSON:
        stream = Unpacked(source, dialect.compression, limits, dialect.member)
        schema = document_schema(Text(stream, dialect.encoding, fallback=dialect.fallback_encoding), dialect, limits)
        source.seek(0)
        return JsonDocumentReader(
            Unpacked(source, dialect.compression, limits, dialect.member), dialect, schema, limits, position
        )
    stream = Unpacked(source, dialect.compression, limits, dialect.member)
    if dialect.format is FileFormat.JSONL:
        schema = sample_schema(
            take_sample(stream, dialect.encoding, KEY_SAMPLE_BYTES), dialect.encoding, dialect.fallback_encoding
        )
        text = Text(stream, dialect.encoding, position.offset, dialect.fallback_encoding)
        return _LineSource(stream, JsonLinesReader(text, schema, limits, position))
    sample = take_sample(stream, dialect.encoding, SAMPLE_BYTES)
    text = Text(stream, dialect.encoding, position.offset, dialect.fallback_encoding)
    return _LineSource(stream, DelimitedReader(text, dialect, columns, limits, position, sample))
