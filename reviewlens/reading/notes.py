"""Warnings about what a reader repaired."""

from __future__ import annotations

from collections.abc import Mapping

from reviewlens.contracts.tables import Warned

_SENTENCES = {
    "padded_rows": (
        "has fewer fields than there are columns; the missing ones were left empty",
        "have fewer fields than there are columns; the missing ones were left empty",
    ),
    "quote_rows": (
        "has a quotation mark that is never closed or not escaped; it was taken as text",
        "have a quotation mark that is never closed or not escaped; it was taken as text",
    ),
    "row_like_lines": (
        "spans lines that look like rows; it was read as one row because quotation marks enclose them",
        "span lines that look like rows; each was read as one row because quotation marks enclose them",
    ),
    "fallback_rows": (
        "has another encoding than the rest of the file and was decoded by itself; check it in the preview",
        "have another encoding than the rest of the file and were decoded one by one; check them in the preview",
    ),
    "nul_rows": ("holds NUL characters, which were taken out", "hold NUL characters, which were taken out"),
    "broken_character_rows": ("holds half a character, shown as \ufffd", "hold half a character, shown as \ufffd"),
}


def tally_warnings(tallies: Mapping[str, int], unseen_keys: Mapping[str, int]) -> list[str]:
    """Return one sentence for each kind of repair."""
    warnings: list[str] = []
    for name, (singular, plural) in _SENTENCES.items():
        count = tallies.get(name, 0)
        if count:
            rows = f"{count:,} row{'' if count == 1 else 's'}"
            warnings.append(Warned(name.replace("_", "-"), f"{rows} {singular if count == 1 else plural}."))
    for key, count in sorted(unseen_keys.items()):
        warnings.append(
            Warned(
                "late-key",
                f"The key {key!r} first appears far down in the file and is no column; it was left out "
                f"of {count:,} row{'' if count == 1 else 's'}.",
                key,
            )
        )
    if tallies.get("further_unseen_keys"):
        values = tallies["further_unseen_keys"]
        warnings.append(
            Warned("late-key", f"Further keys first appear far down in the file; {values:,} values were left out.")
        )
    return warnings
