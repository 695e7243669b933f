"""Serves an application on the host of the settings until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from backend.web.bodies import Bodies
from backend.web.protocol import timed_protocol
from reviewlens.logs import configure_logging
from reviewlens.private import UMASK
from reviewlens.settings import Settings

KEEP_ALIVE_SECONDS = 310
"""Longer than the load balancer keeps an idle connection (infra/load_balancer.tf). If the server closed it first, a
request on its way at that moment would be answered with 502."""

SWITCH_SECONDS = 0.001
"""How long a thread that scores may keep the interpreter from the one that answers; Python's default is 0.005."""
BODIES_SECONDS = 3
"""After a signal, how long bodies may go on to arrive."""
REQUESTS_SECONDS = 5
"""After a signal, how long requests may go on to be answered. Jobs then have 15 seconds, and the model 5."""


def serve(create_app: Callable[[Settings], FastAPI], *, log_name: str, port: int | None = None) -> int:
    """Serve until SIGINT or SIGTERM; exit code 0 after an orderly stop, 1 when the start failed.

    `port`: default the backend's port in the settings. The log goes to standard output and to `logs/{log_name}.log` in
    the data folder.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        sys.stderr.write(f"A setting is wrong: {error.errors()[0]['msg']}\n")
        return 1
    os.umask(UMASK)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        configure_logging(settings.data_dir.absolute() / "logs" / f"{log_name}.log", settings.log_level)
    except OSError as error:
        sys.stderr.write(
            f"The data folder {settings.data_dir.absolute()} cannot be written ({error.strerror}). Make it writable, or"
            " set REVIEWLENS_DATA_DIR to another folder.\n"
        )
        return 1
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port or settings.backend_port,
        log_config=None,
        access_log=False,
        server_header=False,
        http=timed_protocol(settings.header_seconds),
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=REQUESTS_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    try:
        _Server(config, app.state.services.bodies).run()
    except SystemExit:
        logging.getLogger(__name__).error("the server could not start; the lines above say why")
        return 1
    return 0


class _Server(uvicorn.Server):
    """Stops in an orderly way on the first signal, at once on the second."""

    def __init__(self, config: uvicorn.Config, bodies: Bodies) -> None:
        super().__init__(config)
        self._bodies = bodies

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As in uvicorn; requests whose bodies have stalled end earlier than the others, which wait for nobody."""
        asyncio.get_running_loop().call_later(BODIES_SECONDS, self._bodies.stop)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As in uvicorn, which would raise the signal again after the orderly stop and so end with an error."""
        handlers = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
