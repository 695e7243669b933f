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

    format: FileFormat = Field(FileFormat.CSV, description="Format of the file.")
    compression: Literal["none", "gzip"] = Field("none", description="How the file is compressed.")
    encoding: Literal["utf-8", "utf-16-le", "utf-16-be", "cp1252"] = Field("utf-8", description="Encoding of its text.")
    delimiter: Literal[",", ";", "\t", "|"] = Field(",", description="What separates the fields.")
    quoting: Literal["double", "backslash", "none"] = Field(
        "double", description="How a quote inside a quoted field is written."
    )
    header: bool = Field(True, description="Whether the first line has the column names.")


class DateFormat(BaseModel):
    """How a date column is written. `order`: that of day and month in numbers; `ambiguous`: both fit every value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal[
        "epoch_seconds", "epoch_milliseconds", "iso", "numeric", "named_month", "month_year", "excel_serial"
    ] = Field("iso", description="Kind of date.")
    order: Literal["year_first", "month_first", "day_first"] = Field(
        "year_first", description="Order of day, month and year."
    )
    ambiguous: bool = Field(False, description="Whether day first and month first both fit.")


class Mapping(RoleColumns):
    """Which column has which role, and how dates and ratings are written."""

    date_format: DateFormat | None = Field(None, description="How the dates are written; null without a date column.")
    rating_scale: float = Field(
        5.0, gt=0, description="Best possible rating in the file; ratings are scaled to 1-5 from it."
    )


class ColumnInfo(BaseModel):
    """One column of the sample: its header, its name in `served.csv`, and facts that help to choose its role."""

    index: int = Field(description="Place in the file, counted from 0.")
    name: str = Field(description="Header in the file.")
    served_name: str = Field(description="Name in served.csv.")
    examples: list[str] = Field(description="A few different values.")
    filled: float = Field(description="Share of sampled rows that have a value.")


class CodedWarning(BaseModel):
    """A warning with a stable code."""

    message: str = Field(description="Sentence for the user.")
    code: str = Field("note", description="Stable code; `note` for a warning without one of its own.")
    examples: list[str] = Field([], description="Values that the warning is about.")


class Warned(str):
    """A sentence for the user that carries a stable code and examples."""

    code: str
    examples: tuple[str, ...]

    def __new__(cls, code: str, message: str, *examples: str) -> Warned:
        """Return the sentence with its code."""
        warned = super().__new__(cls, message)
        warned.code, warned.examples = code, examples
        return warned

    def __reduce__(self) -> tuple[type[Warned], tuple[str, ...]]:
        """Return what makes a copy."""
        return Warned, (self.code, str(self), *self.examples)


def coded(warnings: list[str]) -> list[CodedWarning]:
    """The sentences with their codes; a plain one has the code `note`."""
    return [
        CodedWarning(code=each.code, message=str(each), examples=list(each.examples))
        if isinstance(each, Warned)
        else CodedWarning(message=each)
        for each in warnings
    ]


class Sniffed(BaseModel):
    """What was detected in an upload, for the user to correct.

    `mapping` is None if no column looks like review text; a warning says so, and the user must choose one. `preview`
    holds up to 20 rows of raw fields; `warnings` are sentences for the user. `mapping_reasons`: why each role has its
    column.
    """

    dialect: Dialect = Field(description="How the file is written.")
    columns: list[ColumnInfo] = Field(description="The file's columns, in order.")
    mapping: Mapping | None = Field(
        description="Which column has which role; null if no column looks like review text."
    )
    mapping_reasons: dict[str, str] = Field({}, description="Why each role has its column.")
    preview: list[list[str]] = Field(description="Up to 20 rows of raw fields.")
    warnings: list[str] = Field(description="Sentences for the user.")
    coded_warnings: list[CodedWarning] = Field([], description="The same warnings with codes and examples.")
    size_bytes: int = Field(description="Size of the file.")
    estimated_rows: int = Field(description="Rows in the file; an estimate for large files.")
