"""HTTP/1.1 connections that must send the headers of a request within a time, which uvicorn does not limit."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedProtocol(H11Protocol):
    """Closes a connection that sends no complete headers within `header_seconds` after it is opened, or after the
    first byte that follows an earlier response. A body that still arrives after its response has the same time."""

    header_seconds: float = 20

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As in uvicorn; the time starts."""
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """As in uvicorn; the time ends while a request is worked on."""
        super().data_received(data)
        self._watch_headers()

    def on_response_complete(self) -> None:
        """As in uvicorn; the time starts if a further request has begun to arrive."""
        super().on_response_complete()
        if self.conn.trailing_data[0]:
            self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """As in uvicorn."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _watch_headers(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        else:
            self._wait_for_headers()

    def _wait_for_headers(self) -> None:
        if self._headers_due is None and not self.transport.is_closing():
            self._headers_due = self.loop.call_later(self.header_seconds, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None


def timed_protocol(header_seconds: float) -> type[TimedProtocol]:
    """The class for uvicorn's configuration, which makes the connections itself."""
    return type("TimedProtocol", (TimedProtocol,), {"header_seconds": header_seconds})
