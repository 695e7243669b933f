"""The rejected rows: each reason with its count and a few examples, read without loading the whole file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from reviewlens.insights.models import Reason, RejectedRow, RejectedRows
from reviewlens.insights.results import Results

EXAMPLES = 3
EXAMPLE_CHARS = 300
_MOST_ROWS_READ = 200_000


def rejected_rows(results: Results) -> RejectedRows:
    """The reasons in the summary, most frequent first, with examples from rejected.csv."""
    counts = results.summary.rejected_reasons
    examples: dict[str, list[RejectedRow]] = {code: [] for code in counts}
    missing = sum(min(count, EXAMPLES) for count in counts.values())
    if missing:
        for read, row in enumerate(read_rejected(results.rejected_csv)):
            listed = examples.get(row["reason"])
            if listed is not None and len(listed) < EXAMPLES:
                listed.append(_example(row))
                missing -= 1
            if missing <= 0 or read >= _MOST_ROWS_READ:
                break
    accounting = results.summary.accounting
    rejected = accounting.rejected
    return RejectedRows(
        available=rejected > 0,
        rejected=rejected,
        duplicates=accounting.duplicate,
        reasons=[
            Reason(code=code, label=code.replace("-", " ").capitalize(), count=count, examples=examples[code])
            for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ],
        note="Counts cover the whole file, without filters; rejected.csv has every rejected row."
        if rejected
        else "No row was rejected.",
    )


def read_rejected(path: Path) -> Iterator[dict[str, str]]:
    """The rows of rejected.csv, one by one."""
    # A rejected row may have a field of megabytes, which may be why it was rejected.
    csv.field_size_limit(2**31 - 1)
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _example(row: dict[str, str]) -> RejectedRow:
    raw = row["raw"]
    return RejectedRow(
        row=int(row["row"]), explanation=row["explanation"], raw=raw[:EXAMPLE_CHARS], cut=len(raw) > EXAMPLE_CHARS
    )
