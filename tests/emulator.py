"""The AWS emulator for tests: real HTTP from boto3's clients to a process on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REGION = "eu-west-1"


@dataclass(frozen=True)
class Emulator:
    """A running emulator; `environment` is what a process needs to talk to it instead of AWS."""

    url: str
    environment: Mapping[str, str]


def program() -> Path | None:
    """The emulator that `./run test` installs in an environment of its own; None where it is absent."""
    beside = Path(sys.prefix).with_name(Path(sys.prefix).name + "-emulator")
    found = beside / "bin" / "ministack"
    return found if found.exists() else None


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(state: Path, *, docker_host: str = "", **settings: str) -> Iterator[Emulator]:
    """An emulator of its own, empty, its log in `state`; `docker_host`: the Docker API that its ECS starts tasks on."""
    executable = program()
    if executable is None:
        raise RuntimeError("no emulator: ask program() first")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": ""}
    names = ("PATH", "HOME", "LANG", "TMPDIR")
    own = {name: os.environ[name] for name in names if name in os.environ}
    own |= keys | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(state / "state"),
        "DOCKER_HOST": docker_host or "unix:///nonexistent.sock",
        **settings,
    }
    with (state / "emulator.log").open("ab") as log:
        process = subprocess.Popen([str(executable)], env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(url, process, state / "emulator.log")
        yield Emulator(url, {**keys, "AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION})
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the emulator did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.1)
