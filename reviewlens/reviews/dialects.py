"""Telling delimiter, quoting and header of delimited text from the file's begin."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from reviewlens.contracts.tables import DateFormat, Dialect
from reviewlens.reviews.delimited import SEPARATOR_LINE, sample_rows
from reviewlens.reviews.profiles import is_number, profiles
from reviewlens.reviews.sources import Sample
from reviewlens.reviews.values import detect_date_format
from reviewlens.reviews.vocabulary import known_name

_DELIMITERS = (",", "\t", ";", "|")
_KEPT = 1 << 18  # bytes of the sample that are looked at


def detect_dialect(sample: Sample, base: Dialect, fixed: Mapping[str, Any]) -> Dialect:
    """`base` with delimiter, quoting and header settled, except those in `fixed`, which a person has chosen."""
    sample = Sample(sample.data[:_KEPT], sample.complete and len(sample.data) <= _KEPT)
    delimiters = [fixed["delimiter"]] if "delimiter" in fixed else _separator_line(sample) or list(_DELIMITERS)
    scored = {
        delimiter: _score(
            sample, base.model_copy(update={"delimiter": delimiter, "quoting": fixed.get("quoting", "double")})
        )
        for delimiter in delimiters
    }
    best = max(scored, key=lambda delimiter: scored[delimiter])
    if scored[best] <= 0 and "delimiter" not in fixed:  # one column: a delimiter that does not occur cannot split it
        best = min(_DELIMITERS, key=lambda delimiter: sample.data.count(delimiter.encode()))
    dialect = base.model_copy(update={"delimiter": best, **fixed})
    if "quoting" not in fixed:
        dialect = dialect.model_copy(update={"quoting": _quoting(sample, dialect)})
    if "header" not in fixed:
        codec = "utf-8" if dialect.encoding.startswith("utf-16") else dialect.encoding
        rows = [
            [field.decode(codec, "replace") for field in row.fields]
            for row in sample_rows(sample.data, dialect, None, complete=sample.complete)
        ]
        dialect = dialect.model_copy(update={"header": has_header(rows)})
    return dialect


def _separator_line(sample: Sample) -> list[str] | None:
    first = sample.data[:20].splitlines()[0] if sample.data else b""
    return (
        [first.strip(b' "\r\n').decode()[-1] if first.rstrip(b' "')[-1:] != b"\t" else "\t"]
        if SEPARATOR_LINE.match(first)
        else None
    )


def _score(sample: Sample, dialect: Dialect) -> float:
    """How evenly the delimiter divides the rows, weighed by how many columns it makes; 0 for one column."""
    rows = sample_rows(sample.data, dialect, None, complete=sample.complete)
    if not rows:
        return 0.0
    counts = Counter(len(row.fields) for row in rows)
    size, rows_of_size = max(counts.items(), key=lambda item: (item[1], item[0]))
    if size == 1 or len(rows[0].fields) == 1:
        return 0.0
    even = rows_of_size / len(rows)
    later = [field for row in rows for field in row.fields[1:]]
    if even < 0.95 and sum(field.startswith(b" ") for field in later) > 0.9 * len(later):
        return 0.0  # punctuation of prose, which a space follows
    first = 1.0 if len(rows[0].fields) == size else 0.7
    return even * even * first * math.log2(1 + size) if even >= 0.4 or len(rows[0].fields) == size else 0.0


def _quoting(sample: Sample, dialect: Dialect) -> str:
    """The escape under which fewest rows are odd; quotes escaped by doubling when nothing speaks against it."""
    if b'"' not in sample.data:
        return "double"
    oddities: dict[str, int] = {}
    for quoting in ("double", "backslash", "none"):
        rows = sample_rows(sample.data, dialect.model_copy(update={"quoting": quoting}), None, complete=sample.complete)
        usual = Counter(len(row.fields) for row in rows).most_common(1)[0][0] if rows else 0
        quoted = sum(1 for row in rows if any(field[:1] == b'"' for field in row.fields)) if quoting == "none" else 0
        odd = sum(1 for row in rows if row.damaged or len(row.fields) != usual)
        oddities[quoting] = odd + quoted // 2
    if b'\\"' not in sample.data:
        del oddities["backslash"]
    best = min(oddities, key=lambda quoting: oddities[quoting])
    if best == "backslash" or oddities["double"] <= oddities[best] or oddities["double"] <= 3:
        return "backslash" if best == "backslash" else "double"
    return best


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: judged by names that are usual, and by how it differs from the rows
    below.
    """
    if not rows:
        return True
    first, body = [cell.strip() for cell in rows[0]], rows[1:]
    filled = [cell for cell in first if cell]
    if not filled:
        return False
    numbers = sum(1 for cell in filled if is_number(cell))
    if sum(map(known_name, filled)) > numbers:
        return True
    if numbers or any(_is_date(cell) for cell in filled) or any(len(cell) > 100 for cell in filled):
        return False
    if not body:
        return all(len(cell) <= 40 for cell in filled)
    if len(set(map(str.casefold, filled))) < len(filled):
        return False
    below = profiles(len(first), body)
    if any(cell and (facts.numeric > 0.9 or _dates(facts.values)) for cell, facts in zip(first, below, strict=True)):
        return True
    # All text: names are short where reviews are long, and do not come back below.
    if any(cell in set(facts.values) for cell, facts in zip(first, below, strict=True) if cell):
        return False
    longest = max(range(len(first)), key=lambda place: below[place].words)
    return (
        len(first[longest].split()) <= 3 and below[longest].words >= 6 and not first[longest].endswith((".", "!", "?"))
    )


def _is_date(cell: str) -> bool:
    form = detect_date_format([cell], named=False)
    return form is not None and form != DateFormat(kind="month_year")


def _dates(values: Sequence[str]) -> bool:
    return bool(values) and detect_date_format(values[:50], named=False) is not None
