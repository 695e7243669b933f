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
