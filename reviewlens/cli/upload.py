"""`./run upload FILE`: a file to a running ReviewLens, wherever that is; a large one straight to its bucket."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from reviewlens.errors import (
    AuthenticationError,
    ConfigurationError,
    InputError,
    LimitError,
    ReviewLensError,
    TransientError,
)

_NOT_OFFERED = "direct-upload-not-offered"
_KINDS: dict[int, type[ReviewLensError]] = {401: AuthenticationError, 413: LimitError, 422: InputError}


def run_upload(console: Console, http: httpx.Client, file: Path, name: str, password: str, *, start: bool) -> int:
    """Log in, send the file, say what was detected, and start its analysis where that is asked for; 0."""
    if not file.is_file():
        raise InputError(f"There is no file {file}.")
    tokens = _call(http, "POST", "/login", json={"username": name, "password": password})
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    columns = (TextColumn("Sending"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=file.stat().st_size)
        upload = send(http, file, headers, lambda sent: bar.update(task, completed=sent))
    sniffed = upload["sniffed"]
    console.print(f"Sent {escape(upload['filename'])}: about {sniffed['estimated_rows']:,} rows.", soft_wrap=True)
    for warning in sniffed["warnings"]:
        console.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)
    if start:
        job = _call(http, "POST", "/trigger_pipeline", headers=headers, json={"upload_id": upload["upload_id"]})
        console.print(f"Its analysis is {job['job_id']}; watch it on the page Runs.", soft_wrap=True)
    else:
        console.print(f"It is {upload['upload_id']}; nothing is analysed yet.", soft_wrap=True)
    return 0


def send(http: httpx.Client, file: Path, headers: dict[str, str], told: Callable[[int], None]) -> dict[str, Any]:
    """What was detected in the file, once it is sent: straight to the store where that takes files, else by the
    backend. Never more of it in memory than a piece. `told` is called with the bytes sent so far.
    """
    asked = {"filename": file.name, "size_bytes": file.stat().st_size}
    form = _call(http, "POST", "/uploads/direct", headers=headers, json=asked, but=_NOT_OFFERED)
    with _Watched(file, told) as content:
        if form is None:
            query = {"filename": file.name}
            kind = {"Content-Type": "application/octet-stream"}
            sent = _call(http, "POST", "/uploads", headers=headers | kind, params=query, content=content, timeout=600)
            return dict(sent)
        try:
            answer = httpx.post(form["url"], data=form["fields"], files={"file": content}, timeout=600)
        except httpx.TransportError as error:
            raise TransientError("The file could not be sent to the store; try again.") from error
    if answer.is_error:
        raise TransientError(f"The store did not take the file (status {answer.status_code}); try again.")
    return dict(_call(http, "POST", f"/uploads/{form['upload_id']}/complete", headers=headers, timeout=600))


class _Watched(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, told: Callable[[int], None]) -> None:
        super().__init__(path)
        self._told = told

    def read(self, size: int | None = -1, /) -> bytes:
        """As any file does."""
        data = super().read(-1 if size is None else size) or b""
        self._told(self.tell())
        return data


def _call(http: httpx.Client, method: str, path: str, *, but: str = "", **options: Any) -> Any:
    """The answer's JSON; a problem becomes an error in its own words, but the one of code `but` None."""
    try:
        answer = http.request(method, path, **options)
        body = answer.json()
    except httpx.TransportError as error:
        raise TransientError("ReviewLens does not answer at this address; see whether it is running there.") from error
    except ValueError as error:
        raise ConfigurationError("What answers at this address is no ReviewLens backend.") from error
    if answer.is_error:
        if but and body.get("code") == but:
            return None
        raise _KINDS.get(answer.status_code, ReviewLensError)(str(body.get("detail") or "The backend failed."))
    return body
