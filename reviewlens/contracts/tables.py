"""Review tables: how a file is written (dialect), which column has which role (mapping), and what was detected."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from reviewlens.contracts.encodings import Encoding
from reviewlens.contracts.roles import RoleColumns


class FileFormat(StrEnum):
    """Formats that can be read."""

    CSV = "csv"  # any delimited text, TSV included
    JSONL = "jsonl"
    JSON = "json"  # one document: an array, an object that has one, a map of records, or columns
    PARQUET = "parquet"
    XLSX = "xlsx"
    XLSB = "xlsb"
    XLS = "xls"
    ODS = "ods"

    @property
    def is_workbook(self) -> bool:
        """Whether files of this format have sheets."""
        return self in {FileFormat.XLSX, FileFormat.XLSB, FileFormat.XLS, FileFormat.ODS}


DELIMITER_NAMES = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "pipe",
    "~": "tilde",
    "^": "caret",
    ":": "colon",
}


def delimiter_name(delimiter: str) -> str:
    """Return a delimiter's name for messages: a word, the character in quotation marks, or its code point."""
    if delimiter in DELIMITER_NAMES:
        return DELIMITER_NAMES[delimiter]
    return f"“{delimiter}”" if delimiter.isprintable() else f"U+{ord(delimiter):04X}"


def is_delimiter(character: str) -> bool:
    """Whether a character can separate fields: no letter, digit, space, quotation mark, backslash or line end."""
    return (
        not character.isalnum()
        and character not in ' "\\\r\n\0\ufeff\ufffd\u2028\u2029'
        and not "\ud800" <= character <= "\udfff"
    )


def _check_delimiter(value: str) -> str:
    if not is_delimiter(value):
        raise ValueError("a letter, digit, space, quotation mark, backslash or line end cannot separate fields")
    return value


Delimiter = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_check_delimiter)]


Quoting = Literal["double", "backslash", "typographic", "none"]


