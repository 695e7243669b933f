"""What a worker process and its parent say to each other: frames with a kind, a length and bytes."""

from __future__ import annotations

import os
import select
import struct
import time
from enum import IntEnum
from typing import IO

_HEAD = struct.Struct(">BQ")
_CHUNK = 1 << 20
MAX_FRAME_BYTES = 1 << 30
"""The most that one side accepts; a longer frame means that the other side is out of control."""


class Kind(IntEnum):
    """What a frame holds."""

    READY = 0
    """The worker has loaded its modules."""
    REQUEST = 1
    """JSON: the function to call, its arguments and its limit on CPU time."""
    MESSAGE = 2
    """Bytes that the function returned or yielded."""
    DONE = 3
    """JSON: `peak_bytes`, the most memory that the worker has used."""
    ERROR = 4
    """JSON: the error that the function raised."""


def write_frame(stream: IO[bytes], kind: Kind, data: bytes = b"") -> None:
    """Write one frame. Raises OSError when the other side is gone."""
    stream.write(_HEAD.pack(kind, len(data)))
    stream.write(data)
    stream.flush()


def read_frame(descriptor: int, seconds: float | None = None) -> tuple[Kind, bytes] | None:
    """Return the next frame; None when the other side is gone or sends what is no frame.

    Errors: TimeoutError when the frame is not there after `seconds`.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    head = _read(descriptor, _HEAD.size, deadline)
    if len(head) < _HEAD.size:
        return None
    kind, size = _HEAD.unpack(head)
    if kind > max(Kind) or size > MAX_FRAME_BYTES:
        return None
    data = _read(descriptor, size, deadline)
    return (Kind(kind), data) if len(data) == size else None


def _read(descriptor: int, size: int, deadline: float | None) -> bytes:
    """Read so many bytes; fewer at the end of the stream."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    chunks = []
    while size:
        if deadline is not None and not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        chunk = os.read(descriptor, min(size, _CHUNK))
        if not chunk:
            break
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
