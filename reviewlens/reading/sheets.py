"""Chooses the sheet of a workbook that has the reviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import Dialect, SheetInfo, Warned
from reviewlens.errors import InputError
from reviewlens.reading.outline import Header, find_header, find_titles, join_headings
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.xlsx import Workbook, same_columns
from reviewlens.reviews.column_names import name_score
from reviewlens.reviews.mapping import suggest_mapping

ALL_SHEETS = "*"
"""The choice that reads all sheets with the same columns as one; no sheet can have this name."""

_SAMPLE_ROWS = 300
_MAX_SHEETS = 100  # sheets that are examined
_NAMED_TEXT = 4.0  # weight of a text column with a usual name against one that is found by its content
_LISTED = 10


@dataclass
class _Sheet:
    name: str
    hidden: bool
    header: Header
    columns: list[str]
    filled: int  # rows with content
    rows: int  # those below the header
    texts: float


def choose_sheet(
    source: BinaryIO, dialect: Dialect, chosen: Mapping[str, Any], limits: ReadLimits
) -> tuple[Dialect, list[SheetInfo], list[str]]:
    """Return the dialect with the sheet and its header, all sheets, and warnings.

    `chosen`: the user's choices among the fields of `Dialect`. Errors: InputError `no-such-sheet`, `empty-file`.
    """
    workbook = Workbook(source, limits)
    wanted = chosen.get("sheet")
    names = (
        [wanted]
        if isinstance(wanted, str) and wanted != ALL_SHEETS
        else list(wanted or ())
        if wanted != ALL_SHEETS
        else []
    )
    sheets = [_examine(workbook, name, chosen) for name in _examined(workbook, names)]
    if not any(sheet.filled for sheet in sheets):
        raise InputError("The workbook is empty: its sheets have no cells.", code="empty-file")
    by_name = {sheet.name: sheet for sheet in sheets}
    for name in names:
        if name not in by_name:
            workbook.rows(name)  # raises the error
    best = by_name[names[0]] if names else max(sheets, key=_rank)
    alike = [sheet for sheet in sheets if sheet is not best and not sheet.hidden and _alike(best, sheet)]
    read: str | tuple[str, ...] = best.name
    if wanted == ALL_SHEETS:
        group = {best.name, *(sheet.name for sheet in alike)}
        read = tuple(sheet.name for sheet in sheets if sheet.name in group)
        best = by_name[read[0]]
    elif len(names) > 1:
        read = tuple(names)
    header = best.header
    if "header" in chosen and chosen["header"] and header.row is None:
        header = Header(1)
    lines = chosen.get("header_lines", header.lines)
    dialect = dialect.model_copy(
        update={
            "header": header.row is not None,
            "header_row": header.row,
            "header_lines": lines,
            "title_rows": chosen.get("title_rows", header.title_rows) if header.row is None else 0,
            "sheet": read,
        }
    )
    infos = [
        SheetInfo(
            name=sheet.name, hidden=sheet.hidden, rows=sheet.rows, same_columns=sheet is best or _alike(best, sheet)
        )
        for sheet in sheets
    ]
    return dialect, infos, _stray_warnings(workbook) + _warnings(read, sheets, alike)


def _examined(workbook: Workbook, names: list[str]) -> list[str]:
    """Return the sheets to examine: all, or the first ones and those that the user chose."""
    listed = workbook.names[:_MAX_SHEETS]
    return listed + [name for name in workbook.names[_MAX_SHEETS:] if name in names]


def _examine(workbook: Workbook, name: str, chosen: Mapping[str, Any]) -> _Sheet:
    rows = workbook.rows(name)
    filled = [(number, row) for number, row in enumerate(rows, 1) if row]
    sample = filled[:_SAMPLE_ROWS]
    header = find_titles(sample) if chosen.get("header") is False else find_header(sample, chosen.get("header_row"))
    if "header_lines" in chosen:
        header = Header(header.row, chosen["header_lines"], header.titles)
    end = header.titles + (header.lines if header.row is not None else 0)
    body = [row for _, row in filled[end : end + _SAMPLE_ROWS]]
    columns = join_headings([row for _, row in filled[header.titles : end]])
    width = max(map(len, [columns, *body]))
    columns += [""] * (width - len(columns))
    mapping, _, _ = suggest_mapping(columns, [row + [""] * (width - len(row)) for row in body])
    texts = 0.0
    if mapping is not None and body:
        share = sum(1 for row in body if "".join(row[mapping.text : mapping.text + 1]).strip()) / len(body)
        named = name_score(Role.TEXT, columns[mapping.text]) >= 1.5
        texts = share * (len(filled) - end) * (_NAMED_TEXT if named else 1.0)
    return _Sheet(name, workbook.is_hidden(name), header, columns, len(filled), max(0, len(filled) - end), texts)


def _rank(sheet: _Sheet) -> tuple[bool, bool, float, bool]:
    return (sheet.texts > 0, not sheet.hidden, sheet.texts, sheet.filled > 0)


def _alike(left: _Sheet, right: _Sheet) -> bool:
    headed = left.header.row is not None and right.header.row is not None
    return headed and right.rows > 0 and same_columns(left.columns, right.columns)


def _warnings(read: str | tuple[str, ...], sheets: list[_Sheet], alike: list[_Sheet]) -> list[str]:
    names = (read,) if isinstance(read, str) else read
    others = [sheet for sheet in sheets if sheet.name not in names and sheet.filled]
    warnings: list[str] = []
    if any(sheet.hidden for sheet in sheets if sheet.name in names):
        hidden = _list([sheet for sheet in sheets if sheet.hidden and sheet.name in names])
        warnings.append(Warned("hidden-sheet", f"{hidden} is read although the workbook hides it."))
    if others:
        verb = "is" if len(others) == 1 else "are"
        sentence = f"Only {_quoted(names)} is read. {_list(others)} {verb} not read. Choose the sheet if this is wrong."
        warnings.append(Warned("other-sheets", sentence, *(sheet.name for sheet in others[:_LISTED])))
    if isinstance(read, str) and alike:
        verb = "has" if len(alike) == 1 else "have"
        sentence = f"{_list(alike)} {verb} the same columns as {_quoted(names)}. They can be read as one."
        warnings.append(Warned("same-columns", sentence, *(sheet.name for sheet in alike[:_LISTED])))
    return warnings


def _stray_warnings(workbook: Workbook) -> list[str]:
    column = workbook.stray_column
    sentence = (
        f"Cells far to the right of the table, from column {column} on, are not read. Delete them if they are empty."
    )
    return [Warned("stray-cells", sentence, column)] if column else []


def _list(sheets: list[_Sheet]) -> str:
    parts = [
        f"“{sheet.name}” ({'hidden, ' if sheet.hidden else ''}{sheet.rows:,} row{'' if sheet.rows == 1 else 's'})"
        for sheet in sheets[:_LISTED]
    ]
    return _joined(parts, len(sheets) - len(parts))


def _quoted(names: tuple[str, ...]) -> str:
    return _joined([f"“{name}”" for name in names[:_LISTED]], len(names) - _LISTED)


def _joined(parts: list[str], more: int) -> str:
    if more > 0:
        return f"{', '.join(parts)} and {more:,} more"
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
