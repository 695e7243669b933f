"""Reports of benchmarks: tables as text and Markdown, ratios with thresholds, sections of a page."""

from __future__ import annotations

import platform
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil


@dataclass
class Measured:
    """One contender over all rounds.

    `how`: processes and threads; `texts`: number of texts for its rates and accuracy; `shares`: of the int8 peak, round
    by round, if its operations are known.
    """

    name: str
    how: str
    texts: int
    rates: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    accuracy: float | None = None
    note: str = ""

    @property
    def rate(self) -> float:
        """Reviews a second, the median of the rounds."""
        return statistics.median(self.rates)

    @property
    def share(self) -> float | None:
        """Share of the peak, the median of the rounds."""
        return statistics.median(self.shares) if self.shares else None


@dataclass(frozen=True)
class Bar:
    """A ratio of rates, the median over the rounds, and its least value (None: shown only)."""

    what: str
    ratio: float
    least: float | None = None

    @property
    def met(self) -> bool:
        """Whether the ratio reaches its least value; True without one."""
        return self.least is None or self.ratio >= self.least

    def line(self) -> str:
        """The ratio as one line of text."""
        if self.least is None:
            return f"{self.what}: {self.ratio:.2f}"
        return f"{self.what}: {self.ratio:.2f} (bar {self.least:g}: {'met' if self.met else 'NOT MET'})"


def ratio(over: Measured, under: Measured) -> float:
    """Median of the rounds' ratios: a slower round affects both."""
    return statistics.median(upper / lower for upper, lower in zip(over.rates, under.rates, strict=True))


HEADER = ("", "how", "reviews/s", "times", "accuracy", "of texts", "of int8 peak")


def rows(measured: Sequence[Measured], reference: Measured | None) -> list[tuple[str, ...]]:
    """The table's cells under HEADER; `times` is the ratio to the reference."""
    return [
        (
            each.name,
            each.how + (f" ({each.note})" if each.note else ""),
            f"{each.rate:,.1f}",
            f"{ratio(each, reference):.1f}" if reference else "",
            "" if each.accuracy is None else f"{100 * each.accuracy:.2f} %",
            f"{each.texts:,}",
            "" if each.share is None else f"{100 * each.share:.1f} %",
        )
        for each in measured
    ]


def as_text(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table in aligned columns: the first two to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (header, *cells)) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (header, *cells)
    )


def as_markdown(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    rule = ["---" if column < 2 else "---:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *cells))


def machine() -> str:
    """The processor, how many cores, and the day."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists() and (found := re.search(r"^model name\s*:\s*(.+)$", info.read_text(encoding="utf-8"), re.M)):
        name = found[1]
    return f"{name}, {psutil.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}"


def put_section(page: Path, name: str, text: str) -> None:
    """Put text between `<!-- name -->` and `<!-- /name -->` of a page; a page without the marks is replaced."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    block = f"{begin}\n\n{text.strip()}\n\n{end}"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin in old and end in old:
        first, last = old.index(begin), old.index(end) + len(end)
        new = old[:first] + block + old[last:]
    else:
        new = block + "\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(new, encoding="utf-8")
