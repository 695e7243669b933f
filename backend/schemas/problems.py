"""Problem documents, and how OpenAPI describes the errors of a route."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Problem(BaseModel):
    """RFC 9457: what went wrong, for people (`detail`) and for programs (`code`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    details: dict[str, Any] | None = None


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the errors of a route, by status."""
    texts = {
        400: "The request cannot be read",
        401: "Not logged in",
        403: "Not permitted",
        404: "Not found, or not yours",
        409: "Not possible in its present state",
        413: "Too large",
        422: "Not valid",
        429: "Too many requests",
        500: "The stored results are damaged",
        503: "Temporarily unavailable",
    }
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": texts[status], "model": Problem, "content": content} for status in statuses}


def pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the statuses with which a page with a message is shown."""
    texts = {
        401: "A page with a message",
        403: "A page with a message: not permitted; or a problem: the form came from another site",
        422: "A page with a message; or a problem: the form is too long",
        429: "A page with a message: too many attempts",
        503: "A page with a message: temporarily unavailable",
    }
    html = {"text/html": {"schema": {"type": "string"}}}
    also = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": texts[status], "content": html | (also if status in (403, 422) else {})}
        for status in statuses
    }
