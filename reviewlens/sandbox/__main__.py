"""A worker process: calls the functions that its parent names, until the parent closes standard input."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from reviewlens.errors import ReviewLensError
from reviewlens.logs import describe_exception
from reviewlens.sandbox.confinement import allow_cpu_seconds, confine, peak_bytes
from reviewlens.sandbox.frames import Kind, read_frame, write_frame


def main(arguments: list[str]) -> None:
    """Serve requests. The parent's end ends this process too, whatever it is doing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--preload", default="")
    options = parser.parse_args(arguments)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    for name in filter(None, options.preload.split(",")):
        if ":" in name:
            resolve(name)()
        else:
            importlib.import_module(name)
    confine(options.memory_bytes)
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests,), daemon=True).start()
    write_frame(replies, Kind.READY)
    while True:
        serve(requests.get(), replies)


def _receive(requests: queue.SimpleQueue[bytes]) -> None:
    while (frame := read_frame(0)) is not None:
        requests.put(frame[1])
    os._exit(0)


def serve(request: bytes, replies: BinaryIO) -> None:
    """Call the function that a request names and write what it returns or yields, then its end or its error."""
    try:
        document = json.loads(request)
        allow_cpu_seconds(document["cpu_seconds"])
        returned = resolve(document["function"])(**document["arguments"])
        for message in (returned,) if isinstance(returned, bytes) else returned:
            write_frame(replies, Kind.MESSAGE, message)
    except MemoryError:
        os._exit(1)  # it may be too little to go on with, and the parent knows what it means
    except BrokenPipeError:
        os._exit(0)
    except Exception as error:  # noqa: BLE001 - a foreign file can make a parser raise anything
        write_frame(replies, Kind.ERROR, json.dumps(describe(error)).encode())
    else:
        write_frame(replies, Kind.DONE, json.dumps({"peak_bytes": peak_bytes()}).encode())


def resolve(function: str) -> Callable[..., bytes | Iterable[bytes]]:
    """The function at `package.module:name`."""
    module, _, name = function.partition(":")
    found: Callable[..., bytes | Iterable[bytes]] = getattr(importlib.import_module(module), name)
    return found


def describe(error: Exception) -> dict[str, Any]:
    """An error as JSON. Of errors that are not ours only types and places: messages may quote the file."""
    if isinstance(error, ReviewLensError):
        return {
            "kind": type(error).__name__,
            "message": error.message,
            "code": error.code,
            "details": error.details,
        }
    kind = "missing" if isinstance(error, FileNotFoundError) else "unexpected"
    return {"kind": kind, **describe_exception(error)}


if __name__ == "__main__":
    main(sys.argv[1:])
