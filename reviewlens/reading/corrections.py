"""The user's corrections of what was detected: checked, divided, and applied to the suggested mapping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import ValidationError

from reviewlens.contracts.roles import Role, check_columns
from reviewlens.contracts.tables import Dialect
from reviewlens.contracts.tables import Mapping as ColumnMapping
from reviewlens.errors import InputError
from reviewlens.reviews.ratings import Scale, detect_scale
from reviewlens.reviews.value_warnings import value_warnings
from reviewlens.reviews.values import detect_date_format


def split_overrides(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
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
    if dialect.get("header", ...) is None:
        del dialect["header"]
    if "header_row" in dialect and dialect["header_row"] is None and "header" not in dialect:
        dialect["header"] = False
    dialect = {name: value for name, value in dialect.items() if value is not None}
    try:
        checked = Dialect.model_validate(dialect)
    except ValidationError as error:
        raise _invalid_override(error) from error
    choices = {name: getattr(checked, name) for name in dialect}
    if "header_row" in choices or choices.get("header") is False:
        choices |= {"header": checked.header, "header_row": checked.header_row}
    return choices, mapping


def _invalid_override(error: ValidationError) -> InputError:
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return InputError(f"Invalid choice for {field}: {first['msg']}.", code="invalid-override")


def apply_choices(
    mapping: ColumnMapping | None,
    chosen: dict[str, Any],
    headers: list[str],
    rows: list[list[str]],
    reasons: dict[str, str],
    uploaded: date,
) -> tuple[ColumnMapping, list[str]]:
    """Apply the user's choices to the suggested mapping; detects the formats of changed columns again."""
    values: dict[str, Any] = {**(mapping.model_dump() if mapping else {}), **chosen}
    _choose_columns(values, chosen, () if mapping is None else mapping.further_texts, reasons, len(headers))
    if values.get("text") is None:
        raise InputError("Choose the column that holds the review text.", code="no-text-column")

    def cells(role: str) -> list[str]:
        return [row[values[role]] for row in rows]

    if values.get("date") is None:
        values["date_format"] = None
    elif not chosen.get("date_format"):
        values["date_format"] = detect_date_format(cells("date"), words=True, relative_to=uploaded)
    if values.get("rating") is None:
        values["rating_words"] = {}
    else:
        scale = detect_scale(cells("rating"), answers=True) or Scale(1.0, 5.0, {})
        if not chosen.get("rating_words"):
            values["rating_words"] = scale.words
        if chosen.get("rating_scale") is None:
            values["rating_scale"] = (scale.lowest, scale.highest)
    if values.get("rating_scale") is None:
        values["rating_scale"] = (1.0, 5.0)
    try:
        applied = ColumnMapping.model_validate(values)
    except ValidationError as error:
        raise _invalid_override(error) from error
    filled = [[row[column] for row in rows if row[column].strip()] for column in range(len(headers))]
    return applied, value_warnings(applied, headers, filled)


def _choose_columns(
    values: dict[str, Any],
    chosen: dict[str, Any],
    detected_texts: tuple[int, ...],
    reasons: dict[str, str],
    count: int,
) -> None:
    """Give each role its column: a chosen column loses the role that it was detected for.

    `text` without `further_texts` means one column of text; `detected_texts` are the further ones otherwise.
    """
    further = chosen.get("further_texts") or ()
    if not isinstance(further, list | tuple):
        raise InputError("`further_texts` is a list of columns, counted from 0.", code="invalid-override")
    roles = {role: chosen[role] for role in Role if chosen.get(role) is not None}
    check_columns(roles, count, further)
    used = {*roles.values(), *further}
    if not chosen.keys() & {"text", "further_texts"}:
        further = [column for column in detected_texts if column not in used]
    for role in Role:
        column = values.get(role)
        if role in chosen:
            reasons[role] = "you chose it"
            if column is None:
                reasons.pop(role)
        elif column is not None and column in used:
            values[role] = None
            reasons.pop(role, None)
    if values.get("text") is None and "text" not in chosen and "further_texts" not in chosen and further:
        values["text"], *further = further
        reasons["text"] = reasons.get("further_texts", "")
    values["further_texts"] = tuple(further)
    if not further:
        reasons.pop("further_texts", None)
    elif chosen.get("further_texts"):
        reasons["further_texts"] = "you chose it"
