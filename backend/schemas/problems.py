"""Problem documents, and how OpenAPI describes the errors of a route."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Problem(BaseModel):
    """RFC 9457: what went wrong, in words for a person (`detail`) and for a program (`code`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    details: dict[str, Any] | None = None


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the problems that a route may answer."""
    texts = {
        400: "Not readable",
        401: "Not logged in",
        403: "Not permitted",
        404: "Not there, or not yours",
        409: "Not in its present state",
        413: "Too large",
        422: "Not usable as it is",
        429: "Too many requests",
        503: "Not right now",
    }
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": texts[status], "model": Problem, "content": content} for status in statuses}


def pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of the statuses in which a log-in page comes again, saying why."""
    texts = {
        200: "A page that asks for one more thing",
        401: "The page again: what was wrong",
        403: "The page again: not permitted; or a problem: the form came from another site",
        409: "The page again: what was wrong",
        422: "The page again: what was wrong; or a problem: the form is too long",
        429: "The page again: too many attempts",
        503: "The page again: not right now",
    }
    html = {"text/html": {"schema": {"type": "string"}}}
    also = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": texts[status], "content": html | (also if status in (403, 422) else {})}
        for status in statuses
    }
