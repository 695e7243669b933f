"""`./run user add NAME`."""

from __future__ import annotations

from rich.console import Console

from reviewlens.errors import ConfigurationError
from reviewlens.platform import Platform
from reviewlens.settings import Settings


def add_user(console: Console, name: str, password: str | None) -> None:
    """Add a user to the local pool, whether or not a backend runs on it; prints a password that was generated."""
    platform = Platform.from_settings(Settings())
    try:
        if platform.local_users is None:
            raise ConfigurationError("The users are not kept here; add them in their user pool.")
        user, chosen = platform.local_users.add_user(name, password)
    finally:
        platform.close()
    console.print(f"Added [bold]{user.name}[/].")
    if password is None:
        console.print(f"Password (shown once): {chosen}", markup=False)
