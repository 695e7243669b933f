"""Groups of an evaluation: by source, length, rating and product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.contracts.roles import Role
from reviewlens.reviews.column_names import name_score

LEAST_TEXTS = 30
"""The smallest group: with fewer texts an accuracy of 90 % is uncertain by more than ten points."""
MOST_GROUPS = 20
OTHERS = "others"
NOT_GIVEN = "not given"

_BANDS = ((10, "1 to 10 words"), (25, "11 to 25"), (50, "26 to 50"), (100, "51 to 100"), (200, "101 to 200"))
_LONGEST = "over 200"

Group = tuple[str, NDArray[np.bool_]]


def groups_of(frame: pl.DataFrame, texts: Sequence[str]) -> dict[str, list[Group]]:
    """The groups of each kind, each with a mask over the rows.

    `frame`: the labelled rows; `texts`: their cleaned texts. The kinds are length and, if the file has such a column,
    source, rating and product (under any usual name).
    """
    groups: dict[str, list[Group]] = {}
    if "source" in frame.columns:
        groups["source"] = pooled(_names(frame["source"]))
    order = [name for _, name in _BANDS] + [_LONGEST]
    groups["length"] = pooled([length_band(text) for text in texts], order.index)
    if "rating" in frame.columns:
        stars = frame["rating"].cast(pl.Float64, strict=False)
        names = [NOT_GIVEN if value is None else f"{value:g} star{'s' if value != 1 else ''}" for value in stars]
        groups["rating"] = pooled(names, lambda name: -1.0 if name == NOT_GIVEN else float(name.split()[0]))
    product = product_column(frame.columns)
    if product is not None:
        groups["product"] = pooled(_names(frame[product]))
    return groups


def length_band(text: str) -> str:
    """The band of word counts of a text."""
    words = len(text.split())
    return next((name for most, name in _BANDS if words <= most), _LONGEST)


def product_column(columns: Sequence[str]) -> str | None:
    """The column that most likely holds the product; None if there is none."""
    best = max(columns, key=lambda name: name_score(Role.PRODUCT, name), default=None)
    return best if best is not None and name_score(Role.PRODUCT, best) >= 1.5 else None


def pooled(names: Sequence[str], order: Callable[[str], float] | None = None) -> list[Group]:
    """The twenty largest groups of at least 30 texts, each with a mask; all other texts follow as 'others'.

    `order`: sort key of the groups; by default the largest comes first.
    """
    counts = Counter(names)
    large = [name for name, count in counts.most_common() if count >= LEAST_TEXTS and name != OTHERS][:MOST_GROUPS]
    if order is not None:
        large.sort(key=order)
    column = np.array(names, dtype=object)
    groups: list[Group] = [(name, np.asarray(column == name, dtype=bool)) for name in large]
    others = np.ones(len(column), dtype=bool)
    for _, mask in groups:
        others &= ~mask
    return [*groups, (OTHERS, others)] if others.any() else groups


def _names(column: pl.Series) -> list[str]:
    return [NOT_GIVEN if value is None or not str(value).strip() else str(value).strip()[:80] for value in column]
