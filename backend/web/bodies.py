"""Request bodies as they arrive: their size and time are limited, and none delays the stop of the service."""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

MAX_BODY_BYTES = 32_000_000
"""Largest body of a predict request."""
MAX_OTHER_BODY_BYTES = 1_000_000
"""Largest body of any other request, except uploads."""
LEAST_BYTES_PER_SECOND = 500
_UPLOADS = ("/uploads", "/api/uploads")
_PREDICTS = ("/predict-sentiment", "/api/predict-sentiment")
_CLOSE = {"Connection": "close"}


class Bodies:
    """Limits the bodies of one application's requests.

    A body is given up when nothing of it arrives for `idle_seconds`, or when it arrives more slowly than
    LEAST_BYTES_PER_SECOND on average. `now` returns the time of the event loop, in seconds.
    """

    def __init__(self, idle_seconds: float, *, now: Callable[[], float] = anyio.current_time) -> None:
        self._idle_seconds = idle_seconds
        self._now = now
        self._waiting: set[anyio.CancelScope] = set()
        self._stopped = False

    def stop(self) -> None:
        """End all requests whose bodies have not arrived, now and later. Call it in the event loop."""
        self._stopped = True
        for scope in self._waiting:
            scope.cancel()

    def limited(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` of one request under these limits.

        Raises HTTPException 413 for a body that is too large (uploads have their own limit), 408 for one that arrives
        too slowly, 503 when the service stops. Waiting for the client to disconnect has no limit.
        """
        most_bytes: float = MAX_BODY_BYTES if scope["path"] in _PREDICTS else MAX_OTHER_BODY_BYTES
        if scope["path"] in _UPLOADS:
            most_bytes = math.inf
        received, complete = 0, False
        started: float | None = None

        async def limited_receive() -> Message:
            nonlocal received, complete, started
            if complete:
                return await receive()
            started = self._now() if started is None else started
            message = await self._next(receive, started + self._idle_seconds + received / LEAST_BYTES_PER_SECOND)
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > most_bytes:
                raise HTTPException(413, headers=_CLOSE)
            return message

        return limited_receive

    async def _next(self, receive: Receive, deadline: float) -> Message:
        with anyio.CancelScope(deadline=min(deadline, self._now() + self._idle_seconds)) as waiting:
            if self._stopped:
                waiting.cancel()
            self._waiting.add(waiting)
            try:
                return await receive()
            finally:
                self._waiting.discard(waiting)
        if self._stopped:
            raise HTTPException(503, headers={**_CLOSE, "Retry-After": "5"})
        raise HTTPException(408, headers=_CLOSE)
