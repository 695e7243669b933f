"""Finds the rows of a table that are no reviews: titles, header, explanations, repeated headers and totals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

from reviewlens.contracts.tables import DateFormat
from reviewlens.reviews.column_names import known_name
from reviewlens.reviews.profiles import Profile, is_number, profiles
from reviewlens.reviews.values import detect_date_format

_TITLE_ROWS = 30  # rows with content above the header
_LEAST_BODY = 3  # reviews below titles without a header
_LONG_NAME = 100  # characters of a cell that is rarely a column name
_TYPED_SHARE = 0.9
_IMPORT_ID = re.compile(r'\{\s*"ImportId"')  # the third row of a Qualtrics export
_RESPONSE_KINDS = {"response", "open-ended response"}  # the second row of a SurveyMonkey export
_PLACEHOLDERS = {"-", "--", "n/a", "na", "nan", "none", "null", "nil", "unknown", "?", "."}

_TOTAL = """
    total|totals|grand total|grand totals|subtotal|sub total|sub-total|overall total|sum total|total reviews|total rows
    total responses|total general|total geral|total général|totale|totale complessivo|totaal|eindtotaal|summe|gesamt
    gesamtsumme|gesamtergebnis|zwischensumme|insgesamt|suma|razem|итого|всего|合計|总计
"""
_MEAN = """
    average|averages|avg|avg.|mean|median|overall average|average rating|average score|avg rating|avg. rating
    mean rating|mean score|sum|count|durchschnitt|mittelwert|moyenne|promedio|media|gemiddelde|średnia|среднее
