"""An orderly stop on Ctrl-C, on a closed terminal and on SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """A person (or the system) asked to stop. Not an Exception, so that nothing swallows it on the way up."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raises StopRequested in the main thread on the first signal; later ones must not cut the orderly stop short.

    A closed terminal is not heeded where `nohup` had it ignored.
    """

    def request_stop(number: int, frame: FrameType | None) -> None:
        for each in _STOPPING:
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested

    heard = [each for each in _STOPPING if each != signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, request_stop) for each in heard}
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is request_stop:
            for each, handler in before.items():
                signal.signal(each, handler)
