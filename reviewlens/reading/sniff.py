"""Detects the dialect, columns and mapping of an upload, with a preview and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from reviewlens.contracts.encodings import encoding_label
from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.contracts.outputs import served_names
from reviewlens.contracts.tables import (
    ColumnInfo,
    Dialect,
    FileFormat,
    FirstDate,
    SheetInfo,
    Sniffed,
    Warned,
    coded,
    delimiter_name,
)
from reviewlens.contracts.tables import Mapping as ColumnMapping
from reviewlens.errors import InputError
from reviewlens.reading.archives import text_members
from reviewlens.reading.corrections import apply_choices, split_overrides
from reviewlens.reading.detection import detect_format, examine_text
from reviewlens.reading.dialects import detect_dialect
from reviewlens.reading.json_search import find_records
from reviewlens.reading.languages import with_languages
from reviewlens.reading.lines import encoding_name
from reviewlens.reading.reader import SAMPLE_BYTES, ReadLimits, read_columns
from reviewlens.reading.sheets import choose_sheet
from reviewlens.reading.sources import Text, Unpacked, take_sample
from reviewlens.reading.start import READ_WHOLE_BYTES, OpenSource, check_rows, read_start
from reviewlens.reviews.mapping import suggest_mapping
from reviewlens.reviews.values import date_parser

_EXAMPLE_CHARS = 200


def sniff(
    open_source: OpenSource,
    filename: str,
    size_bytes: int,
    limits: ReadLimits,
    overrides: Mapping[str, Any] | None = None,
    *,
    uploaded: date | None = None,
    languages: Sequence[str] = MODEL_LANGUAGES,
) -> Sniffed:
    """Detect how an upload is written and what its columns contain.

    `overrides`: the user's choices, {"dialect": {...}, "mapping": {...}} with any of the fields of `Dialect` and
    `Mapping`, or only the fields of a dialect; everything else is detected with these choices. None in a mapping
    removes a role. `uploaded`: the day from which relative dates count; None: today (UTC).
    `languages`: those that the model reads; a warning names others.
    Errors: InputError for a file that cannot be read or an invalid override, LimitError for a file that
    exceeds a limit. InputError `zip-members`: see `archives.undecided`.
    """
    chosen_dialect, chosen_mapping = split_overrides(overrides or {})
    sheets: list[SheetInfo] = []
    warnings: list[str] = []
    dialect, unpacked_bytes, document_rows = _detect(
        open_source, filename, size_bytes, limits, chosen_dialect, sheets, warnings
    )
    warnings += _header_warnings(dialect, chosen_dialect)
    with open_source() as source:
        members = text_members(source) if dialect.compression == "zip" else []
        headers = read_columns(source, dialect, limits)
    start = read_start(open_source, dialect, len(headers), limits, unpacked_bytes, document_rows)
    check_rows(start, dialect, len(headers), chosen_dialect)
    rows = start.sample
    uploaded = uploaded or datetime.now(UTC).date()
    mapping, reasons, mapping_warnings = suggest_mapping(headers, rows, uploaded=uploaded)
    if chosen_mapping:
        mapping, mapping_warnings = apply_choices(mapping, chosen_mapping, headers, rows, reasons, uploaded)
    if mapping is not None:
        chosen_shares = bool(chosen_mapping.get("language_shares"))
        mapping, language_warnings = with_languages(mapping, rows, languages, chosen=chosen_shares)
        mapping_warnings += language_warnings
    names = served_names(headers)
    warnings += _name_warnings(headers, names) + mapping_warnings + start.warnings
    return Sniffed(
        dialect=dialect,
        columns=[
            ColumnInfo(
                index=index,
                name=header,
                served_name=names[index],
                examples=_examples([row[index] for row in rows]),
                filled=round(sum(1 for row in rows if row[index].strip()) / len(rows), 4) if rows else 0.0,
            )
            for index, header in enumerate(headers)
        ],
        mapping=mapping,
        mapping_reasons=reasons,
        preview=start.head,
        warnings=list(map(str, warnings)),
        coded_warnings=coded(warnings),
        first_date=_first_date(mapping, rows),
        size_bytes=size_bytes,
        estimated_rows=start.estimated_rows,
        sheets=sheets,
        members=members,
    )


def _header_warnings(dialect: Dialect, chosen: dict[str, Any]) -> list[str]:
    """Return warnings about a header that was found below the first row, or that has several rows."""
    row = dialect.header_row
    warnings: list[str] = []
    if row is None:
        if dialect.title_rows and "title_rows" not in chosen:
            rows = "The first row is" if dialect.title_rows == 1 else f"The first {dialect.title_rows} rows are"
            warnings.append(Warned("titles-above", f"{rows} above the reviews and not read as reviews."))
        return warnings
    if row > 1 and "header_row" not in chosen:
        above = "The row above it is" if row == 2 else f"The {row - 1} rows above it are"
        sentence = f"The column names are in row {row}. {above} not read as reviews."
        warnings.append(Warned("header-below-titles", sentence))
    if dialect.header_lines > 1 and "header_lines" not in chosen:
        further = dialect.header_lines - 1
        below = (
            "The row below the column names explains them and is"
            if further == 1
            else (f"The {further} rows below the column names explain them and are")
        )
        sentence = f"{below} not read as {'a review' if further == 1 else 'reviews'}."
        warnings.append(Warned("header-explained", sentence))
    return warnings


def _detect(
    open_source: OpenSource,
    filename: str,
    size: int,
    limits: ReadLimits,
    chosen: dict[str, Any],
    sheets: list[SheetInfo],
    warnings: list[str],
) -> tuple[Dialect, int, int | None]:
    """Return the dialect, the decompressed size and the rows of a JSON document; adds to `sheets`, `warnings`."""
    with open_source() as source:
        kind, compression, member = detect_format(source, filename, limits, chosen.get("member", ""))
    kind, compression = chosen.get("format", kind), chosen.get("compression", compression)
    dialect = Dialect(format=kind, compression=compression, member=member)
    if kind.is_workbook:
        with open_source() as source:
            dialect, workbook_sheets, sheet_warnings = choose_sheet(source, dialect, chosen, limits)
        sheets += workbook_sheets
        warnings += sheet_warnings
        return dialect, size, None
    if "sheet" in chosen:
        raise InputError("Only a workbook has sheets; leave out the choice of a sheet.", code="no-such-sheet")
    if kind is FileFormat.PARQUET:
        return dialect, size, None
    with open_source() as source:
        facts = examine_text(source, compression, limits, member)
    encoding = chosen.get("encoding", facts.encoding)
    if "encoding" not in chosen and facts.undecodable_lines and facts.size_bytes > READ_WHOLE_BYTES:
        lines = f"{facts.undecodable_lines:,} line{'' if facts.undecodable_lines == 1 else 's'}"
        warnings.append(
            Warned("undecodable-lines", f"{lines} cannot be decoded as {encoding_name(encoding)} and will be rejected.")
        )
    elif not encoding.startswith("utf-") and "encoding" not in chosen:
        sentence = (
            f"The file is not UTF-8; it is read as {encoding_label(encoding)}. Check the preview for wrong letters."
        )
        warnings.append(Warned("encoding-guessed", sentence))
    fallback = chosen.get("fallback_encoding", None if "encoding" in chosen else facts.fallback)
    if fallback is not None and "fallback_encoding" not in chosen:
        warnings.append(
            Warned(
                "two-encodings",
                f"The file has two encodings: lines that are not UTF-8 are read as {encoding_label(fallback)}. Check "
                "them for wrong letters.",
            )
        )
    dialect = dialect.model_copy(update={"encoding": encoding, "fallback_encoding": fallback})
    if kind is FileFormat.JSONL:
        return dialect, facts.size_bytes, None
    if kind is FileFormat.JSON:
        with open_source() as source:
            found = find_records(
                Text(Unpacked(source, compression, limits, member), encoding, fallback=fallback), limits
            )
        place = {"json_path": found.path, "json_layout": found.layout}
        choices = {name: chosen[name] for name in place if name in chosen}
        return dialect.model_copy(update={**place, **choices}), facts.size_bytes, None if choices else found.rows
    with open_source() as source:
        sample = take_sample(Unpacked(source, compression, limits, member), encoding, SAMPLE_BYTES)
    detected = detect_dialect(sample, dialect, chosen)
    if "delimiter" in chosen:
        others = {name: value for name, value in chosen.items() if name != "delimiter"}
        better = detect_dialect(sample, dialect, others)
        if better.delimiter != detected.delimiter:
            warnings.append(
                Warned(
                    "other-delimiter-fits",
                    f"You chose the delimiter {delimiter_name(detected.delimiter)}, but "
                    f"{delimiter_name(better.delimiter)} divides the rows more evenly. Check the preview.",
                )
            )
    return detected, facts.size_bytes, None


def _first_date(mapping: ColumnMapping | None, rows: list[list[str]]) -> FirstDate | None:
    if mapping is None or mapping.date is None or mapping.date_format is None:
        return None
    parse = date_parser(mapping.date_format)
    dates = ((row[mapping.date].strip(), parse(row[mapping.date])) for row in rows)
    return next((FirstDate(raw=raw[:_EXAMPLE_CHARS], read=day) for raw, day in dates if day is not None), None)


def _examples(values: list[str]) -> list[str]:
    distinct = dict.fromkeys(value.strip()[:_EXAMPLE_CHARS] for value in values if value.strip())
    return list(islice(distinct, 5))


def _name_warnings(headers: list[str], names: list[str]) -> list[str]:
    changed = [
        (header, name)
        for header, name in zip(headers, names, strict=True)
        if header.strip() and " ".join(header.split()) != name
    ]
    return [
        Warned(
            "column-renamed",
            f"The column “{header}” is named “{name}” in the results, because its name is already used.",
            header,
        )
        for header, name in changed[:10]
    ]
