"""What a worker process and its parent say to each other: frames with a kind, a length and bytes."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import BinaryIO

_HEAD = struct.Struct(">BQ")
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


def write_frame(stream: BinaryIO, kind: Kind, data: bytes = b"") -> None:
    """Write one frame. Raises OSError when the other side is gone."""
    stream.write(_HEAD.pack(kind, len(data)))
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[Kind, bytes] | None:
    """Return the next frame; None when the other side is gone or sends what is no frame."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, size = _HEAD.unpack(head)
    if kind > max(Kind) or size > MAX_FRAME_BYTES:
        return None
    data = stream.read(size)
    return (Kind(kind), data) if len(data) == size else None
