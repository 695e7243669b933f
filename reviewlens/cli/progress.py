"""A job's progress bar in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from reviewlens.contracts.job_status import Progress

Show = Callable[[Progress | None], None]


@contextmanager
def job_progress(console: Console) -> Iterator[Show]:
    """Yields a function that shows a progress document (None: the job has not started)."""
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("Starting", total=None, facts="")

        def show(progress: Progress | None) -> None:
            if progress is None:
                return
            done, total = progress.rows_done, progress.rows_total
            facts = f"{done:,} of {total:,} rows" if total else f"{done:,} rows"
            if progress.rows_per_second:
                facts += f" · {progress.rows_per_second:,.0f} a second"
            if progress.rows_reused:
                facts += f" · {progress.rows_reused:,} scores reused"
            if progress.seconds_left:
                facts += f" · {_duration(progress.seconds_left)} left"
            label = f"{progress.stage_number}/{progress.stages} {progress.label}"
            bar.update(task, description=label, completed=done, total=total, facts=facts)

        yield show


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
