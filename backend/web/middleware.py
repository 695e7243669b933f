"""Around every request: its id, one log line, metrics, security headers, and a response when a route fails."""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.web.bodies import Bodies
from backend.web.cookies import session_headers
from backend.web.metrics import Metrics
from backend.web.problems import internal_problem
from reviewlens.logs import request_id
from reviewlens.settings import Settings

_log = logging.getLogger("backend.requests")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: browsers then send "Origin: null" with a form, and the log-in page could not check the origin
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class RequestContext:
    """Plain ASGI middleware, so that bodies stream through untouched."""

    def __init__(self, app: ASGIApp, metrics: Metrics, bodies: Bodies, settings: Settings) -> None:
        self._app = app
        self._metrics = metrics
        self._bodies = bodies
        self._settings = settings
        self._headers = dict(_HEADERS)
        if settings.cookie_secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        sent_id = Headers(scope=scope).get("x-request-id", "")
        mark = request_id.set(sent_id if _REQUEST_ID.fullmatch(sent_id) else secrets.token_hex(16))
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id.get()
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if (tokens := scope["state"].get("renewed")) and not headers.getlist("set-cookie"):
                    headers.raw.extend(session_headers(self._settings, tokens))
            await send(message)

        try:
            await self._app(scope, self._bodies.limited(scope, receive), send_with_headers)
        except ClientDisconnect:
            status = status or 499
        except Exception:  # noqa: BLE001 - the caller gets a response whatever happened
            _log.exception("a request failed")
            if not status:
                await internal_problem()(scope, receive, send_with_headers)
            status = 500
        finally:
            self._record(scope, status, time.perf_counter() - started)
            request_id.reset(mark)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.request(scope["method"], route, status, seconds)
        facts = {"method": scope["method"], "route": route, "status": status, "milliseconds": round(seconds * 1000, 1)}
        level = logging.DEBUG if route in _QUIET else logging.INFO
        _log.log(level, "request", extra={"facts": facts})
