"""A small Docker API whose containers are processes on this machine: the emulator's ECS starts real tasks on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psutil

ROOT = Path(__file__).resolve().parents[1]
TASK_LABEL = "com.amazonaws.ecs.task-arn"
CommandMap = Callable[[str, list[str]], list[str]]


def on_this_machine(image: str, command: list[str]) -> list[str]:
    """The command as it stands, `python` being the interpreter that runs the tests."""
    return [sys.executable if word in ("python", "python3") else word for word in command[:1]] + command[1:]


@dataclass
class Container:
    """One container: its process runs in a session of its own, its output goes to `log`."""

    id: str
    name: str
    config: dict[str, Any]
    log: Path
    stop_seconds: float
    process: subprocess.Popen[bytes] | None = None
    exit_code: int | None = None
    created: str = ""
    started: str = "0001-01-01T00:00:00Z"
    finished: str = "0001-01-01T00:00:00Z"
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> str:
        """created, running or exited."""
        return "exited" if self.ended.is_set() else "running" if self.process else "created"

    @property
    def task_arn(self) -> str:
        """The ECS task that it belongs to."""
        return str((self.config.get("Labels") or {}).get(TASK_LABEL, ""))

    def start(self, argv: list[str], environment: Mapping[str, str]) -> None:
        """Run it; OSError when there is no such program."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                argv,
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = _now()
        threading.Thread(target=self._wait, daemon=True, name=f"container-{self.name}").start()

    def stop(self, grace: float) -> None:
        """SIGTERM to its first process, SIGKILL to all of it when that has not ended it in time."""
        self.signal(signal.SIGTERM)
        if not self.ended.wait(grace):
            self.kill()

    def kill(self) -> None:
        """End it and all that it started."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.ended.wait(20)

    def signal(self, number: int) -> None:
        """Send a signal to its first process, as Docker does."""
        if self.process is not None and not self.ended.is_set():
            with contextlib.suppress(OSError):
                self.process.send_signal(number)

    def _wait(self) -> None:
        assert self.process is not None
        code = self.process.wait()
        for pid in _session_of(self.process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)  # a container's other processes go with its first
        self.exit_code = code if code >= 0 else 128 - code
        self.finished = _now()
        self.ended.set()

    def to_json(self) -> dict[str, Any]:
        """What an inspection answers."""
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Image": self.config.get("Image", ""),
            "Created": self.created,
            "Config": {**self.config, "Tty": True},
            "State": {
                "Status": self.state,
                "Running": self.state == "running",
                "ExitCode": self.exit_code or 0,
                "OOMKilled": False,
                "StartedAt": self.started,
                "FinishedAt": self.finished,
            },
            "HostConfig": {"LogConfig": {"Type": "json-file"}},
            "NetworkSettings": {"IPAddress": "127.0.0.1", "Networks": {"bridge": {"IPAddress": "127.0.0.1"}}},
        }


class StandIn:
    """The running stand-in: `docker_host` is its address, `containers` every container that there ever was."""

    def __init__(
        self,
        folder: Path,
        docker_host: str,
        command_map: CommandMap,
        environment: Mapping[str, str],
        missing: frozenset[str],
        stop_seconds: float,
    ) -> None:
        self.folder = folder
        self.docker_host = docker_host
        self.containers: dict[str, Container] = {}
        self.removed: set[str] = set()
        self.missing = missing
        self.stop_seconds = stop_seconds
        self.before_start: Callable[[Container], None] = lambda container: None
        """Called before each container's process starts; raising OSError makes the start fail."""
        self._command_map = command_map
        self._environment = environment
        self._lock = threading.Lock()

    def of_task(self, task_arn: str) -> Container | None:
        """The newest container of an ECS task."""
        found = [each for each in self.containers.values() if each.task_arn == task_arn]
        return found[-1] if found else None

    def correct(self, ecs: Any) -> None:
        """Make an ECS client tell of stopped tasks what AWS tells: the emulator says 0 at once, whatever they do."""

        def mend(parsed: dict[str, Any], **_: Any) -> None:
            for task in parsed.get("tasks", []):
                container = self.of_task(task["taskArn"])
                if container is None or container.process is None or task.get("stopCode") != "UserInitiated":
                    continue
                if container.ended.is_set():
                    task["containers"][0]["exitCode"] = container.exit_code
                else:
                    task["lastStatus"] = "DEACTIVATING"

        ecs.meta.events.register("after-call.ecs.DescribeTasks", mend)

    def create(self, name: str, config: dict[str, Any]) -> Container:
        """A container that does not run yet."""
        made = Container(
            id=uuid.uuid4().hex * 2,
            name=name,
            config=config,
            log=self.folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}.log",
            stop_seconds=self.stop_seconds,
            created=_now(),
        )
        with self._lock:
            self.containers[made.id] = made
        return made

    def start(self, container: Container) -> None:
        """Start its command as a process; OSError when that cannot be."""
        self.before_start(container)
        config = container.config
        command = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
        own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        own["REVIEWLENS_DATA_DIR"] = str(self.folder / container.id[:12])  # no two containers share a disk
        own |= self._environment
        for setting in config.get("Env") or []:
            key, _, value = setting.partition("=")
            own[key] = value.replace("host.docker.internal", "127.0.0.1")
        container.start(self._command_map(config.get("Image", ""), command), own)

    def find(self, reference: str) -> Container | None:
        """A container that has not been removed, by id, short id or name."""
        with self._lock:
            for each in self.containers.values():
                if each.id not in self.removed and (each.id.startswith(reference) or each.name == reference):
                    return each
        return None

    def end(self) -> None:
        """Kill what still runs."""
        for each in list(self.containers.values()):
            each.kill()


