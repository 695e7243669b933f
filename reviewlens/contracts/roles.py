"""The roles that a column of reviews can have, and which column has which."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Columns
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from reviewlens.errors import InputError


class Role(StrEnum):
    """What a column holds. RoleColumns has a field for each."""

    TEXT = "text"
    TITLE = "title"
    RATING = "rating"
    DATE = "date"
    PRODUCT = "product"


class RoleColumns(BaseModel):
    """The column of each role, counted from 0; None where the file has none. `text` is always needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: int = Field(title="Review text", description="Column of the review text, counted from 0.")
    title: int | None = Field(None, title="Title", description="Column of the title.")
    rating: int | None = Field(None, title="Rating", description="Column of the rating.")
    date: int | None = Field(None, title="Date", description="Column of the date.")
    product: int | None = Field(None, title="Product", description="Column that names the product.")

    def column(self, role: Role) -> int | None:
        """The column of one role."""
        column: int | None = getattr(self, role)
        return column

    def columns(self) -> dict[Role, int]:
        """The roles that have a column."""
        return {role: column for role in Role if (column := self.column(role)) is not None}


def check_columns(columns: Columns[Role, object], count: int, further_texts: Iterable[object] = ()) -> None:
    """Check that a file of `count` columns has every column named here, and that further texts have no other role.

    Errors: InputError (`no-such-column`, `column-chosen-twice`).
    """
    further = list(further_texts)
    for role, column in [*columns.items(), *((Role.TEXT, column) for column in further)]:
        if type(column) is not int or not 0 <= column < count:
            raise InputError(
                f"There is no column {column!r} for the {role}: the file has {count} columns, counted from 0.",
                code="no-such-column",
                details={"role": str(role), "columns": count},
            )
    for index, column in enumerate(further):
        other = next((role for role, chosen in columns.items() if chosen == column), None)
        if other is not None or column in further[:index]:
            use = f"the {other}" if other not in (None, Role.TEXT) else "a text"
            raise InputError(
                f"Column {column!r}, counted from 0, is {use} already; choose another column as a further text.",
                code="column-chosen-twice",
            )
