"""Review tables: how a file is written (dialect), which column has which role (mapping), and what was detected."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from reviewlens.contracts.roles import RoleColumns


class FileFormat(StrEnum):
    """Formats that can be read."""

    CSV = "csv"  # any delimited text, TSV included
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


class Dialect(BaseModel):
    """How a file is written; detected by `sniff`, corrected field by field, frozen into a job's spec.

    A byte-order mark is skipped. `quoting`: a quote inside a quoted field is written 'double' ("") or with a
    'backslash' (\\"); 'none': quotes are ordinary characters. Fields that a format does not need keep their defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: FileFormat = FileFormat.CSV
    compression: Literal["none", "gzip"] = "none"
    encoding: Literal["utf-8", "utf-16-le", "utf-16-be", "cp1252"] = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    quoting: Literal["double", "backslash", "none"] = "double"
    header: bool = True


class DateFormat(BaseModel):
    """How a date column is written. `order`: that of day and month in numbers; `ambiguous`: both fit every value."""

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
    """One column of the sample: its header, its name in `served.csv`, and facts that help to choose its role."""

    index: int
    name: str
    served_name: str
    examples: list[str]
    filled: float = Field(description="Share of sampled rows that have a value.")


class Sniffed(BaseModel):
    """What was detected in an upload, for the user to correct.

    `mapping` is None if no column looks like review text; a warning says so, and the user must choose one. `preview`
    holds up to 20 rows of raw fields; `warnings` are sentences for the user. `mapping_reasons`: why each role has its
    column.
    """

    dialect: Dialect
    columns: list[ColumnInfo]
    mapping: Mapping | None
    mapping_reasons: dict[str, str] = {}
    preview: list[list[str]]
    warnings: list[str]
    size_bytes: int
    estimated_rows: int
