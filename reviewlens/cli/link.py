"""`./run link`: a fresh log-in link from the backend that runs on this data folder."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape

from reviewlens.cli.operator import LOCAL_USER, Client, Operator
from reviewlens.cli.processes import RunFile
from reviewlens.cli.up import analyse_example
from reviewlens.errors import ReviewLensError
from reviewlens.settings import Settings


def running_backend(settings: Settings) -> str:
    """Where it answers: as `up` wrote down, else as the settings say (a backend in a container)."""
    return str(RunFile(settings.data_dir / "up.json").read().get("backend") or settings.backend_url)


def print_link(console: Console, name: str | None, *, example: bool) -> None:
    """The link alone goes to standard output. `example`: analyse the example first where there is no job yet."""
    settings = Settings()
    settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve()})
    operator = Operator.of(settings, running_backend(settings))
    if example:
        try:
            analyse_example(console, Client(operator.url, operator.access_token(name or LOCAL_USER)))
        except ReviewLensError as error:
            console.print(f"[yellow]The example could not be analysed:[/] {escape(error.message)}")
    link = operator.login_link(name or LOCAL_USER)
    console.print("This link logs you in; it works once, within the hour:", soft_wrap=True)
    sys.stdout.write(f"{link}\n")
