"""What was detected in a file, as one document: how it is written, its columns and their roles, and its counts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import CodedWarning, FileFormat, FirstDate


class DetectedColumn(BaseModel):
    """One column."""

    name: str = Field(description="Its header; its name in served.csv if it has none or shares it with another column.")
    role: Role | Literal["segment"] | None = Field(
        description="Its role, or segment for a column by which the reviews can be split; null for neither."
    )
    filled: float = Field(description="Share of sampled rows that have a value.")
    examples: list[str] = Field(description="A few different values.")


class DetectedRoles(BaseModel):
    """The names of the columns of each role; null or [] for none."""

    text: list[str] = Field(description="All columns of review text, in the order in which they are read.")
    title: str | None
    rating: str | None
    date: str | None
    product: str | None
    segments: list[str] = Field(description="Columns by which the reviews can be split, besides the product.")


class Detected(BaseModel):
    """What was detected in a file with the user's choices.

    The counts are those of the file. `texts` + `empty_texts` = (`rows` - `rejected`) x the texts that a row can hold:
    1, or the number of text columns if `read_texts` is 'each'. Where `sampled` is true the counts are those of the
    file's first rows, and `estimated_rows` is about the file.
    """

    format: FileFormat
    encoding: str | None = Field(description="Encoding of a text format, else null.")
    fallback_encoding: str | None = Field(description="Encoding of the lines that `encoding` cannot decode; else null.")
    compression: Literal["none", "gzip", "zip"] = Field(description="How the file is compressed.")
    member: str | None = Field(description="The file in a ZIP archive that is read, else null.")
    members: list[str] = Field(description="All text files of a ZIP archive.")
    delimiter: str | None = Field(description="What separates the fields of a CSV file, else null.")
    quoting: str | None = Field(description="How a CSV file writes quotes within fields, else null.")
    sheet: str | tuple[str, ...] | None = Field(description="The sheet that is read; null without sheets.")
    sheets: list[str] = Field(description="All sheets of a workbook.")
    header_row: int | None = Field(description="Row of the header, counted from 1; null without a header.")
    header_lines: int | None = Field(description="Rows of the header; null without a header.")
    title_rows: int | None = Field(description="Rows above the first review of a table without a header, else null.")
    json_path: str | None = Field(description="JSON pointer to the records of a JSON document, else null.")
    json_layout: str | None = Field(description="How a JSON document has its records, else null.")
    rows: int = Field(description="Rows, without header and blank lines.")
    texts: int = Field(description="Texts to score; a row can have several.")
    empty_texts: int = Field(description="Texts that are empty or only placeholders.")
    rows_without_text: int = Field(description="Rows that can be read but have no text to score.")
    rejected: int = Field(description="Rows that cannot be read.")
    sampled: bool = Field(description="Whether only the first rows of a large file were counted.")
    estimated_rows: int = Field(description="Rows of the file; an estimate for large files.")
    columns: list[DetectedColumn]
    roles: DetectedRoles
    read_texts: Literal["each", "joined"] = Field(
        description="Whether several texts of a row are a review each, or joined into one."
    )
    rating_scale: tuple[float, float] | None = Field(description="Worst and best rating; null without ratings.")
    ratings_read: int = Field(description="Counted rows whose rating can be read.")
    date_order: str | None = Field(description="Order of day, month and year; null without dates.")
    dates_read: int = Field(description="Counted rows whose date can be read.")
    first_date: FirstDate | None = Field(description="The first date of the counted rows that can be read.")
    languages: dict[str, float] | None = Field(
        description="Share of texts by language code, from a sample; null without a text column."
    )
    all_languages: bool = Field(description="Whether texts in languages that the model does not read are judged too.")
    warnings: list[CodedWarning]
