"""Detects the dialect, columns and mapping of an upload, with a preview and warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from pydantic import ValidationError

from reviewlens.contracts.outputs import served_names
from reviewlens.contracts.roles import Role, check_columns
from reviewlens.contracts.tables import ColumnInfo, Dialect, FileFormat, Sniffed, Warned, coded
from reviewlens.contracts.tables import Mapping as ColumnMapping
from reviewlens.errors import InputError
from reviewlens.reading.detection import detect_format, examine_text
from reviewlens.reading.dialects import detect_dialect, has_header
from reviewlens.reading.lines import encoding_name
from reviewlens.reading.reader import SAMPLE_BYTES, ReadLimits, Record, Rejected, read_columns, read_records
from reviewlens.reading.sources import Unpacked, take_sample
from reviewlens.reading.xlsx import sheet_rows
from reviewlens.reviews.mapping import date_warnings, suggest_mapping
from reviewlens.reviews.ratings import detect_scale
from reviewlens.reviews.values import detect_date_format

OpenSource = Callable[[], BinaryIO]

_PREVIEW_ROWS = 20
_SAMPLE_ROWS = 2000
_READ_WHOLE_BYTES = 16_000_000  # smaller files are read completely, so that counts and warnings are exact
_EXAMPLE_CHARS = 200


def sniff(
    open_source: OpenSource,
    filename: str,
    size_bytes: int,
    limits: ReadLimits,
    overrides: Mapping[str, Any] | None = None,
) -> Sniffed:
    """Detect how an upload is written and what its columns contain.

    `overrides`: the user's choices, {"dialect": {...}, "mapping": {...}} with any of the fields of `Dialect` and
    `Mapping`, or only the fields of a dialect; everything else is detected with these choices. None in a mapping
    removes a role. Errors: InputError for a file that cannot be read or an invalid override, LimitError for a file that
    exceeds a limit.
    """
    chosen_dialect, chosen_mapping = _split(overrides or {})
    warnings: list[str] = []
    dialect, unpacked_bytes = _detect(open_source, filename, size_bytes, limits, chosen_dialect, warnings)
    with open_source() as source:
        headers = read_columns(source, dialect, limits)
    start = _read_start(open_source, dialect, len(headers), limits, unpacked_bytes)
    _check_rows(start, dialect, len(headers), chosen_dialect)
    rows = start.sample
    mapping, reasons, mapping_warnings = suggest_mapping(headers, rows)
    if chosen_mapping:
        mapping, mapping_warnings = _apply(mapping, chosen_mapping, headers, rows, reasons)
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
        size_bytes=size_bytes,
        estimated_rows=start.estimated_rows,
    )


def _split(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    if overrides.keys() & {"dialect", "mapping"}:
        unknown = overrides.keys() - {"dialect", "mapping"}
        dialect, mapping = dict(overrides.get("dialect") or {}), dict(overrides.get("mapping") or {})
    else:
        unknown, dialect, mapping = set(), dict(overrides), {}
    unknown = (
        unknown | (dialect.keys() - Dialect.model_fields.keys()) | (mapping.keys() - ColumnMapping.model_fields.keys())
    )
    if unknown:
        raise InputError(f"Unknown choice: {', '.join(sorted(unknown))}.", code="unknown-override")
    dialect = {name: value for name, value in dialect.items() if value is not None}
    try:
        checked = Dialect.model_validate(dialect)
    except ValidationError as error:
        raise _invalid_override(error) from error
    return {name: getattr(checked, name) for name in dialect}, mapping


def _invalid_override(error: ValidationError) -> InputError:
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return InputError(f"Invalid choice for {field}: {first['msg']}.", code="invalid-override")


def _detect(
    open_source: OpenSource, filename: str, size: int, limits: ReadLimits, chosen: dict[str, Any], warnings: list[str]
) -> tuple[Dialect, int]:
    """Return the dialect and the decompressed size; adds to `warnings`."""
    with open_source() as source:
        kind, compression = detect_format(source, filename, limits)
    kind, compression = chosen.get("format", kind), chosen.get("compression", compression)
    dialect = Dialect(format=kind, compression=compression)
    if kind is FileFormat.XLSX:
        with open_source() as source:
            rows = [row for row in islice(sheet_rows(source, limits), 0, 300) if row]
        return dialect.model_copy(update={"header": chosen.get("header", has_header(rows))}), size
    if kind is FileFormat.PARQUET:
        return dialect, size
    with open_source() as source:
        facts = examine_text(source, compression, limits)
    encoding = chosen.get("encoding", facts.encoding)
    if "encoding" not in chosen and facts.undecodable_lines and facts.size_bytes > _READ_WHOLE_BYTES:
        lines = f"{facts.undecodable_lines:,} line{'' if facts.undecodable_lines == 1 else 's'}"
        warnings.append(
            Warned("undecodable-lines", f"{lines} cannot be decoded as {encoding_name(encoding)} and will be rejected.")
        )
    elif encoding == "cp1252" and "encoding" not in chosen and not facts.undecodable_lines:
        warnings.append(
            Warned(
                "encoding-guessed",
                "The file is not UTF-8; it is read as Windows-1252. Check the preview for wrong letters.",
            )
        )
    dialect = dialect.model_copy(update={"encoding": encoding})
    if kind is FileFormat.JSONL:
        return dialect, facts.size_bytes
    with open_source() as source:
        sample = take_sample(Unpacked(source, compression, limits), encoding, SAMPLE_BYTES)
    detected = detect_dialect(sample, dialect, chosen)
    if "delimiter" in chosen:
        others = {name: value for name, value in chosen.items() if name != "delimiter"}
        better = detect_dialect(sample, dialect, others)
        if better.delimiter != detected.delimiter:
            warnings.append(
                Warned(
                    "other-delimiter-fits",
                    f"You chose the delimiter {_DELIMITER_NAMES[detected.delimiter]}, but "
                    f"{_DELIMITER_NAMES[better.delimiter]} divides the rows more evenly. Check the preview.",
                )
            )
    return detected, facts.size_bytes


@dataclass
class _Start:
    """The records that were read: all of a small file, the first of a large one."""

    sample: list[list[str]] = field(default_factory=list)
    head: list[list[str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    estimated_rows: int = 0


def _read_start(
    open_source: OpenSource, dialect: Dialect, columns: int, limits: ReadLimits, unpacked_bytes: int
) -> _Start:
    """Read small files completely and the start of large ones; the sample is spread evenly over the records read."""
    start = _Start()
    parquet = dialect.format is FileFormat.PARQUET  # its footer has the number of rows
    whole = not parquet and (unpacked_bytes <= _READ_WHOLE_BYTES or dialect.format is FileFormat.XLSX)
    records: list[list[str]] = []
    with open_source() as source:
        reader = read_records(source, dialect, columns, limits)
        for item in reader if whole else islice(reader, _SAMPLE_ROWS):
            if isinstance(item, Record):
                records.append(item.fields)
            else:
                assert isinstance(item, Rejected)
                start.reasons[item.reason] += 1
        exact = whole or next(iter(reader), None) is None
        ledger = reader.ledger
        total = len(records) + sum(start.reasons.values())
        start.warnings = list(reader.warnings)
    body = ledger.record_bytes + ledger.blank_bytes + ledger.rejected_bytes
    start.estimated_rows = total if exact or not body else round(total * (unpacked_bytes - ledger.header_bytes) / body)
    if parquet and not exact:
        with open_source() as source:
            start.estimated_rows = read_records(source, dialect, columns, limits).total
    start.records = len(records)
    start.head = records[:_PREVIEW_ROWS]
    start.sample = records[:: max(1, len(records) // _SAMPLE_ROWS)]
    part = "" if exact else f" among the first {total:,}"
    for reason, count in sorted(start.reasons.items()):
        rows = f"{count:,} row{'' if count == 1 else 's'}{part}"
        start.warnings.append(Warned("rows-rejected", f"{rows} will be rejected ({_REASONS[reason]})."))
    return start


_REASONS = {
    "too-many-fields": "more fields than there are columns",
    "unclosed-quote": "a quotation mark is never closed",
    "field-too-long": "a field is longer than max_field_chars allows",
    "record-too-long": "too long; line ends may be missing",
    "undecodable-bytes": "bytes that the file's encoding does not allow",
    "invalid-json": "not complete JSON",
    "not-an-object": "JSON, but not an object in curly brackets",
}


def _check_rows(start: _Start, dialect: Dialect, columns: int, chosen: dict[str, Any]) -> None:
    rejected = sum(start.reasons.values())
    if not start.records and not rejected:
        raise InputError(
            "The file has a header but no rows." if dialect.header else "The file has no rows.", code="no-rows"
        )
    if dialect.format is not FileFormat.CSV:
        return
    if columns == 1:
        delimiter = f" with the delimiter {_DELIMITER_NAMES[dialect.delimiter]}" if "delimiter" in chosen else ""
        start.warnings.append(
            Warned(
                "one-column", f"The file has only one column{delimiter}. Check the delimiter if it should have more."
            )
        )
    elif rejected > max(3, start.records // 4):
        start.warnings.append(
            Warned("many-rejected", "Many rows do not match the columns. Check delimiter, quoting and header.")
        )


def _apply(
    mapping: ColumnMapping | None,
    chosen: dict[str, Any],
    headers: list[str],
    rows: list[list[str]],
    reasons: dict[str, str],
) -> tuple[ColumnMapping, list[str]]:
    """Apply the user's choices to the suggested mapping; detects the formats of changed columns again."""
    values: dict[str, Any] = dict(mapping.model_dump()) if mapping else {}
    values.update(chosen)
    columns = {role: column for role in Role if (column := values.get(role)) is not None}
    check_columns(columns, len(headers))
    for role in Role:
        column = values.get(role)
        if role in chosen:
            reasons[role] = "you chose it"
            if column is None:
                reasons.pop(role)
        elif column is not None and any(chosen.get(other) == column for other in Role):
            values[role] = None  # the user chose another role for this column
            reasons.pop(role, None)
    if values.get("text") is None:
        raise InputError("Choose the column that holds the review text.", code="no-text-column")
    warnings: list[str] = []

    def cells(role: str) -> list[str]:
        return [row[values[role]] for row in rows]

    if values.get("date") is None:
        values["date_format"] = None
    elif not chosen.get("date_format"):
        values["date_format"] = form = detect_date_format(cells("date"))
        label = f"“{headers[values['date']]}”" if headers[values["date"]].strip() else f"column {values['date'] + 1}"
        warnings += date_warnings(form, label, [value for value in cells("date") if value.strip()])
        if form is None:
            sentence = f"No date format fits the values in {label}; the dates will be empty."
            warnings.append(Warned("dates-unread", sentence, *_examples(cells("date"))[:3]))
    if values.get("rating") is not None and chosen.get("rating_scale") is None:
        values["rating_scale"] = detect_scale(cells("rating")) or 5.0
    if values.get("rating_scale") is None:
        values["rating_scale"] = 5.0
    try:
        return ColumnMapping.model_validate(values), warnings
    except ValidationError as error:
        raise _invalid_override(error) from error


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


_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
