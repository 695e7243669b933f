"""A local server that publishes keys, or any other response that a test sets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class KeyServer:
    """`answer` is what it says next: keys, bytes, a status, or a place to go to; `asked` the paths it was asked for.

    It answers while `may_answer` is set.
    """

    def __init__(self) -> None:
        self.answer: Any = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked: list[str] = []
        self.url = ""

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        self.may_answer.wait(60)
        status, headers, body = 200, {}, b""
        if isinstance(self.answer, int):
            status = self.answer
        elif isinstance(self.answer, str):
            status, headers = 302, {"Location": self.answer}
        else:
            body = self.answer if isinstance(self.answer, bytes) else json.dumps({"keys": self.answer}).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        for start in range(0, len(body), 1000):
            handler.wfile.write(body[start : start + 1000])


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """Run a server until the block ends."""
    state = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                state.serve(self)
            except OSError:
                pass  # the client closed the connection

        do_POST = do_GET

        def log_message(self, *_facts: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/keys"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
