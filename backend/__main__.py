"""`python -m backend`: serve on the host and port of the settings until told to stop."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from pydantic import ValidationError

from backend.main import create_app
from reviewlens.logs import configure_logging
from reviewlens.settings import Settings

KEEP_ALIVE_SECONDS = 310
"""Longer than the load balancer keeps an idle connection (infra/load_balancer.tf). If the backend closed it first, a
request on its way at that moment would be answered with 502."""


def main() -> int:
    """Exit code 0 after an orderly stop, 1 when it could not start."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.stderr.write(f"A setting is wrong: {error.errors()[0]['msg']}\n")
        return 1
    configure_logging(settings.data_dir.absolute() / "logs" / "fastapi.log", settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.backend_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    try:
        _Server(config).run()
    except SystemExit:
        logging.getLogger(__name__).error("the backend could not start; the lines above say why")
        return 1
    return 0


class _Server(uvicorn.Server):
    """Leaves in good order on the first signal, at once on the second."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As in uvicorn, which would then die of the signal once more although it has been obeyed."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
