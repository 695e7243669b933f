"""Writes CSV with commas and line feeds; fields are quoted only where needed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat

# Many readers end a line at a lone carriage return, which Python's csv module leaves unquoted.
_MUST_QUOTE = re.compile(r'[",\r\n]').search


def csv_field(value: str) -> str:
    """One field."""
    return '"' + value.replace('"', '""') + '"' if _MUST_QUOTE(value) else value


def csv_line(values: Iterable[str]) -> str:
    """One line, with its line feed."""
    return ",".join(map(csv_field, values)) + "\n"


def csv_lines(columns: Sequence[Sequence[str]]) -> str:
    """The lines of a table, from its columns."""
    quoted = [list(map(csv_field, column)) for column in columns]
    lines = map(",".join, zip(*quoted, strict=True))
    return "".join(part for line in zip(lines, repeat("\n"), strict=False) for part in line)
