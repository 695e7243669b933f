"""Errors as RFC 9457 problem documents; they never repeat what a caller sent."""

from __future__ import annotations

import errno
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from reviewlens.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InputError,
    LimitError,
    NotFoundError,
    PermissionError_,
    RateLimitError,
    ReviewLensError,
    TransientError,
)
from reviewlens.logs import request_id
from reviewlens.storage.disk import disk_full

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"

_STATUS_BY_CODE = {
    "upload-too-large": 413,
    "too-many-jobs": 409,
    "too-many-unfinished-jobs": 429,
    "upload-disconnected": 400,
}
_STATUS_BY_TYPE: list[tuple[type[ReviewLensError], int]] = [
    (InputError, 422),
    (LimitError, 422),
    (NotFoundError, 404),
    (ConflictError, 409),
    (AuthenticationError, 401),
    (PermissionError_, 403),
    (ConfigurationError, 503),
    (RateLimitError, 429),
    (TransientError, 503),
]
_CODE_BY_STATUS = {
    400: "bad-request",
    404: "no-such-route",
    405: "method-not-allowed",
    408: "request-timeout",
    413: "request-too-large",
    503: "shutting-down",
}
_DETAIL_BY_STATUS = {
    400: "The request could not be read; check that its body is valid JSON.",
    404: "There is no such address; docs/api.md lists all of them.",
    405: "This address does not take this method.",
    408: "The request's body arrived too slowly; send it again.",
    413: "The request's body is too large; send fewer or shorter texts.",
    503: "The service is stopping; send the request again in a moment.",
}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    details: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """One problem document."""
    detail = detail.encode("utf-8", "replace").decode()
    body = {
        "type": f"urn:reviewlens:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id.get(),
        **({"details": details} if details else {}),
    }
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def status_of(error: ReviewLensError) -> int:
    """The HTTP status of one of our errors."""
    by_type = next((status for kind, status in _STATUS_BY_TYPE if isinstance(error, kind)), 500)
    return _STATUS_BY_CODE.get(error.code, by_type)


def problem_of(error: ReviewLensError) -> JSONResponse:
    """The document for one of our errors."""
    headers = {}
    if isinstance(error, RateLimitError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif isinstance(error, TransientError):
        headers["Retry-After"] = "5"
    elif status_of(error) == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = "30"  # a job has to finish first
    elif isinstance(error, AuthenticationError):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status_of(error), error.code, error.message, details=error.details, headers=headers)


def internal_problem() -> JSONResponse:
    """The document for an unexpected failure."""
    return problem(500, "internal-error", "Something went wrong on our side; quote the request id when you report it.")


def install(app: FastAPI) -> None:
    """Make this application report every error as a problem document."""

    @app.exception_handler(ReviewLensError)
    async def _ours(_request: Request, error: ReviewLensError) -> JSONResponse:
        if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.warning("answered %s", error.code)
        return problem_of(error)

    @app.exception_handler(OSError)
    async def _disk(_request: Request, error: OSError) -> JSONResponse:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise error
        return problem_of(disk_full())

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [{"where": _location(fault), "what": _message(fault)} for fault in error.errors()[:20]]
        first = faults[0] if faults else {"where": "the request", "what": "is not valid"}
        return problem(422, "invalid-request", f"{first['where']}: {first['what']}", details={"errors": faults})

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        status = error.status_code
        code = _CODE_BY_STATUS.get(status, "bad-request" if status < 500 else "internal-error")
        detail = _DETAIL_BY_STATUS.get(status, "The request cannot be answered.")
        return problem(status, code, detail, headers=dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def _gone(_request: Request, _error: ClientDisconnect) -> JSONResponse:
        return problem(400, "upload-disconnected", "The connection ended before the whole body had arrived.")


def _location(fault: dict[str, Any]) -> str:
    """The path to the fault; without the name of an unknown field, which is the caller's own text."""
    parts = fault["loc"][:-1] if fault.get("type") == "extra_forbidden" else fault["loc"]
    return ".".join(str(part) for part in parts[:6])


def _message(fault: dict[str, Any]) -> str:
    """The message of a validation error, without anything from the input."""
    kind = str(fault.get("type", ""))
    if kind == "json_invalid":
        return "is not valid JSON"
    if kind == "extra_forbidden":
        return "it has an unknown field"
    return str(fault.get("msg", "is not valid")).removeprefix("Value error, ")
