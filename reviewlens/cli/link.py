"""`./run link`: a new log-in link from the backend that runs on this data folder."""

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
    """The backend's address: as recorded by `up`, else from the settings (a backend in a container)."""
    return str(RunFile(settings.data_dir / "up.json").read().get("backend") or settings.backend_url)


def print_link(console: Console, name: str | None, *, example: bool) -> None:
    """Write only the link to standard output. `example`: first analyse the example if the user has no job yet."""
    settings = Settings()
    settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve()})
    operator = Operator.of(settings, running_backend(settings))
    if example:
        try:
            analyse_example(console, Client(operator.url, operator.access_token(name or LOCAL_USER)))
        except ReviewLensError as error:
            console.print(f"[yellow]The example could not be analysed:[/] {escape(error.message)}")
    link = operator.login_link(name or LOCAL_USER)
    console.print("This link logs you in. It works once, within an hour:", soft_wrap=True)
    sys.stdout.write(f"{link}\n")