"""


def _labels(listed: str) -> frozenset[str]:
    return frozenset(name.strip() for line in listed.strip().splitlines() for name in line.split("|"))


_TOTAL_LABELS, _MEAN_LABELS = _labels(_TOTAL), _labels(_MEAN)


@dataclass(frozen=True)
class Header:
    """`row`: number of the header row, from 1; None without a header. `lines`: rows of the header.

    `titles`: rows with content above the header, or above the first review. `title_rows`: without a header, the number
    of rows above the first review, blank ones included.
    """

    row: int | None
    lines: int = 1
    titles: int = 0
    title_rows: int = 0


def find_header(
    rows: Sequence[tuple[int, Sequence[str]]],
    row: int | None = None,
    *,
    tabular: bool = True,
    written_alike: bool = False,
) -> Header:
    """Find the header in the first rows of a file.

    `rows`: rows with content, each with its number. `row`: the row that the user chose. `tabular`: the rows are known
    to have columns; if not, a blank row below a title is no evidence of a header. `written_alike`: as in `find_titles`.
    The first row is the header or the first review, unless a later row fills more columns and is clearly a header, and
    all rows above fill fewer, or the rows above the first review are titles.
    """
    if row is not None:
        index = next((index for index, (number, _) in enumerate(rows) if number >= row), None)
        return Header(row) if index is None else Header(row, _header_lines(rows, index), index)
    cells = [[cell.strip() for cell in fields] for _, fields in rows]
    filled = [sum(map(bool, fields)) for fields in cells]
    usual = median(filled[-(len(filled) + 1) // 2 :]) if filled else 0
    most = 0
    for index in range(min(len(rows), _TITLE_ROWS + 1)):
        if filled[index] > most:
            wide = filled[index] >= 0.8 * usual or (index == 0 and _has_usual_names(cells[0]))
            apart = (
                tabular
                and index > 0
                and most == 1
                and (rows[index][0] > rows[index - 1][0] + 1 or not filled[index - 1])
            )
            if wide and (_is_clearly_header(cells[index], cells[index + 1 :]) or (apart and has_header(cells[index:]))):
                return Header(rows[index][0], _header_lines(rows, index), index)
            if filled[index] > usual:
                break
        most = max(most, filled[index])
    untitled = find_titles(rows, written_alike=written_alike) if tabular else Header(None)
    if rows and not untitled.titles and has_header(cells):
        return Header(rows[0][0], _header_lines(rows, 0))
    return untitled if rows else Header(1)


def find_titles(rows: Sequence[tuple[int, Sequence[str]]], *, written_alike: bool = False) -> Header:
    """Find the titles above the first review of a table without a header.

    A title fills at most half as many columns as nearly all rows below, one of which has numbers or dates. It is no
    review: it is above a blank row, has fewer delimiters than the rows of the table (`written_alike`: these have all
    their delimiters, also those of empty cells), or fills the first column alone, and that has no prose.
    """
    cells = [[cell.strip() for cell in fields] for _, fields in rows]
    filled = [sum(map(bool, fields)) for fields in cells]
    usual = median(filled[-(len(filled) + 1) // 2 :]) if filled else 0
    titles = next((index for index, count in enumerate(filled) if count > max(1, usual / 2)), 0)
    body = cells[titles:]
    even = sum(count >= 0.8 * usual for count in filled[titles:])
    if not 0 < titles <= _TITLE_ROWS or len(body) < _LEAST_BODY or usual < 2 or even < _TYPED_SHARE * len(body):
        return Header(None)
    width = max(map(len, body))
    columns = profiles(width, body)
    names = [name for fields in cells[:titles] for name in fields if name]
    if not any(map(_typed, columns)) or any(len(name) > _LONG_NAME or known_name(name) for name in names):
        return Header(None)
    if not all(fields[0] for fields in cells[:titles] if any(fields)):
        return Header(None)
    apart = rows[titles][0] > rows[titles - 1][0] + 1 or not filled[titles - 1]
    shorter = written_alike and all(len(fields) < width for _, fields in rows[:titles])
    first = all(count <= 1 for count in filled[:titles])
    prose = max(range(width), key=lambda index: columns[index].words)
    if not (apart or shorter or (first and prose > 0)) or has_header(body):
        return Header(None)
    return Header(None, titles=titles, title_rows=rows[titles][0] - 1)


def _has_usual_names(cells: Sequence[str]) -> bool:
    names = [cell for cell in cells if cell]
    return len(names) >= 2 and 2 * sum(map(known_name, names)) >= len(names)


def _is_clearly_header(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a row below others is a header: several usual names, or names above columns of numbers or dates."""
    names = [cell for cell in cells if cell]
    if len(names) < 2 or len(body) < 1 or any(is_number(name) or _is_date(name) for name in names):
        return False
    if len(set(map(str.casefold, names))) < len(names) or any(map(_is_sentence, names)):
        return False
    known = sum(map(known_name, names))
    if known >= 2 and known >= len(names) / 3:
        return True
    if any(len(name) > _LONG_NAME or name.casefold() in _PLACEHOLDERS for name in names):
        return False
    columns = [(cell, column) for cell, column in zip(cells, profiles(len(cells), body), strict=True) if cell]
    return any(_typed(column) for _, column in columns) and not any(cell in column.values for cell, column in columns)


def _is_sentence(cell: str) -> bool:
    return cell.endswith((".", "!")) and len(cell.split()) > 2


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is a header, judged by usual column names and by its differences from the other rows."""
    if not rows:
        return True
    first, body = [cell.strip() for cell in rows[0]], rows[1:]
    filled = [cell for cell in first if cell]
    if not filled:
        return False
    numbers = sum(1 for cell in filled if is_number(cell))
    if sum(map(known_name, filled)) > numbers:
        return True
    if numbers or any(_is_date(cell) for cell in filled):
        return False
    columns = profiles(len(first), body)
    typed = sum(1 for cell, column in zip(first, columns, strict=True) if cell and _typed(column))
    if any(len(cell) > _LONG_NAME for cell in filled) and typed < 2:
        return False
    if not body:
        return all(len(cell) <= 40 for cell in filled)
    if len(set(map(str.casefold, filled))) < len(filled):
        return False
    if typed:
        return True
    # All columns are text: names are shorter than reviews and do not occur again in their column.
    if any(cell in set(column.values) for cell, column in zip(first, columns, strict=True) if cell):
        return False
    longest = max(range(len(first)), key=lambda index: columns[index].words)
    name = first[longest]
    return len(name.split()) <= 3 and columns[longest].words >= 6 and not name.endswith((".", "!", "?"))


def _header_lines(rows: Sequence[tuple[int, Sequence[str]]], header: int) -> int:
    """Return 2 or 3 if the rows below the header explain it, as in exports of SurveyMonkey and Qualtrics."""
    below = [[cell.strip() for cell in fields] for _, fields in rows[header + 1 :]]
    for index, cells in enumerate(below[:2]):
        if any(_IMPORT_ID.match(cell) for cell in cells):
            return index + 2
    return 2 if len(below) >= 2 and _explains(rows[header][1], below[0], below[1:]) else 1


def _explains(names: Sequence[str], cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a row explains the header: it has words in columns of numbers or dates, or kinds of responses."""
    filled = [cell for cell in cells if cell]
    if not filled or len(cells) > len(names) or any(is_number(cell) or _is_date(cell) for cell in filled):
        return False
    columns = profiles(len(cells), body)
    typed = [cell for cell, column in zip(cells, columns, strict=True) if column.filled >= 0.5 and _typed(column)]
    if {cell.casefold() for cell in filled} & _RESPONSE_KINDS:
        return not any(typed) and bool(typed or not cells[0])
    if any(cell in column.values for cell, column in zip(cells, columns, strict=True) if cell):
        return False
    words = [cell for cell in typed if any(map(str.isalpha, cell)) and cell.casefold() not in _PLACEHOLDERS]
    return len(body) >= 3 and len(words) >= 2 and len(words) == sum(map(bool, typed))


