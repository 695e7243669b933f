"""Requests straight to an application, whose bodies arrive, and whose clients go away, when a test says so."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.backend.conftest import BackendApp


class PacedRequest:
    """One request. `start()` it, `send()` parts of its body, then await its `status()`."""

    def __init__(self, method: str, path: str, headers: dict[str, str], query: str = "") -> None:
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "client": ("127.0.0.1", 5),
            "server": ("testserver", 80),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent: list[dict[str, Any]] = []
        self.waits = asyncio.Event()
        """Set while the application waits for more of the body than it has, or for the client to go away."""

    def start(self, backend_app: BackendApp) -> PacedRequest:
        self._task = asyncio.ensure_future(backend_app.app(self._scope, self._receive, self._send))
        return self

    def send(self, body: bytes = b"", *, more: bool = False) -> PacedRequest:
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": more})
        return self

    def leave(self) -> None:
        """The client goes away."""
        self._messages.put_nowait({"type": "http.disconnect"})

    async def status(self) -> int:
        """The status of the response; 0 when there was none."""
        await self._task
        return self._sent[0]["status"] if self._sent else 0

    def header(self, name: str) -> str:
        return dict(self._sent[0]["headers"])[name.encode()].decode()

    def code(self) -> str:
        return str(json.loads(b"".join(message.get("body", b"") for message in self._sent))["code"])

    async def _receive(self) -> dict[str, Any]:
        if self._messages.empty():
            self.waits.set()
        message = await self._messages.get()
        self.waits.clear()
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        self._sent.append(message)


async def get(backend_app: BackendApp, path: str, headers: dict[str, str]) -> PacedRequest:
    """A finished GET request."""
    request = PacedRequest("GET", path, headers).start(backend_app).send()
    await request.status()
    return request
