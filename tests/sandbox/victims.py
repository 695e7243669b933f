"""Functions for the sandbox's workers in the tests; some are unkind to the process that runs them."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from reviewlens.errors import InputError, LimitError


def echo(text: str) -> bytes:
    return text.encode()


def count(to: int) -> Iterator[bytes]:
    for number in range(to):
        yield str(number).encode()


def refuse() -> bytes:
    raise InputError("Not this file.", code="not-text", details={"line": 3})


def exceed() -> bytes:
    raise LimitError("Too long.", code="too-many-rows")


def stumble() -> bytes:
    raise ZeroDivisionError("a secret of the file")


def open_missing(path: str) -> bytes:
    return Path(path).read_bytes()


def fill_memory() -> bytes:
    return bytes(4 << 30)


def use_processor() -> bytes:
    while True:
        pass


def hang() -> bytes:
    signal.pause()
    return b""


def end(number: int) -> bytes:
    os.kill(os.getpid(), number)
    return b""


def chatter() -> bytes:
    print("a library prints", flush=True)
    os.write(1, b"and writes to standard output")
    return b"said"


def write_a_large_file(path: str) -> bytes:
    with Path(path).open("wb") as file:
        file.truncate(1 << 30)
    return b"written"


def open_many(path: str) -> bytes:
    files = [os.open(path, os.O_RDONLY) for _ in range(200)]
    return str(len(files)).encode()


def facts() -> bytes:
    core, _ = resource.getrlimit(resource.RLIMIT_CORE)
    heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"boto3", "pyspark", "openvino", "torch"})
    secrets = [name for name in os.environ if "AWS" in name or "REVIEWLENS" in name]
    return repr((core, heavy, secrets)).encode()


def pid() -> bytes:
    return str(os.getpid()).encode()


def count_and_hang() -> Iterator[bytes]:
    yield b"0"
    signal.pause()
