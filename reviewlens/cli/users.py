"""`./run user add NAME`."""

from __future__ import annotations

from rich.console import Console

from reviewlens.cli.link import running_backend
from reviewlens.cli.operator import Operator
from reviewlens.errors import ConfigurationError
from reviewlens.platform import Platform
from reviewlens.settings import Settings


def add_user(console: Console, name: str, password: str | None) -> None:
    """Through the running backend if there is one, which alone has the user table open; else directly."""
    settings = Settings()
    data = settings.data_dir.resolve()
    settings = settings.model_copy(update={"data_dir": data})
    data.mkdir(parents=True, exist_ok=True)
    try:
        platform = Platform.from_settings(settings)
    except ConfigurationError as error:
        if error.code != "already-running":
            raise
        operator = Operator.of(settings, running_backend(settings))
        answer = operator.post("/operator/users", username=name, password=password)
        username, chosen = answer["username"], answer["password"]
    else:
        try:
            if platform.local_users is None:
                raise ConfigurationError("Users are kept elsewhere; add them there.")
            added, chosen = platform.local_users.add_user(name, password)
            username = added.name
        finally:
            platform.close()
    console.print(f"Added [bold]{username}[/].")
    if password is None:
        console.print(f"Password (shown once): {chosen}", markup=False)
