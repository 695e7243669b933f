"""Writing CSV: UTF-8, commas, line feeds; a field is quoted when it must be, and otherwise left as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat

# A lone carriage return ends a line for many readers; Python's own writer leaves it unquoted.
_MUST_QUOTE = re.compile(r'[",\r\n]').search


def csv_field(value: str) -> str:
    """One field."""
    return '"' + value.replace('"', '""') + '"' if _MUST_QUOTE(value) else value


def csv_line(values: Iterable[str]) -> str:
    """One line with its line feed."""
    return ",".join(map(csv_field, values)) + "\n"


def csv_lines(columns: Sequence[Sequence[str]]) -> str:
    """The lines of a table that is given by columns."""
    quoted = [list(map(csv_field, column)) for column in columns]
    lines = map(",".join, zip(*quoted, strict=True))
    return "".join(part for line in zip(lines, repeat("\n"), strict=False) for part in line)
