"""A proxy before the emulator that names every call, remembers it, and makes those fail that a test wants to fail.

It stands in the way of the backend and of the tasks alike, since both only know its address.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

ID = re.compile(r"[0-9a-f]{27}")
"""Ids of jobs and uploads."""
_NUMBER = re.compile(r"\d{5}")
_SUBJECT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STATES = re.compile(r'"S": "(queued|running|cancelling|interrupted|succeeded|failed|cancelled)"')
_KINDS = re.compile(r'"S": "(job#|print#|tally|deleted#|live)')
_S3 = {
    ("PUT", "partNumber"): "UploadPart",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("POST", "delete"): "DeleteObjects",
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "encryption"): "GetBucketEncryption",
}
_PLAIN_S3 = {
    "PUT": "PutObject",
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
    "POST": "PostObject",
}
_SERVICES = {"DynamoDB": "dynamodb", "AWSCognitoIdentityProviderService": "cognito", "AmazonEC2Container": "ecs"}
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te", "upgrade"})


@dataclass(frozen=True)
class Call:
    """One request: `service` and `operation` as AWS names them, what it is about, ids left out (`subject`), and which
    attempt of the client it is."""

    service: str
    operation: str
    subject: str
    key: str
    body: bytes
    attempt: int = 1

    @property
    def point(self) -> str:
        """What tells one point of a job from another."""
        return f"{self.service} {self.operation} {self.subject}".strip()


How = Literal["refuse", "lose-answer", "break-off"]
"""Refuse it unheard; do it and lose the answer; close the connection without one."""


@dataclass
class Fault:
    """Which calls fail, how often (None: for ever) and how. `retryable`: as a passing fault, which AWS's clients repeat
    by themselves; else as one that they hand on at once, as they do in the end with one that does not pass."""

    matches: Callable[[Call], bool]
    times: int | None = 1
    how: How = "refuse"
    retryable: bool = False
    code: str = "ServiceFailure"
    hits: int = 0


@dataclass
class Proxy:
    """The running proxy."""

    url: str
    upstream: str
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def points(self) -> list[str]:
        """The points called so far, each once, in order."""
        with self.lock:
            return list(dict.fromkeys(call.point for call in self.calls))

    def forget(self) -> None:
        """Forget all calls."""
        with self.lock:
            self.calls.clear()

    @contextlib.contextmanager
    def failing(self, fault: Fault) -> Iterator[Fault]:
        """Make calls fail until the block ends."""
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)

    def fault_for(self, call: Call) -> Fault | None:
        """The fault that this call meets, which is then used up by one."""
        with self.lock:
            self.calls.append(call)
            for fault in self.faults:
                if (fault.times is None or fault.hits < fault.times) and fault.matches(call):
                    fault.hits += 1
                    return fault
        return None


@contextlib.contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy on a free port of this machine before the server at `upstream`."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}", upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def call_of(method: str, target: str, headers: dict[str, str], body: bytes) -> Call:
    """What a request asks for."""
    parts = urlsplit(target)
    told = re.search(r"attempt=(\d+)", headers.get("amz-sdk-request", ""))
    attempt = int(told[1]) if told else 1
    given, _, operation = headers.get("x-amz-target", "").partition(".")
    if operation:
        service = next((name for start, name in _SERVICES.items() if given.startswith(start)), given)
        return Call(service, operation, _about(service, operation, body), "", body, attempt)
    path = unquote(parts.path)
    if path.endswith("/.well-known/jwks.json"):
        return Call("cognito", "GetKeys", "", path, body)
    _, _, key = path.lstrip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    operation = next((name for (verb, word), name in _S3.items() if verb == method and word in query), "")
    if not operation and method == "PUT" and "x-amz-copy-source" in headers:
        operation = "CopyObject"
    about = query["prefix"][0] if operation == "ListObjectsV2" and "prefix" in query else key
    return Call("s3", operation or _PLAIN_S3.get(method, method), plain(about), key, body, attempt)


def plain(key: str) -> str:
    """A key without the ids in it."""
    return _NUMBER.sub("00000", ID.sub("{id}", _SUBJECT.sub("{user}", key)))


def _about(service: str, operation: str, body: bytes) -> str:
    """Which use of an operation this is, where one operation has several."""
    if service != "dynamodb":
        return ""
    with contextlib.suppress(ValueError):
        asked = json.loads(body)
        index = str(asked.get("IndexName", ""))
        states = re.findall(
            r'"S": ?"(queued|running|cancelling|interrupted|succeeded|failed|cancelled)"', str_of(asked)
        )
        return " ".join(filter(None, [index, *dict.fromkeys(states)]))
    return ""


def str_of(value: object) -> str:
    """JSON text."""
    return json.dumps(value)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    proxy: Proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._upstream: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = call_of(self.command, self.path, headers, body)
        fault = self.server.proxy.fault_for(call)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if fault is None or fault.how == "lose-answer":
                status, answered, content = self._ask(headers, body)
            if fault is None:
                self._answer(status, answered, content)
            elif fault.how == "break-off":
                self.close_connection = True
            else:
                self._refuse(call, fault)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _ask(self, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        kept = {name: value for name, value in headers.items() if name not in _HOP}
        for last in (False, True):
            if self._upstream is None:
                parts = urlsplit(self.server.proxy.upstream)
                self._upstream = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
            try:
                self._upstream.request(
                    self.command, self.path, body or None, {**kept, "content-length": str(len(body))}
                )
                found = self._upstream.getresponse()
                return found.status, found.getheaders(), found.read()
            except (http.client.HTTPException, OSError):  # it had closed an idle connection
                self._upstream.close()
                self._upstream = None
                if last:
                    raise
        raise AssertionError

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP or (name.lower() == "content-length" and self.command == "HEAD"):
                self.send_header(name, value)
        if self.command != "HEAD" and status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, call: Call, fault: Fault) -> None:
        status = 500 if fault.retryable else 400
        if call.service == "s3":
            content = f"<Error><Code>{fault.code}</Code><Message>made to fail</Message></Error>".encode()
            kind = "application/xml"
        else:
            content = json.dumps({"__type": fault.code, "message": "made to fail"}).encode()
            kind = "application/x-amz-json-1.1"
        self._answer(status, [("Content-Type", kind), ("x-amzn-RequestId", "made-to-fail")], content)
