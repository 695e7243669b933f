"""The user's choices for a file, from flags or from a JSON file with the keys of `--detect`, as corrections."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reviewlens.contracts.detected import Detected
from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import DELIMITER_NAMES, ColumnInfo, Dialect, Mapping, Sniffed
from reviewlens.errors import InputError
from reviewlens.reading.detected import column_names
from reviewlens.uploads.service import Overrides

_DELIMITERS = {name: delimiter for delimiter, name in DELIMITER_NAMES.items()}
_ROLES = {role.value for role in Role}
_MAPPING = Mapping.model_fields.keys() - _ROLES - {"segments"}  # those are chosen by name, in `roles`
_KEYS = {*Dialect.model_fields, *_MAPPING, *Detected.model_fields}


def read_choices(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Errors: InputError (`bad-choices`) for anything else and for an unknown key."""
    try:
        choices = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The choices {path} cannot be read ({error.strerror}).", code="bad-choices") from error
    except ValueError as error:
        raise InputError(f"The choices {path} are not JSON.", code="bad-choices") from error
    if not isinstance(choices, dict):
        raise InputError(f"The choices {path} are no JSON object.", code="bad-choices")
    if unknown := choices.keys() - _KEYS:
        raise InputError(f"Unknown choice: {', '.join(sorted(unknown))}.", code="bad-choices")
    roles = choices.get("roles") or {}
    if not isinstance(roles, dict) or roles.keys() - {*_ROLES, "segments"}:
        raise InputError(
            f"`roles` is an object with the keys {', '.join(sorted({*_ROLES, 'segments'}))}.", code="bad-choices"
        )
    return {**choices, "roles": roles}


def as_overrides(choices: dict[str, Any], look: Callable[[Overrides], Sniffed]) -> Overrides:
    """Choices as corrections. Keys that are no choice, such as `rows` and `warnings`, are ignored.

    `look` detects with corrections: columns are chosen by name, which needs the columns. A column to which the choices
    give a role is taken out of the segments, so that in a detected document only the role needs to change. Errors:
    InputError (`no-such-column`, `no-date-column`, `bad-choices`), and those of `look`.
    """
    dialect = _dialect(choices)
    roles, segments = _roles(choices.get("roles", {})), _segments(choices.get("roles", {}))
    mapping: dict[str, Any] = {name: choices[name] for name in _MAPPING if choices.get(name) is not None}
    if not mapping.get("all_languages"):
        mapping.pop("all_languages", None)
    found = look(Overrides(dialect=dialect)) if roles or segments is not None else None
    columns = found.columns if found is not None else []
    if roles:
        mapping |= {
            role: None if name is None else column_index(columns, name)
            for role, name in roles.items()
            if role != Role.TEXT
        }
        if Role.TEXT in roles:
            mapping["text"], *mapping["further_texts"] = [column_index(columns, name) for name in roles[Role.TEXT]]
    if segments is not None:
        given = {*(mapping.get(role) for role in roles), *mapping.get("further_texts", ())}
        places = dict.fromkeys(column_index(columns, name) for name in segments)
        mapping["segments"] = [column for column in places if column not in given]
    if found is not None and found.mapping is None and Role.TEXT not in roles:  # without a text, nothing has a role
        mapping = {}
    if order := choices.get("date_order"):
        detected = look(Overrides(dialect=dialect, mapping=mapping)).mapping
        if detected is None or detected.date_format is None:
            raise InputError(
                "--date-order needs a date column, and none was detected; name it with --date.", code="no-date-column"
            )
        if detected.date_format.order != order or detected.date_format.ambiguous:
            form = detected.date_format.model_copy(update={"order": order, "ambiguous": False})
            mapping["date_format"] = form.model_dump(mode="json")
    return Overrides(dialect=dialect, mapping=mapping)


def column_index(columns: list[ColumnInfo], wanted: str) -> int:
    """The index from 0 of a column that is given by name or by number from 1; InputError if there is none."""
    for column, name in zip(columns, column_names(columns), strict=True):
        if wanted in {name, column.name, column.served_name}:
            return column.index
    same = [column.index for column in columns if column.name.casefold() == wanted.casefold()]
    if len(same) == 1:
        return same[0]
    if wanted.isdigit() and 1 <= int(wanted) <= len(columns):
        return int(wanted) - 1
    names = ", ".join(f"{column.index + 1}: {column.served_name}" for column in columns)
    raise InputError(f"There is no column {wanted!r}. The file has {names}.", code="no-such-column")


def _dialect(choices: dict[str, Any]) -> dict[str, Any]:
    dialect = {name: choices[name] for name in Dialect.model_fields if choices.get(name) is not None}
    if "delimiter" in dialect:
        dialect["delimiter"] = _DELIMITERS.get(dialect["delimiter"], dialect["delimiter"])
    if "header_row" in choices and choices.get("format") not in ("jsonl", "json", "parquet"):  # theirs is null
        dialect.setdefault("header", choices["header_row"] is not None)
    return dialect


def _roles(roles: dict[str, Any]) -> dict[str, Any]:
    """Role to the name of its column; None: no column has it. `text`: a list of names, if any."""
    texts = roles.get("text") or []
    texts = [texts] if isinstance(texts, str) else texts
    names = {role: name for role, name in roles.items() if role not in ("text", "segments")}
    if not isinstance(texts, list) or not all(
        name is None or isinstance(name, str) for name in [*names.values(), *texts]
    ):
        raise InputError("Give the columns of `roles` by name.", code="bad-choices")
    return {**names, "text": texts} if texts else names


def _segments(roles: dict[str, Any]) -> list[str] | None:
    """Names of the segments; None: those that are detected."""
    names = roles.get("segments")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("`segments` is a list of names of columns.", code="bad-choices")
    return names
