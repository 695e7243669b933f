"""A job's progress bar in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Show = Callable[[dict[str, Any] | None], None]


@contextmanager
def job_progress(console: Console) -> Iterator[Show]:
    """Yields a function that shows a progress document (None: the job has not started)."""
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Starting", total=None, facts="")

        def show(progress: dict[str, Any] | None) -> None:
            if not progress:
                return
            done, total = progress.get("rows_done") or 0, progress.get("rows_total")
            facts = f"{done:,} of {total:,} rows" if total else f"{done:,} rows"
            if progress.get("rows_per_second"):
                facts += f" · {progress['rows_per_second']:,.0f} a second"
            if progress.get("rows_reused"):
                facts += f" · {progress['rows_reused']:,} scores reused"
            if progress.get("seconds_left"):
                facts += f" · {_duration(progress['seconds_left'])} left"
            label = f"{progress['stage_number']}/{progress['stages']} {progress['label']}"
            bar.update(task, description=label, completed=done, total=total, facts=facts)

        yield show


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
