"""The rows that were not scored: reasons with counts and a few examples each, read without loading the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from reviewlens.insights.models import Reason, RejectedRow, SetAside
from reviewlens.insights.results import Results

EXAMPLES = 3
EXAMPLE_CHARS = 300
_MOST_ROWS_READ = 200_000


def set_aside(results: Results) -> SetAside:
    """What the summary counted, most frequent reason first, with examples from rejected.csv."""
    counts = results.summary.rejected_reasons
    examples: dict[str, list[RejectedRow]] = {code: [] for code in counts}
    wanted = sum(min(count, EXAMPLES) for count in counts.values())
    if wanted:
        for read, row in enumerate(read_rejected(results.rejected_csv)):
            some = examples.get(row["reason"])
            if some is not None and len(some) < EXAMPLES:
                some.append(_example(row))
                wanted -= 1
            if wanted <= 0 or read >= _MOST_ROWS_READ:
                break
    accounting = results.summary.accounting
    rejected = accounting.rejected
    return SetAside(
        available=rejected > 0,
        rejected=rejected,
        duplicates=accounting.duplicate,
        reasons=[
            Reason(code=code, label=code.replace("-", " ").capitalize(), count=count, examples=examples[code])
            for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ],
        note="Of the whole file, whatever the filters; rejected.csv holds every one of these rows."
        if rejected
        else "No row was set aside: every row of the file was scored.",
    )


def read_rejected(path: Path) -> Iterator[dict[str, str]]:
    """The rows of rejected.csv, one by one."""
    # A rejected row may hold a field of megabytes: that may be why it was rejected.
    csv.field_size_limit(2**31 - 1)
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _example(row: dict[str, str]) -> RejectedRow:
    raw = row["raw"]
    return RejectedRow(
        row=int(row["row"]), explanation=row["explanation"], raw=raw[:EXAMPLE_CHARS], cut=len(raw) > EXAMPLE_CHARS
    )