def _typed(column: Profile) -> bool:
    """Whether a column has numbers or dates."""
    if not column.values:
        return False
    return column.numeric > _TYPED_SHARE or detect_date_format(column.values[:50], named=False) is not None


def _is_date(cell: str) -> bool:
    form = detect_date_format([cell], named=False)
    return form is not None and form != DateFormat(kind="month_year")


def join_headings(headings: Sequence[Sequence[str]]) -> list[str]:
    """Return the column names of a header: those of its first row, and where they are empty those of the second."""
    if len(headings) < 2:
        return list(headings[0]) if headings else []
    return [
        name if name.strip() or _IMPORT_ID.match(cell.strip()) else cell
        for name, cell in zip_longest(headings[0], headings[1], fillvalue="")
    ]


class SummaryRows:
    """Recognises rows that repeat the header, and totals.

    A total is a row of a label and numbers, with nothing else. 'Average' can be a review of one word, so it needs a
    number with two decimals, or one with decimals beside an empty column.

    `suspects` has the first fields of all such rows: only rows that start with one of them need `check`.
    """

    def __init__(self, header: Sequence[str] | None) -> None:
        names = [name.strip() for name in header or ()]
        while names and not names[-1]:
            names.pop()
        repeatable = sum(map(bool, names)) >= 2 or (len(names) == 1 and known_name(names[0]))
        self._header = names if repeatable else None
        forms = {form for label in _TOTAL_LABELS | _MEAN_LABELS for form in (label, label.upper(), label.title())}
        forms |= {label.capitalize() for label in _TOTAL_LABELS | _MEAN_LABELS}
        self.suspects = frozenset(forms | {f"{form}:" for form in forms} | {""} | set((header or ())[:1]))

    def check(self, fields: Sequence[str]) -> tuple[str, str] | None:
        """Return the reason and the explanation of the rejection of a row; None for all other rows."""
        cells = [field.strip() for field in fields]
        if (
            self._header is not None
            and cells[: len(self._header)] == self._header
            and not any(cells[len(self._header) :])
        ):
            return "repeated-header", "The row repeats the header."
        filled = [cell for cell in cells if cell]
        if len(filled) < 2 or len(filled[0]) > 30 or not all(map(is_number, filled[1:])):
            return None
        label = filled[0].rstrip(": ").casefold()
        if label in _TOTAL_LABELS or (label in _MEAN_LABELS and _is_mean(filled[1:], len(filled) < len(cells))):
            return "total-row", f"The row starts with “{filled[0]}” and has only numbers: it sums up others."
        return None


def _is_mean(numbers: Sequence[str], gaps: bool) -> bool:
    decimals = [len(match[1]) for number in numbers if (match := re.search(r"[.,](\d+)%?\Z", number))]
    return any(count >= 2 for count in decimals) or (gaps and bool(decimals))
