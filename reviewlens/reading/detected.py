"""Counts what a file holds, and describes it as one document."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from reviewlens.contracts.detected import Detected, DetectedColumn, DetectedRoles
from reviewlens.contracts.outputs import column_labels
from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import CodedWarning, ColumnInfo, FileFormat, FirstDate, Mapping, Sniffed
from reviewlens.reading.reader import ReadLimits, Record, read_records
from reviewlens.reviews.cleaning import clean_text
from reviewlens.reviews.placeholders import is_placeholder
from reviewlens.reviews.ratings import parse_rating
from reviewlens.reviews.values import date_parser

COUNTED_BYTES = 100_000_000
"""A file of up to this size, packed and unpacked, is counted as a whole."""
SAMPLE_ROWS = 20_000
"""Rows that are counted of a larger file."""
_EXAMPLE_CHARS = 200
_TEXT_FORMATS = {FileFormat.CSV, FileFormat.JSONL, FileFormat.JSON}


def describe(open_source: Callable[[], BinaryIO], sniffed: Sniffed, limits: ReadLimits) -> Detected:
    """Describe a file in which `sniffed` was detected. Reads the file once more, in constant memory.

    Errors: InputError for a file that cannot be read to its end, LimitError for one that exceeds a limit.
    """
    dialect, mapping = sniffed.dialect, sniffed.mapping
    counts = _Counts(mapping)
    with open_source() as source:
        sampled = _count(source, sniffed, limits, counts)
    names = column_names(sniffed.columns)
    roles = {column: role for role, column in mapping.columns().items()} if mapping else {}
    named = {role: names[column] for column, role in roles.items()}
    texts = mapping.texts if mapping else ()
    roles |= dict.fromkeys(texts, Role.TEXT)
    segments = mapping.segments if mapping else ()
    is_csv, is_json = dialect.format is FileFormat.CSV, dialect.format is FileFormat.JSON
    tabular = is_csv or dialect.format.is_workbook
    headed = tabular and dialect.header
    return Detected(
        format=dialect.format,
        encoding=dialect.encoding if dialect.format in _TEXT_FORMATS else None,
        fallback_encoding=dialect.fallback_encoding,
        compression=dialect.compression,
        member=dialect.member or None,
        members=[member.name for member in sniffed.members],
        delimiter=dialect.delimiter if is_csv else None,
        quoting=dialect.quoting if is_csv else None,
        sheet=dialect.sheet,
        sheets=[sheet.name for sheet in sniffed.sheets],
        header_row=dialect.header_row if headed else None,
        header_lines=dialect.header_lines if headed else None,
        title_rows=dialect.title_rows if tabular and not headed else None,
        json_path=dialect.json_path if is_json else None,
        json_layout=dialect.json_layout if is_json else None,
        rows=counts.rows,
        texts=counts.texts,
        empty_texts=counts.empty_texts,
        rows_without_text=counts.rows_without_text,
        rejected=counts.rejected,
        sampled=sampled,
        estimated_rows=sniffed.estimated_rows if sampled else counts.rows,
        columns=[
            DetectedColumn(
                name=names[column.index],
                role=roles.get(column.index, "segment" if column.index in segments else None),
                filled=column.filled,
                examples=column.examples,
            )
            for column in sniffed.columns
        ],
        roles=DetectedRoles(
            text=[names[column] for column in texts],
            title=named.get(Role.TITLE),
            rating=named.get(Role.RATING),
            date=named.get(Role.DATE),
            product=named.get(Role.PRODUCT),
            segments=[names[column] for column in segments],
        ),
        read_texts=mapping.read_texts if mapping else "each",
        rating_scale=mapping.rating_scale if mapping and mapping.rating is not None else None,
        ratings_read=counts.ratings,
        date_order=mapping.date_format.order if mapping and mapping.date_format else None,
        dates_read=counts.dates,
        first_date=counts.first_date,
        languages=mapping.language_shares if mapping else None,
        all_languages=mapping is not None and mapping.all_languages,
        warnings=sniffed.coded_warnings or [CodedWarning(message=each) for each in sniffed.warnings],
    )


def column_names(columns: list[ColumnInfo]) -> list[str]:
    """The name by which each column can be chosen: its header, or its name in served.csv if that is not unique."""
    return column_labels([column.name for column in columns])


class _Counts:
    """Counts of the rows so far; reads their values as a job does."""

    def __init__(self, mapping: Mapping | None) -> None:
        self.mapping = mapping
        self.rows = self.texts = self.empty_texts = self.rejected = self.ratings = self.dates = 0
        self.rows_without_text = 0
        self.first_date: FirstDate | None = None
        self._parse_date = date_parser(mapping.date_format) if mapping and mapping.date_format else None

    def add(self, fields: list[str]) -> None:
        """Count one record."""
        mapping = self.mapping
        if mapping is None:
            return
        filled = sum(1 for column in mapping.texts if _words(fields[column]))
        if not filled and mapping.title is not None:  # a title alone is scored as well
            filled = bool(_words(fields[mapping.title]))
        texts = min(filled, mapping.texts_per_row)
        self.texts += texts
        self.empty_texts += mapping.texts_per_row - texts
        self.rows_without_text += not filled
        if mapping.rating is not None and (raw := fields[mapping.rating]):
            self.ratings += parse_rating(raw, mapping.rating_scale, mapping.rating_words) is not None
        if mapping.date is not None and self._parse_date and (raw := fields[mapping.date]):
            day = self._parse_date(raw)
            self.dates += day is not None
            if day is not None and self.first_date is None:
                self.first_date = FirstDate(raw=raw.strip()[:_EXAMPLE_CHARS], read=day)


def _words(raw: str) -> str:
    """The cleaned text; '' for a placeholder such as 'N/A'."""
    return "" if is_placeholder(raw) else clean_text(raw)


def _count(source: BinaryIO, sniffed: Sniffed, limits: ReadLimits, counts: _Counts) -> bool:
    """Count the rows, and return whether these are only the first rows of the file."""
    large = sniffed.size_bytes > COUNTED_BYTES
    is_text = sniffed.dialect.format in _TEXT_FORMATS
    reader = read_records(source, sniffed.dialect, len(sniffed.columns), limits)
    for item in reader:
        if counts.rows >= SAMPLE_ROWS and (large or (is_text and reader.ledger.end > COUNTED_BYTES)):
            return True
        counts.rows += 1
        if isinstance(item, Record):
            counts.add(item.fields)
        else:
            counts.rejected += 1
    if counts.mapping is None:
        counts.empty_texts = counts.rows_without_text = counts.rows - counts.rejected
    return False
