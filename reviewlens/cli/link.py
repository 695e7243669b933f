"""`./run link`: a new log-in link for the backend that runs on this data folder."""

from __future__ import annotations

import sys
from urllib.parse import urlencode

import httpx
from rich.console import Console
from rich.markup import escape

from reviewlens.cli.operator import LOCAL_USER, Client
from reviewlens.cli.processes import RunFile
from reviewlens.cli.up import analyse_example
from reviewlens.errors import ConfigurationError, ReviewLensError, TransientError
from reviewlens.identity.local import LocalIdentity
from reviewlens.platform import Platform
from reviewlens.settings import Settings


def running_backend(settings: Settings) -> str:
    """The backend's address: as recorded by `up`, else from the settings (a backend in a container)."""
    return str(RunFile(settings.data_dir / "up.json").read().get("backend") or settings.backend_url)


def print_link(console: Console, name: str | None, *, example: bool) -> None:
    """Write only the link to standard output. `example`: first analyse the example if the user has no job yet.

    The link is made in the data folder's own user pool: the operator key is sent to nobody.
    """
    settings = Settings()
    settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve()})
    url = running_backend(settings)
    platform = Platform.from_settings(settings)
    try:
        users = platform.local_users
        if users is None:
            raise ConfigurationError("The users are not kept here, so there are no links; log in at the log-in page.")
        _check_is_ours(url, users)
        if example:
            _analyse_example(console, url, users, name or LOCAL_USER)
        token = users.login_link_token(name or LOCAL_USER)
    finally:
        platform.close()
    base = (settings.public_backend_url or url).rstrip("/")
    console.print("This link logs you in. It works once, within an hour:", soft_wrap=True)
    sys.stdout.write(f"{base}/session/start?{urlencode({'token': token})}\n")


def _check_is_ours(url: str, users: LocalIdentity) -> None:
    """TransientError unless the backend at this address has this data folder's users: it signs with their key."""
    try:
        keys = httpx.get(f"{url}/.well-known/jwks.json", timeout=30).json()
    except (httpx.HTTPError, ValueError) as error:
        raise TransientError(f"No backend answers at {url}; start ReviewLens first.") from error
    if keys != users.jwks():
        raise TransientError(f"The backend at {url} runs on another data folder; set REVIEWLENS_DATA_DIR to its.")


def _analyse_example(console: Console, url: str, users: LocalIdentity, name: str) -> None:
    access_token = users.redeem(users.login_link_token(name)).access_token
    try:
        analyse_example(console, Client(url, access_token))
    except ReviewLensError as error:
        console.print(f"[yellow]The example could not be analysed:[/] {escape(error.message)}")
