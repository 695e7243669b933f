"""Looking at an upload: how it is written, which columns it has and which of them means what, with a preview and
warnings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from pydantic import ValidationError

from reviewlens.contracts.outputs import served_names
from reviewlens.contracts.roles import Role, check_columns
from reviewlens.contracts.tables import ColumnInfo, Dialect, FileFormat, Sniffed
from reviewlens.contracts.tables import Mapping as ColumnMapping
from reviewlens.errors import InputError
from reviewlens.reviews.detection import detect_format, examine_text
from reviewlens.reviews.dialects import detect_dialect, has_header
from reviewlens.reviews.mapping import date_warnings, suggest_mapping
from reviewlens.reviews.ratings import detect_scale
from reviewlens.reviews.reading import SAMPLE_BYTES, ReadLimits, Record, Rejected, read_columns, read_records
from reviewlens.reviews.sources import Unpacked, take_sample
from reviewlens.reviews.values import detect_date_format
from reviewlens.reviews.xlsx import sheet_rows

OpenSource = Callable[[], BinaryIO]

_PREVIEW_ROWS = 20
_SAMPLE_ROWS = 2000
_READ_WHOLE_BYTES = 16_000_000  # smaller files are read to the end, so that counts and warnings are exact
_EXAMPLE_CHARS = 200


def sniff(
    open_source: OpenSource,
    filename: str,
    size_bytes: int,
    limits: ReadLimits,
    overrides: Mapping[str, Any] | None = None,
) -> Sniffed:
    """What an upload holds.

    `overrides`: what the person chose instead, {"dialect": {...}, "mapping": {...}} with any of the fields of `Dialect`
    and `Mapping`, or the fields of a dialect alone; everything else is detected under them. A mapping's None takes a
    role away. Errors: InputError for a file that cannot be read at all or an override that cannot be, LimitError for
    one that exceeds a limit.
    """
    chosen_dialect, chosen_mapping = _split(overrides or {})
    warnings: list[str] = []
    dialect, unpacked = _settle(open_source, filename, size_bytes, limits, chosen_dialect, warnings)
    with open_source() as source:
        headers = read_columns(source, dialect, limits)
    seen = _read(open_source, dialect, len(headers), limits, unpacked)
    _check_rows(seen, dialect, len(headers), chosen_dialect)
    rows = seen.sample
    mapping, reasons, found = suggest_mapping(headers, rows)
    if chosen_mapping:
        mapping, found = _apply(mapping, chosen_mapping, headers, rows, reasons)
    names = served_names(headers)
    warnings += _name_warnings(headers, names) + found + seen.warnings
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
        preview=rows[:_PREVIEW_ROWS] if seen.head is None else seen.head,
        warnings=warnings,
        size_bytes=size_bytes,
        estimated_rows=seen.estimated_rows,
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
        raise InputError(f"There is no such choice: {', '.join(sorted(unknown))}.", code="unknown-override")
    dialect = {name: value for name, value in dialect.items() if value is not None}
    try:
        checked = Dialect.model_validate(dialect)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise InputError(
            f"The choice for {'.'.join(map(str, wrong['loc']))} cannot be: {wrong['msg']}.", code="invalid-override"
        ) from error
    return {name: getattr(checked, name) for name in dialect}, mapping


def _settle(
    open_source: OpenSource, filename: str, size: int, limits: ReadLimits, chosen: dict[str, Any], warnings: list[str]
) -> tuple[Dialect, int]:
    """The dialect, and the size after unpacking."""
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
            f"{lines} cannot be read as "
            f"{'Windows-1252' if encoding == 'cp1252' else encoding.upper()} text and will be set aside."
        )
    elif encoding == "cp1252" and "encoding" not in chosen and not facts.undecodable_lines:
        warnings.append("The file is not UTF-8; it is read as Windows-1252. Check the preview for odd letters.")
    dialect = dialect.model_copy(update={"encoding": encoding})
    if kind is FileFormat.JSONL:
        return dialect, facts.size_bytes
    with open_source() as source:
        sample = take_sample(Unpacked(source, compression, limits), encoding, SAMPLE_BYTES)
    settled = detect_dialect(sample, dialect, chosen)
    if "delimiter" in chosen:
        others = {name: value for name, value in chosen.items() if name != "delimiter"}
        better = detect_dialect(sample, dialect, others)
        if better.delimiter != settled.delimiter:
            warnings.append(
                f"The delimiter was set to {_named(settled.delimiter)}, but "
                f"{_named(better.delimiter)} divides the rows more evenly. Check the preview."
            )
    return settled, facts.size_bytes


@dataclass
class _Seen:
    sample: list[list[str]] = field(default_factory=list)
    head: list[list[str]] | None = None
    warnings: list[str] = field(default_factory=list)
    records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    estimated_rows: int = 0


def _read(open_source: OpenSource, dialect: Dialect, columns: int, limits: ReadLimits, unpacked: int) -> _Seen:
    """Read small files whole and the begin of large ones; the sample is spread evenly over what was read."""
    seen = _Seen()
    parquet = dialect.format is FileFormat.PARQUET  # tells its number of rows by itself
    whole = not parquet and (unpacked <= _READ_WHOLE_BYTES or dialect.format is FileFormat.XLSX)
    records: list[list[str]] = []
    with open_source() as source:
        reader = read_records(source, dialect, columns, limits)
        for item in reader if whole else islice(reader, _SAMPLE_ROWS):
            if isinstance(item, Record):
                records.append(item.fields)
            else:
                assert isinstance(item, Rejected)
                seen.reasons[item.reason] += 1
        exact = whole or next(iter(reader), None) is None
        ledger = reader.ledger
        total = len(records) + sum(seen.reasons.values())
        seen.warnings = list(reader.warnings)
    body = ledger.record_bytes + ledger.blank_bytes + ledger.rejected_bytes
    seen.estimated_rows = total if exact or not body else round(total * (unpacked - ledger.header_bytes) / body)
    if parquet and not exact:
        with open_source() as source:
            seen.estimated_rows = read_records(source, dialect, columns, limits).total
    seen.records = len(records)
    seen.head = records[:_PREVIEW_ROWS]
    seen.sample = records[:: max(1, len(records) // _SAMPLE_ROWS)]
    part = "" if exact else f" among the first {total:,}"
    for reason, count in sorted(seen.reasons.items()):
        seen.warnings.append(f"{count:,} row{'' if count == 1 else 's'}{part} will be set aside ({_REASONS[reason]}).")
    return seen


_REASONS = {
    "too-many-fields": "more fields than there are columns",
    "unclosed-quote": "a quotation mark is never closed",
    "field-too-long": "a field is longer than max_field_chars allows",
    "record-too-long": "far too long, as if line ends were missing",
    "undecodable-bytes": "bytes that are no text in the file's encoding",
    "invalid-json": "not complete JSON",
    "not-an-object": "JSON, but no object in curly brackets",
}


def _check_rows(seen: _Seen, dialect: Dialect, columns: int, chosen: dict[str, Any]) -> None:
    rejected = sum(seen.reasons.values())
    if not seen.records and not rejected:
        what = "The file has a header but no rows below it." if dialect.header else "The file holds no rows."
        raise InputError(what, code="no-rows")
    if dialect.format is not FileFormat.CSV:
        return
    if columns == 1:
        how = (
            f"With the delimiter {_named(dialect.delimiter)} the file has" if "delimiter" in chosen else "The file has"
        )
        seen.warnings.append(f"{how} one column only. Check the delimiter if there should be more.")
    elif rejected > max(3, seen.records // 4):
        seen.warnings.append("Many rows do not fit the columns. Check delimiter, quoting and header.")


def _apply(
    mapping: ColumnMapping | None,
    chosen: dict[str, Any],
    headers: list[str],
    rows: list[list[str]],
    reasons: dict[str, str],
) -> tuple[ColumnMapping, list[str]]:
    """The suggested mapping under the person's choices; formats are detected again for columns that changed."""
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
            values[role] = None  # a column that the person gave another role
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
            warnings.append(f"No way of writing dates fits the values in {label}; dates will be left empty.")
    if values.get("rating") is not None and chosen.get("rating_scale") is None:
        values["rating_scale"] = detect_scale(cells("rating")) or 5.0
    if values.get("rating_scale") is None:
        values["rating_scale"] = 5.0
    try:
        return ColumnMapping.model_validate(values), warnings
    except ValidationError as error:
        wrong = error.errors()[0]
        raise InputError(
            f"The choice for {'.'.join(map(str, wrong['loc']))} cannot be: {wrong['msg']}.", code="invalid-override"
        ) from error


def _examples(values: list[str]) -> list[str]:
    found = dict.fromkeys(value.strip()[:_EXAMPLE_CHARS] for value in values if value.strip())
    return list(islice(found, 5))


def _name_warnings(headers: list[str], names: list[str]) -> list[str]:
    changed = [
        (header, name)
        for header, name in zip(headers, names, strict=True)
        if header.strip() and " ".join(header.split()) != name
    ]
    return [
        f"The column “{header}” is called “{name}” in the results, as its own name is taken."
        for header, name in changed[:10]
    ]


def _named(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}[delimiter]
