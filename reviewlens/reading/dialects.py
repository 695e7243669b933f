"""Detects delimiter, quoting and header of delimited text from the start of the file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Any

from reviewlens.contracts.tables import Dialect, is_delimiter
from reviewlens.reading.delimited import SEPARATOR_LINE, SampleRow, sample_rows
from reviewlens.reading.outline import find_header, find_titles, has_header
from reviewlens.reading.quoting import encoded_marks
from reviewlens.reading.sources import Sample, decode_line, line_codec

_DELIMITERS = (",", "\t", ";", "|")
_RARE_DELIMITERS = "~^¦§¬¶\x01\x02\x03\x04\x05\x06\x07\x08\x1c\x1d\x1e\x1f"  # hardly ever in headers or prose
_MAX_CANDIDATES = 8
_CANDIDATE_LINES = 20  # with content; titles may come first
_LEAST_QUOTED = 2  # rows with a field in typographic quotes
_SAMPLE_BYTES = 1 << 18  # part of the sample that is used


def detect_dialect(sample: Sample, base: Dialect, fixed: Mapping[str, Any]) -> Dialect:
    """Return `base` with the detected delimiter, quoting and header; values in `fixed` are the user's choices."""
    sample = Sample(sample.data[:_SAMPLE_BYTES], sample.complete and len(sample.data) <= _SAMPLE_BYTES)
    delimiters = [fixed["delimiter"]] if "delimiter" in fixed else _separator_line(sample) or _candidates(sample, base)
    scores = {}
    for delimiter in delimiters:
        dialect = base.model_copy(update={"quoting": "double", **fixed, "delimiter": delimiter})
        if "quoting" not in fixed and _is_typographic(sample, dialect):
            dialect = dialect.model_copy(update={"quoting": "typographic"})
        scores[delimiter] = _score(sample, dialect)
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if scores[best] <= 0 and "delimiter" not in fixed:  # one column
        best = min(_DELIMITERS, key=lambda delimiter: sample.data.count(delimiter.encode()))
    dialect = base.model_copy(update={"delimiter": best, **fixed})
    if "quoting" not in fixed:
        dialect = dialect.model_copy(update={"quoting": _quoting(sample, dialect)})
    rows = _decoded(sample_rows(sample.data, dialect, None, complete=sample.complete), dialect)
    if not dialect.header:
        titles = fixed.get("title_rows", find_titles(rows, written_alike=True).title_rows)
        return dialect.model_copy(update={"title_rows": titles})
    header = find_header(rows, fixed.get("header_row"), written_alike=True)
    row = (header.row or dialect.header_row) if "header" in fixed else header.row
    lines = fixed.get("header_lines", header.lines)
    titles = fixed.get("title_rows", header.title_rows) if row is None else 0
    return dialect.model_copy(
        update={"header": row is not None, "header_row": row, "header_lines": lines, "title_rows": titles}
    )


def _decoded(rows: list[SampleRow], dialect: Dialect) -> list[tuple[int, list[str]]]:
    return [
        (row.number, [decode_line(field, dialect.encoding, dialect.fallback_encoding) for field in row.fields])
        for row in rows
    ]


def _candidates(sample: Sample, base: Dialect) -> list[str]:
    """Return the usual delimiters, and then the other characters of the first lines that may separate fields: those
    in the most lines first.
    """
    lines = list(islice((line for line in sample.data.splitlines() if line.strip()), _CANDIDATE_LINES))
    codec = line_codec(base.encoding)
    characters = Counter(chain.from_iterable(dict.fromkeys(line[:10_000].decode(codec, "replace")) for line in lines))
    others = [
        character for character, _ in characters.most_common() if is_delimiter(character) and character not in "'()"
    ]
    rare = [character for character in others if character in _RARE_DELIMITERS]
    return list(dict.fromkeys([*_DELIMITERS, *rare, *others[:_MAX_CANDIDATES]]))


