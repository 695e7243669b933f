"""The reader for Parquet: streams rows in batches and converts every value to text."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reviewlens.errors import InputError, LimitError
from reviewlens.reading.lines import RAW_CHARS, Item, Note
from reviewlens.reading.records import Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import human_size

_BATCH = 512  # rows in memory, each of which may have fields of max_field_chars
_BATCH_BYTES = 64 << 20  # of an average batch; rows of a file with long fields are fewer
_TRUSTED_ROWS = 500  # rows from which the size of all is estimated
_FREE_BYTES = 500_000_000  # dictionaries make columns of few values very small, so that their ratio means little
_DOUBT = 2  # by so much the first rows may be larger than the others


def open_parquet(source: BinaryIO, limits: ReadLimits) -> pq.ParquetFile:
    """Open a file and check its footer against the limits before any data is decompressed."""
    try:
        file = pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 20)
        footer = file.metadata
        groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise _damaged() from error
    if footer.num_rows > limits.max_rows:
        raise LimitError(
            f"The file has {footer.num_rows:,} rows; at most {limits.max_rows:,} are allowed. Split it, or raise"
            " max_rows.",
            code="too-many-rows",
            details={"limit": "max_rows", "allowed": limits.max_rows, "actual": footer.num_rows},
        )
    unpacked = sum(group.total_byte_size for group in groups)
    packed = sum(group.column(index).total_compressed_size for group in groups for index in range(group.num_columns))
    if unpacked > limits.max_unpacked_bytes:
        raise _too_large(unpacked, limits)
    if unpacked > max(1 << 20, limits.max_compression_ratio * packed):
        raise _too_compressed(limits)
    return file


def _too_compressed(limits: ReadLimits) -> LimitError:
    return LimitError(
        f"The Parquet file decompresses to more than {limits.max_compression_ratio} times its size, as malicious"
        " files do. Save it as CSV, or raise max_compression_ratio.",
        code="compression-ratio",
        details={"limit": "max_compression_ratio", "allowed": limits.max_compression_ratio},
    )


def _too_large(size: int, limits: ReadLimits) -> LimitError:
    return LimitError(
        f"The Parquet file has {human_size(size)} of decompressed data; at most"
        f" {human_size(limits.max_unpacked_bytes)} are allowed. Split it, or raise max_unpacked_bytes.",
        code="unpacked-too-large",
        details={"limit": "max_unpacked_bytes", "allowed": limits.max_unpacked_bytes, "actual": size},
    )


def parquet_columns(source: BinaryIO, limits: ReadLimits) -> list[str]:
    """Return the names of the top-level columns."""
    return list(open_parquet(source, limits).schema_arrow.names)


class ParquetReader:
    """Yields blocks of items; spans are row offsets."""

    def __init__(self, source: BinaryIO, limits: ReadLimits, position: Position) -> None:
        self.file = open_parquet(source, limits)
        self.limits = limits
        self.position = position
        self._decoded_rows = self._decoded_bytes = 0
        self._free_bytes = max(_FREE_BYTES, limits.max_compression_ratio * source.seek(0, 2))

    @property
    def total(self) -> int:
        """The number of rows, from the footer."""
        return int(self.file.metadata.num_rows)

    def blocks(self) -> Iterator[list[Item]]:
        """Yield all items from the position on."""
        offset, start = 0, self.position.offset
        unpacked = sum(self.file.metadata.row_group(i).total_byte_size for i in range(self.file.num_row_groups))
        batch_rows = max(1, min(_BATCH, _BATCH_BYTES * self.total // max(1, unpacked)))
        for index in range(self.file.metadata.num_row_groups):
            size = self.file.metadata.row_group(index).num_rows
            if offset + size <= start:
                offset += size
                continue
            try:
                for batch in self.file.iter_batches(batch_size=batch_rows, row_groups=[index]):
                    for piece in self._pieces(batch):
                        skip = max(0, min(start - offset, piece.num_rows))
                        offset += skip
                        if skip < piece.num_rows:
                            yield self._items(piece.slice(skip), offset)
                        offset += piece.num_rows - skip
            except MemoryError:  # is an ArrowException too
                raise
            except (pa.ArrowException, OSError) as error:
                raise _damaged() from error

    def _pieces(self, batch: Any) -> Iterator[Any]:
        """The batch in parts that are not large when decoded. A few kilobytes can hold one long text in a million rows.

        Errors: LimitError when the file has, or seems to have, too much decoded data.
        """
        decoded = sum(_decoded_bytes(column) for column in batch.columns)
        self._decoded_rows += batch.num_rows
        self._decoded_bytes += decoded
        size = self._decoded_bytes
        if self._decoded_rows >= _TRUSTED_ROWS:
            size = max(size, size * self.total // (_DOUBT * self._decoded_rows))
        if size > self.limits.max_unpacked_bytes:
            raise _too_large(size, self.limits)
        if size > self._free_bytes:
            raise _too_compressed(self.limits)
        rows = max(1, batch.num_rows * _BATCH_BYTES // max(decoded, _BATCH_BYTES))
        return (batch.slice(first, rows) for first in range(0, batch.num_rows, rows))

    def _items(self, batch: Any, offset: int) -> list[Item]:
        columns = [_texts(batch.column(index)) for index in range(batch.num_columns)]
        names = batch.schema.names
        items: list[Item] = []
        limit = self.limits.max_field_chars
        for index in range(batch.num_rows):
            fields = [column[index] for column in columns]
            start, row = offset + index, offset + index + 1
            longest = max(range(len(fields)), key=lambda column: len(fields[column]))
            if len(fields[longest]) > limit:
                explanation = (
                    f"The field {names[longest][:60]!r} has {len(fields[longest]):,} characters; "
                    f"at most {limit:,} are allowed (max_field_chars)."
                )
                raw = json.dumps(
                    {name: field[:RAW_CHARS] for name, field in zip(names, fields, strict=True)}, ensure_ascii=False
                )
                items.append(Rejected(row, start, start + 1, "field-too-long", explanation, raw[:RAW_CHARS], ""))
                continue
            if any("\x00" in field for field in fields):
                fields = [field.replace("\x00", "") for field in fields]
                items.append(Note("nul_rows"))
            items.append(Record(row, fields, start, start + 1))
        return items


def _decoded_bytes(column: Any) -> int:
    """The size of a column without its dictionary, in which each value is held once."""
    kind = column.type
    if not pa.types.is_dictionary(kind):
        return int(column.nbytes)
    values = column.dictionary
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or pa.types.is_binary(values.type):
        lengths = pc.binary_length(values)
        return int(pc.sum(pc.cast(pc.take(lengths, column.indices), pa.int64())).as_py() or 0)
    return int(values.nbytes // max(1, len(values)) * len(column))


def _texts(column: Any) -> list[str]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _texts(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            return ["" if value is None else value for value in column.to_pylist()]
        except UnicodeDecodeError:
            column = column.view(pa.large_binary() if pa.types.is_large_string(kind) else pa.binary())
    convert: Callable[[Any], str] = value_text
    return [convert(value) for value in column.to_pylist()]


def value_text(value: object) -> str:
    """Convert a value to text: null is '', dates ISO, bytes UTF-8 or else Base64, lists and structures JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False, default=value_text)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _damaged() -> InputError:
    return InputError(
        "The Parquet file is damaged or incomplete; create it again and upload it.", code="corrupt-parquet"
    )