@contextlib.contextmanager
def standin(
    folder: Path,
    command_map: CommandMap = on_this_machine,
    *,
    environment: Mapping[str, str] | None = None,
    missing: frozenset[str] = frozenset(),
    stop_seconds: float = 30.0,
) -> Iterator[StandIn]:
    """A Docker API on a Unix socket: hand its `docker_host` to `running(state, docker_host=...)`, and the emulator's
    `run_task` really runs the container's command, from the repository's root.

    `folder`: for containers' logs (`<name>.log`) and data folders. `command_map(image, command)`: the program to run
    for a container's entry point and command; by default the command itself with the tests' own Python. `environment`:
    what the image would bring along; the task definition's and its overrides come on top, and the emulator adds its
    own address and credentials as ECS does. `missing`: images that cannot be pulled. `stop_seconds`: time between
    SIGTERM and SIGKILL, like a task definition's stopTimeout (the emulator always asks for 5 seconds).

    Ask `docker.correct(ecs_client)` to see exit codes of stopped tasks as AWS tells them, `docker.of_task(arn)` for a
    task's container (its `log`, `exit_code`, `process`). At the end everything that still runs is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="docker-"))  # a socket's path must be short
    path = place / "api.sock"
    made = StandIn(folder, f"unix://{path}", command_map, environment or {}, missing, stop_seconds)
    server = _Server(str(path), _Handler)
    server.standin = made
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.end()
        server.shutdown()
        server.server_close()
        thread.join()
        shutil.rmtree(place, ignore_errors=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    standin: StandIn


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        path = re.sub(r"^/v\d+\.\d+", "", parts.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "{}") if length else {}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for method, pattern, name in _ROUTES:
                matched = re.fullmatch(pattern, path)
                if method == self.command and matched:
                    getattr(self, name)(*(unquote(part) for part in matched.groups()), query=query, body=body)
                    return
            self._answer(404, {"message": f"page not found: {self.command} {path}"})

    def _answer(self, status: int, document: object = None) -> None:
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(content)

    def _container(self, reference: str) -> Container | None:
        found = self.server.standin.find(reference)
        if found is None:
            self._answer(404, {"message": f"No such container: {reference}"})
        return found

    def _ping(self, **_: Any) -> None:
        self._answer(200, "OK")

    def _version(self, **_: Any) -> None:
        self._answer(200, {"Version": "27.0.0", "ApiVersion": "1.41", "MinAPIVersion": "1.24", "Os": "linux"})

    def _create(self, *, query: dict[str, str], body: dict[str, Any]) -> None:
        image = str(body.get("Image", ""))
        if image in self.server.standin.missing:
            self._answer(404, {"message": f"No such image: {image}"})
            return
        made = self.server.standin.create(query.get("name", uuid.uuid4().hex[:12]), body)
        self._answer(201, {"Id": made.id, "Warnings": []})

    def _list(self, *, query: dict[str, str], **_: Any) -> None:
        standin = self.server.standin
        wanted = json.loads(query.get("filters", "{}")).get("label", [])
        listed = []
        for each in list(standin.containers.values()):
            labels = each.config.get("Labels") or {}
            told = {*labels, *(f"{name}={value}" for name, value in labels.items())}
            if each.id not in standin.removed and told.issuperset(wanted):
                listed.append({"Id": each.id, "Names": [f"/{each.name}"], "State": each.state, "Labels": labels})
        self._answer(200, listed)

    def _inspect(self, reference: str, **_: Any) -> None:
        if found := self._container(reference):
            self._answer(200, found.to_json())

    def _start(self, reference: str, **_: Any) -> None:
        if found := self._container(reference):
            try:
                self.server.standin.start(found)
            except OSError as error:
                self._answer(500, {"message": f"failed to create task for container: {error}"})
                return
            self._answer(204)

    def _stop(self, reference: str, **_: Any) -> None:
        if found := self._container(reference):
            found.stop(found.stop_seconds)
            self._answer(204)

    def _kill(self, reference: str, **_: Any) -> None:
        if found := self._container(reference):
            found.kill()
            self._answer(204)

    def _wait(self, reference: str, **_: Any) -> None:
        if found := self._container(reference):
            found.ended.wait()
            self._answer(200, {"StatusCode": found.exit_code})

    def _remove(self, reference: str, **_: Any) -> None:
        if found := self._container(reference):
            if found.state == "running":  # asked for while the stop is under way: it keeps its time
                found.stop(found.stop_seconds)
            self.server.standin.removed.add(found.id)
            self._answer(204)

    def _logs(self, reference: str, *, query: dict[str, str], **_: Any) -> None:
        found = self._container(reference)
        if found is None:
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.raw-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        sent = 0
        while True:
            over = found.ended.is_set() or query.get("follow", "0") in ("0", "false", "False")
            content = found.log.read_bytes()[sent:] if found.log.exists() else b""
            if content:
                self.wfile.write(content)
                self.wfile.flush()
                sent += len(content)
            if over:
                return
            time.sleep(0.1)

    def _pull(self, *, query: dict[str, str], **_: Any) -> None:
        image = query.get("fromImage", "")
        named = f"{image}@{tag}" if (tag := query.get("tag", "")).startswith("sha256:") else f"{image}:{tag}"
        if {image, named} & self.server.standin.missing:
            self._answer(404, {"message": f"manifest for {named} not found: manifest unknown"})
        else:
            self._answer(200, {"status": f"Status: Image is up to date for {named}"})

    def _image(self, image: str, **_: Any) -> None:
        if image in self.server.standin.missing:
            self._answer(404, {"message": f"No such image: {image}"})
        else:
            self._answer(200, {"Id": image, "RepoTags": [image], "RepoDigests": []})

    def _tag(self, image: str, **_: Any) -> None:
        self._answer(201)


_ROUTES = (
    ("GET", "/_ping", "_ping"),
    ("GET", "/version", "_version"),
    ("POST", "/containers/create", "_create"),
    ("GET", "/containers/json", "_list"),
    ("GET", "/containers/([^/]+)/json", "_inspect"),
    ("POST", "/containers/([^/]+)/start", "_start"),
    ("POST", "/containers/([^/]+)/stop", "_stop"),
    ("POST", "/containers/([^/]+)/kill", "_kill"),
    ("POST", "/containers/([^/]+)/wait", "_wait"),
    ("GET", "/containers/([^/]+)/logs", "_logs"),
    ("DELETE", "/containers/([^/]+)", "_remove"),
    ("POST", "/images/create", "_pull"),
    ("GET", "/images/(.+)/json", "_image"),
    ("POST", "/images/(.+)/tag", "_tag"),
)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _session_of(leader: int) -> list[int]:
    """Processes of a session, by its leader's id."""
    found = []
    for pid in psutil.pids():
        try:
            if pid != leader and os.getsid(pid) == leader:
                found.append(pid)
        except OSError:
            pass
    return found
