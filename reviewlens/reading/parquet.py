"""The reader for Parquet: streams rows in batches and converts every value to text."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from reviewlens.errors import InputError, LimitError
from reviewlens.reading.lines import RAW_CHARS, Item, Note
from reviewlens.reading.records import Position, ReadLimits, Record, Rejected
from reviewlens.reading.sources import human_size

_BATCH = 512  # rows in memory, each of which may have fields of max_field_chars


def open_parquet(source: BinaryIO, limits: ReadLimits) -> pq.ParquetFile:
    """Open a file and check its footer against the limits before any data is decompressed."""
    try:
        file = pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 20)
        footer = file.metadata
        groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise _damaged() from error
    unpacked = sum(group.total_byte_size for group in groups)
    packed = sum(group.column(index).total_compressed_size for group in groups for index in range(group.num_columns))
    if unpacked > limits.max_unpacked_bytes:
        raise LimitError(
            f"The Parquet file has {human_size(unpacked)} of decompressed data; at most"
            f" {human_size(limits.max_unpacked_bytes)} are allowed. Split it, or raise max_unpacked_bytes.",
            code="unpacked-too-large",
            details={"limit": "max_unpacked_bytes", "allowed": limits.max_unpacked_bytes, "actual": unpacked},
        )
    if unpacked > max(1 << 20, limits.max_compression_ratio * packed):
        raise LimitError(
            f"The Parquet file decompresses to more than {limits.max_compression_ratio} times its size, as malicious"
            " files do. Save it as CSV, or raise max_compression_ratio.",
            code="compression-ratio",
            details={"limit": "max_compression_ratio", "allowed": limits.max_compression_ratio},
        )
    return file


def parquet_columns(source: BinaryIO, limits: ReadLimits) -> list[str]:
    """Return the names of the top-level columns."""
    return list(open_parquet(source, limits).schema_arrow.names)


class ParquetReader:
    """Yields blocks of items; spans are row offsets."""

    def __init__(self, source: BinaryIO, limits: ReadLimits, position: Position) -> None:
        self.file = open_parquet(source, limits)
        self.limits = limits
        self.position = position

    @property
    def total(self) -> int:
        """The number of rows, from the footer."""
        return int(self.file.metadata.num_rows)

    def blocks(self) -> Iterator[list[Item]]:
        """Yield all items from the position on."""
        offset, start = 0, self.position.offset
        for index in range(self.file.metadata.num_row_groups):
            size = self.file.metadata.row_group(index).num_rows
            if offset + size <= start:
                offset += size
                continue
            try:
                for batch in self.file.iter_batches(batch_size=_BATCH, row_groups=[index]):
                    skip = max(0, min(start - offset, batch.num_rows))
                    offset += skip
                    if skip < batch.num_rows:
                        yield self._items(batch.slice(skip), offset)
                    offset += batch.num_rows - skip
            except (pa.ArrowException, OSError) as error:
                raise _damaged() from error

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
