"""The vocabulary of review tables: how a file is written (dialect), which column means what (mapping), and what was
seen in it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from reviewlens.contracts.roles import RoleColumns


class FileFormat(StrEnum):
    """Kinds of file that are read."""

    CSV = "csv"  # any delimited text, TSV included
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


class Dialect(BaseModel):
    """How a file is written; detected by `sniff`, may be overridden field by field, frozen into a job's spec.

    `encoding`: utf-8, utf-16-le, utf-16-be or cp1252 (a byte-order mark is skipped). `quoting`: how a quote stands
    inside a quoted field: 'double' ("") or 'backslash' (\\"); 'none': quotes are ordinary characters. Format-irrelevant
    fields keep their defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: FileFormat = FileFormat.CSV
    compression: Literal["none", "gzip"] = "none"
    encoding: Literal["utf-8", "utf-16-le", "utf-16-be", "cp1252"] = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    quoting: Literal["double", "backslash", "none"] = "double"
    header: bool = True


class DateFormat(BaseModel):
    """How a date column is written. `order` decides numeric day/month; `ambiguous`: both orders fit all values seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal[
        "epoch_seconds", "epoch_milliseconds", "iso", "numeric", "named_month", "month_year", "excel_serial"
    ] = "iso"
    order: Literal["year_first", "month_first", "day_first"] = "year_first"
    ambiguous: bool = False


class Mapping(RoleColumns):
    """Which column has which role, and how dates and ratings are written."""

    date_format: DateFormat | None = Field(None, description="How the dates are written; null without a date column.")
    rating_scale: float = Field(
        5.0, gt=0, description="Best possible rating in the file; ratings are scaled to 1-5 from it."
    )


class ColumnInfo(BaseModel):
    """One column as seen in the sample: its header, its name in `served.csv`, and a few facts for choosing."""

    index: int
    name: str
    served_name: str
    examples: list[str]
    filled: float = Field(description="Share of sampled rows in which it is not empty.")


class Sniffed(BaseModel):
    """What was detected in an upload: answered by POST /uploads and shown for correction.

    `mapping` is None when no column looks like review text (a warning says so, and a mapping must be given). `preview`
    holds up to 20 rows of raw fields; `warnings` are sentences for the person. `mapping_reasons`: field -> why it was
    chosen.
    """

    dialect: Dialect
    columns: list[ColumnInfo]
    mapping: Mapping | None
    mapping_reasons: dict[str, str] = {}
    preview: list[list[str]]
    warnings: list[str]
    size_bytes: int
    estimated_rows: int