def _divides(rows: Sequence[Sequence[bytes]], delimiter: str) -> bool:
    """Whether an unusual delimiter divides a table: nearly all rows alike; below a header, if it occurs in prose."""
    size = len(rows[0])
    even = sum(len(row) == size for row in rows) >= 0.95 * len(rows)
    if delimiter in _RARE_DELIMITERS:
        return even
    later = [field for row in rows for field in row[1:]]
    if not even or len(rows) < 3 or sum(field.startswith(b" ") for field in later) > 0.5 * len(later):
        return False
    cells = [[field.decode(errors="replace") for field in row] for row in rows]
    return all(0 < len(name.strip()) <= 40 for name in cells[0]) and has_header(cells)


def _separator_line(sample: Sample) -> list[str] | None:
    first = sample.data[:20].splitlines()[0] if sample.data else b""
    return (
        [first.strip(b' "\r\n').decode()[-1] if first.rstrip(b' "')[-1:] != b"\t" else "\t"]
        if SEPARATOR_LINE.match(first)
        else None
    )


def _score(sample: Sample, dialect: Dialect) -> float:
    """Rate how evenly the delimiter divides the rows, weighted by the number of columns; 0 for one column."""
    rows = sample_rows(sample.data, dialect, None, complete=sample.complete)
    rows = [row for row in rows if row.number >= dialect.first_row]
    if rows and len(rows[0].fields) == 1:
        decoded = _decoded(rows, dialect)
        header = find_header(decoded, tabular=False)
        rows = rows[header.titles or find_titles(decoded, written_alike=True).titles :]
    if not rows:
        return 0.0
    counts = Counter(len(row.fields) for row in rows)
    size, rows_of_size = max(counts.items(), key=lambda item: (item[1], item[0]))
    if size == 1 or len(rows[0].fields) == 1:
        return 0.0
    if dialect.delimiter not in _DELIMITERS and not _divides([row.fields for row in rows], dialect.delimiter):
        return 0.0
    even = rows_of_size / len(rows)
    later = [field for row in rows for field in row.fields[1:]]
    if even < 0.95 and sum(field.startswith(b" ") for field in later) > 0.9 * len(later):
        return 0.0  # punctuation in prose, followed by a space
    first = 1.0 if len(rows[0].fields) == size else 0.7
    return even * even * first * math.log2(1 + size) if even >= 0.4 or len(rows[0].fields) == size else 0.0


def _is_typographic(sample: Sample, dialect: Dialect) -> bool:
    """Whether typographic quotes enclose fields: all that open close at the end of a field, no straight quote opens
    one, and rows would be torn without them.
    """
    opening = tuple(encoded_marks(line_codec(dialect.encoding)))
    if not any(mark in sample.data for mark in opening):
        return False
    rows, plain = (
        sample_rows(sample.data, dialect.model_copy(update={"quoting": quoting}), None, complete=sample.complete)
        for quoting in ("typographic", "none")
    )
    if any(row.damaged for row in rows) or any(field.lstrip()[:1] == b'"' for row in plain for field in row.fields):
        return False
    quoted = sum(any(field.lstrip().startswith(opening) for field in row.fields) for row in plain)
    size = Counter(len(row.fields) for row in rows).most_common(1)[0][0] if rows else 0
    torn, irregular = (sum(len(row.fields) != size for row in each) for each in (plain, rows))
    return quoted >= _LEAST_QUOTED and size > 1 and irregular < torn and irregular <= 0.05 * len(rows)


def _quoting(sample: Sample, dialect: Dialect) -> str:
    """Return the quoting with the fewest irregular rows; doubled quotes unless another one is clearly better."""
    if _is_typographic(sample, dialect):
        return "typographic"
    if b'"' not in sample.data:
        return "double"
    irregular: dict[str, int] = {}
    for quoting in ("double", "backslash", "none"):
        rows = sample_rows(sample.data, dialect.model_copy(update={"quoting": quoting}), None, complete=sample.complete)
        usual = Counter(len(row.fields) for row in rows).most_common(1)[0][0] if rows else 0
        quoted = sum(1 for row in rows if any(field[:1] == b'"' for field in row.fields)) if quoting == "none" else 0
        irregular[quoting] = quoted // 2 + sum(1 for row in rows if row.damaged or len(row.fields) != usual)
    if b'\\"' not in sample.data:
        del irregular["backslash"]
    best = min(irregular, key=lambda quoting: irregular[quoting])
    if best == "backslash" or irregular["double"] <= irregular[best] or irregular["double"] <= 3:
        return "backslash" if best == "backslash" else "double"
    return best