class Dialect(BaseModel):
    """How a file is written; detected by `sniff`, corrected field by field, frozen into a job's spec.

    A byte-order mark is skipped. `quoting`: a quote inside a quoted field is written 'double' ("") or with a
    'backslash' (\\"); 'typographic': typographic quotes, such as “ ”, enclose fields, and straight ones are ordinary
    characters; 'none': all quotes are ordinary characters. Fields that a format does not need keep their defaults.

    The header is the first row with content from row `header_row` on. Blank rows count. The rows above it are no
    reviews. `header` and `header_row` need not both be given: `header` false means `header_row` null, and the other
    way round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: FileFormat = Field(FileFormat.CSV, description="Format of the file.")
    compression: Literal["none", "gzip", "zip"] = Field("none", description="How the file is compressed.")
    member: str = Field("", max_length=1000, description="The file in a ZIP archive that is read.")
    encoding: Encoding = Field("utf-8", description="Encoding of its text.")
    fallback_encoding: Encoding | None = Field(
        None, description="Encoding of the lines that `encoding` cannot decode; null if there are none."
    )
    delimiter: Delimiter = Field(",", description="The character that separates the fields.")
    quoting: Quoting = Field("double", description="How fields are quoted.")
    header: bool = Field(True, description="Whether a row has the column names.")
    header_row: int | None = Field(
        1, ge=1, le=1000, description="Row with the column names, counted from 1; null without a header."
    )
    header_lines: int = Field(
        1, ge=1, le=5, description="Rows of the header: more than 1 if the next rows explain the column names."
    )
    title_rows: int = Field(
        0,
        ge=0,
        le=1000,
        description="Rows above the first review of a file without a header, blank ones included; else 0.",
    )
    sheet: str | tuple[str, ...] | None = Field(
        None,
        description="Sheet of a workbook, or several with the same columns, read as one; null: the first sheet.",
    )
    json_path: str = Field(
        "", pattern=r"^(/.*)?$", description="JSON pointer to the records of a JSON document; empty for all of it."
    )
    json_layout: Literal["records", "map", "columns", "split", "arrays"] = Field(
        "records",
        description="Records of a JSON document: objects, members of an object, columns, or arrays of values.",
    )

    @property
    def first_row(self) -> int:
        """The row, from 1, at which the table starts: its header, or its first review."""
        return (self.header_row or 1) if self.header else self.title_rows + 1

    @model_validator(mode="before")
    @classmethod
    def _agree_on_header(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if values.get("header", True) in (False, "false", 0):
            return {**values, "header_row": None}
        if "header_row" in values and values["header_row"] is None:
            return {**values, "header_row": 1} if "header" in values else {**values, "header": False}
        return values


DateKind = Literal[
    "epoch_seconds",
    "epoch_milliseconds",
    "epoch_microseconds",
    "iso",
    "numeric",
    "named_month",
    "month_year",
    "quarter",
    "year",
    "excel_serial",
    "words",
]


class DateFormat(BaseModel):
    """How a date column is written.

    `kind` is the most frequent kind of date; `further` are others, tried in this order. `order`: that of day and month
    in numbers; `ambiguous`: both fit every value. `words` are dates as `dateparser` reads them ('4 marca 2024', '3 days
    ago') in `languages`; relative ones count from `relative_to`, and stay empty without it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: DateKind = Field("iso", description="Kind of date.")
    order: Literal["year_first", "month_first", "day_first"] = Field(
        "year_first", description="Order of day, month and year."
    )
    ambiguous: bool = Field(False, description="Whether day first and month first both fit.")
    further: tuple[DateKind, ...] = Field((), description="Further kinds of date in the column, in order.")
    languages: tuple[str, ...] = Field((), description="Languages of dates in words.")
    relative_to: date | None = Field(None, description="Day from which relative dates count: that of the upload.")


def default_lowest(highest: float) -> float:
    """The worst rating of a scale of which only the best one is known: 1 up to 10, else (shares, percentages) 0."""
    return 1.0 if 1 < highest <= 10 else 0.0


def _both_ends(scale: Any) -> Any:
    if isinstance(scale, int | float) and not isinstance(scale, bool):
        return default_lowest(float(scale)), float(scale)
    return scale


RatingScale = Annotated[tuple[float, float], BeforeValidator(_both_ends, json_schema_input_type=list[float] | float)]


MOST_SEGMENTS = 8
MOST_TEXTS = 10


class Mapping(RoleColumns):
    """Which column has which role, and how texts, dates and ratings are read.

    Several columns of text (`text`, then `further_texts`) are read as one review for each filled answer ('each'), or
    joined into one review ('joined').
    """

    further_texts: tuple[int, ...] = Field(
        (), max_length=MOST_TEXTS - 1, description="Further columns of review text, in the order of the file."
    )
    read_texts: Literal["each", "joined"] = Field(
        "each", description="Whether several texts of a row are a review each, or joined into one."
    )
    segments: tuple[int, ...] = Field(
        (), max_length=MOST_SEGMENTS, description="Columns by which the reviews can be split, besides the product."
    )
    language_shares: dict[str, float] = Field(
        {}, description="Share of texts by language in a sample of the file; settles unclear texts."
    )
    all_languages: bool = Field(
        False, description="Whether texts in languages that the model was not validated for are judged as well."
    )

    date_format: DateFormat | None = Field(None, description="How the dates are written; null without a date column.")
    rating_scale: RatingScale = Field(
        (1.0, 5.0),
        description="Worst and best possible rating in the file. A single number is the best one.",
    )
    rating_words: dict[str, float] = Field(
        {}, description="The number of each word on the scale, in lower case, where ratings are words."
    )

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        lowest, highest = self.rating_scale
        if not lowest < highest or highest <= 0 or not all(map(isfinite, self.rating_scale)):
            raise ValueError("rating_scale: the best rating must be greater than the worst one and than 0")
        return self

    @model_validator(mode="after")
    def _check_repeats(self) -> Self:
        if len({self.text, *self.further_texts}) <= len(self.further_texts):
            raise ValueError("further_texts: a column is named twice")
        if len(set(self.segments)) < len(self.segments):
            raise ValueError("segments: a column is named twice")
        return self

    @property
    def texts(self) -> tuple[int, ...]:
        """All columns of review text."""
        return (self.text, *self.further_texts)

    @property
    def texts_per_row(self) -> int:
        """How many reviews a row can hold."""
        return len(self.texts) if self.read_texts == "each" else 1

    @property
    def asks_several(self) -> bool:
        """Whether each of several texts of a row is a review, which then has the header of its column as question."""
        return self.texts_per_row > 1

    def row_of(self, text_number: int) -> int:
        """The row, counted from 1, of a text: row r has the texts (r - 1) * texts_per_row + 1 and following."""
        return (text_number - 1) // self.texts_per_row + 1

    def text_column_of(self, text_number: int) -> int:
        """The column of a text."""
        return self.texts[(text_number - 1) % self.texts_per_row]


class ColumnInfo(BaseModel):
    """One column of the sample: its header, its name in `served.csv`, and facts that help to choose its role."""

    index: int = Field(description="Place in the file, counted from 0.")
    name: str = Field(description="Header in the file.")
    served_name: str = Field(description="Name in served.csv.")
    examples: list[str] = Field(description="A few different values.")
    filled: float = Field(description="Share of sampled rows that have a value.")


class FirstDate(BaseModel):
    """The first date of a file, as it is written and as it is read."""

    raw: str = Field(description="The value in the file.")
    read: date = Field(description="The date that it is read as.")


class SheetInfo(BaseModel):
    """One sheet of a workbook."""

    name: str = Field(description="Name of the sheet.")
    hidden: bool = Field(description="Whether the workbook hides the sheet.")
    rows: int = Field(description="Rows with content below the header.")
    same_columns: bool = Field(description="Whether it has the columns of the sheet that is read.")


class MemberInfo(BaseModel):
    """One text file of a ZIP archive."""

    name: str = Field(description="Name in the archive, with its folder.")
    size_bytes: int = Field(description="Size after unpacking, as the archive states it.")


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

    For a ZIP archive of several text files there are only `members` and a warning, until one is chosen.

    `mapping` is None if no column looks like review text; a warning says so, and the user must choose one. `preview`
    holds up to 20 rows of raw fields, cut at 200 characters; `warnings` are sentences for the user. `mapping_reasons`:
    why each role has its column, and why columns are segments.
    """

    dialect: Dialect = Field(description="How the file is written.")
    columns: list[ColumnInfo] = Field(description="The file's columns, in order.")
    mapping: Mapping | None = Field(
        description="Which column has which role; null if no column looks like review text."
    )
    mapping_reasons: dict[str, str] = Field(
        {}, description="Why each role has its column, and why a column is a segment (`segment:` and its place)."
    )
    preview: list[list[str]] = Field(description="Up to 20 rows of raw fields, each cut at 200 characters.")
    warnings: list[str] = Field(description="Sentences for the user.")
    first_date: FirstDate | None = Field(None, description="The first date; null if there is none.")
    coded_warnings: list[CodedWarning] = Field([], description="The same warnings with codes and examples.")
    size_bytes: int = Field(description="Size of the file.")
    estimated_rows: int = Field(description="Rows in the file; an estimate for large files.")
    sheets: list[SheetInfo] = Field([], description="All sheets of a workbook, in order.")
    members: list[MemberInfo] = Field([], description="All text files of a ZIP archive, in order.")

    @property
    def lacks_member(self) -> bool:
        """Whether the file is a ZIP archive of several text files, and none has been chosen."""
        return bool(self.members) and not self.dialect.member
