"""An orderly stop on Ctrl-C, SIGTERM or a closed terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """A signal asked the process to stop. A BaseException, so that `except Exception` does not catch it."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raises StopRequested in the main thread on the first signal; later signals are ignored during the orderly stop.

    SIGHUP stays ignored under `nohup`.
    """

    def request_stop(number: int, frame: FrameType | None) -> None:
        for each in _STOPPING:
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested

    handled = [each for each in _STOPPING if each != signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, request_stop) for each in handled}
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is request_stop:
            for each, handler in before.items():
                signal.signal(each, handler)
