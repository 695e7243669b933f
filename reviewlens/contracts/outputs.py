"""The shape of what a job writes: columns and their names."""

from __future__ import annotations

from collections.abc import Sequence

OUTPUT_COLUMNS = ("review_id", "sentiment", "confidence", "positive_score", "needs_review", "mixed")
"""Columns that scoring appends."""

NORMALISED_COLUMNS = ("_row", "_text", "_title", "_rating", "_date", "_product", "_duplicate_of")
"""Columns that `served.parquet` holds besides, for queries."""

_RESERVED = frozenset(OUTPUT_COLUMNS + NORMALISED_COLUMNS)


def served_names(headers: Sequence[str]) -> list[str]:
    """The name of each column in `served.csv`, in file order, unique without regard to case.

    A header that collides with a column of ours, or differs from an earlier one in case alone, gets the suffix
    `_original`; one that repeats an earlier one exactly gets `_2`, `_3`, …; an empty one becomes `column_N` (N counts
    from 1). Where a name made so is taken as well, a number is added. A header that needs no change keeps its name,
    whatever stands before it.
    """
    cleaned = [" ".join(header.replace("\x00", "").split()) for header in headers]
    first: dict[str, int] = {}  # folded name -> the column that keeps it
    for index, name in enumerate(cleaned):
        if name and name.casefold() not in _RESERVED:
            first.setdefault(name.casefold(), index)
    taken = set(_RESERVED) | set(first)
    names: list[str] = []
    for index, name in enumerate(cleaned):
        folded = name.casefold()
        if name and first.get(folded) == index:
            names.append(name)
            continue
        if not name:
            wanted, again = f"column_{index + 1}", f"column_{index + 1}_"
        elif folded in _RESERVED or cleaned[first[folded]] != name:
            wanted, again = f"{name}_original", f"{name}_original_"
        else:
            wanted, again = f"{name}_2", f"{name}_"
        number = 2
        while wanted.casefold() in taken:
            wanted = f"{again}{number}"
            number += 1
        taken.add(wanted.casefold())
        names.append(wanted)
    return names
