"""`./run upload FILE`: send a file to a running ReviewLens, here or elsewhere; straight to its bucket if possible."""

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
    """Log in, send the file, print what was detected, and submit a job if `start`. Returns exit code 0."""
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
        console.print(f"Job {job['job_id']} is submitted; watch it on the page Jobs.", soft_wrap=True)
    else:
        console.print(f"It is upload {upload['upload_id']}; no job is submitted.", soft_wrap=True)
    return 0


def send(http: httpx.Client, file: Path, headers: dict[str, str], on_progress: Callable[[int], None]) -> dict[str, Any]:
    """Send a file and return the upload: straight to the object store where it accepts files, else to the backend.

    The file is streamed. `on_progress` is called with the number of bytes sent so far.
    """
    announcement = {"filename": file.name, "size_bytes": file.stat().st_size}
    form = _call(http, "POST", "/uploads/direct", headers=headers, json=announcement, none_if=_NOT_OFFERED)
    with _Watched(file, on_progress) as content:
        if form is None:
            query = {"filename": file.name}
            kind = {"Content-Type": "application/octet-stream"}
            upload = _call(http, "POST", "/uploads", headers=headers | kind, params=query, content=content, timeout=600)
            return dict(upload)
        try:
            response = httpx.post(form["url"], data=form["fields"], files={"file": content}, timeout=600)
        except httpx.TransportError as error:
            raise TransientError("The file could not be sent to the store; try again.") from error
    if response.is_error:
        raise TransientError(f"The store refused the file (status {response.status_code}); try again.")
    return dict(_call(http, "POST", f"/uploads/{form['upload_id']}/complete", headers=headers, timeout=600))


class _Watched(io.FileIO):
    """A file that reports how much of it was read."""

    def __init__(self, path: Path, on_progress: Callable[[int], None]) -> None:
        super().__init__(path)
        self._on_progress = on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and report the position."""
        data = super().read(-1 if size is None else size) or b""
        self._on_progress(self.tell())
        return data


def _call(http: httpx.Client, method: str, path: str, *, none_if: str = "", **options: Any) -> Any:
    """The response's JSON. Raises the problem of an error response; returns None for one with the code `none_if`."""
    try:
        response = http.request(method, path, **options)
        body = response.json()
    except httpx.TransportError as error:
        raise TransientError("ReviewLens does not respond at this address; check that it is running there.") from error
    except ValueError as error:
        raise ConfigurationError("There is no ReviewLens backend at this address.") from error
    if response.is_error:
        if none_if and body.get("code") == none_if:
            return None
        raise _KINDS.get(response.status_code, ReviewLensError)(str(body.get("detail") or "The backend failed."))
    return body
