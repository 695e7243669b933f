"""Clients that stall, against the real server: time-outs, a stop in time, and whose address counts."""

from __future__ import annotations

import signal
import socket

from tests.backend.test_process import Backend, start

__all__ = ["start"]
START_OF_UPLOAD = (
    "POST /uploads?filename=a.csv HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: 1000\r\n\r\nText\n"
)


def connect(backend: Backend, sent: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", backend.port), timeout=60)
    connection.sendall(sent.encode())
    return connection


def all_of(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    while part := connection.recv(4096):
        received += part
    return received


def test_stalled_clients_are_cut_off(start):
    backend = start(REVIEWLENS_HEADER_SECONDS="0.3", REVIEWLENS_BODY_SECONDS="0.3").wait()
    backend.log_in()
    assert all_of(connect(backend, "GET /me HTTP/1.1\r\nHos")) == b""
    assert all_of(connect(backend, "")) == b""
    upload = all_of(connect(backend, START_OF_UPLOAD.format(token=backend.client.headers["Authorization"])))
    assert upload.startswith(b"HTTP/1.1 408")
    assert b'"request-timeout"' in upload
    second = connect(backend, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /me")
    assert all_of(second).count(b"HTTP/1.1 200") == 2
    assert backend.client.get("/me").status_code == 200


def test_a_stop_waits_for_no_stalled_client(start):
    backend = start(REVIEWLENS_MAX_UPLOADS_AT_ONCE="100", REVIEWLENS_MAX_REQUESTS_AT_ONCE="100").wait()
    backend.log_in()
    token = backend.client.headers["Authorization"]
    clients = [connect(backend, START_OF_UPLOAD.format(token=token)) for _ in range(45)]
    clients += [connect(backend, "GET /me HTTP/1.1\r\nHos") for _ in range(5)]
    assert backend.client.get("/me").status_code == 200
    assert backend.client.get("/readyz").status_code in (200, 503)  # the model may still be loading
    backend.process.send_signal(signal.SIGTERM)
    assert backend.process.wait(30) == 0
    assert all_of(clients[0]).startswith(b"HTTP/1.1 503")


def test_a_forwarded_address_counts_only_from_a_configured_proxy(start, tmp_path):
    def statuses(backend: Backend) -> list[int]:
        body = {"username": "nobody", "password": "a wrong password"}
        return [
            backend.client.post(
                "/login", json=body | {"username": f"n{n}"}, headers={"X-Forwarded-For": f"192.0.2.{n}"}
            ).status_code
            for n in range(4)
        ]

    plain = start(REVIEWLENS_LOGIN_ATTEMPTS_PER_MINUTE="3").wait()
    assert statuses(plain) == [401, 401, 401, 429]
    assert plain.end() == 0
    proxied = start(REVIEWLENS_LOGIN_ATTEMPTS_PER_MINUTE="3", REVIEWLENS_TRUSTED_PROXIES="127.0.0.1").wait()
    assert statuses(proxied) == [401] * 4
