"""What a request can set and what an answer shows, read off the description, so that a new route is held to it too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from backend.main import create_app
from reviewlens.settings import Settings
from tests.backend.test_who_may_what import BY_ADMINS, ROUTES

OPENAPI: dict[str, Any] = create_app(Settings()).openapi()
SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]
OPERATIONS = [(f"{method.upper()} {path}", o) for path, of in OPENAPI["paths"].items() for method, o in of.items()]
ADDRESS = re.compile(
    r"(^|_)(url|uri|host|link|endpoint|callback|webhook|path|key|bucket|folder|dir|user|subject)s?(_|$)"
)
INSIDE = {"handle", "fingerprint", "user", "subject", "version", "model_sha256", "etag", "path", "uri", "spec"}


def body_schemas(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {})
    yield from (kind["schema"] for name, kind in content.items() if name == "application/json")


def within(schema: Any, seen: set[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each named schema that one leads to."""
    seen = set() if seen is None else seen
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
        if name and name not in seen:
            seen.add(name)
            yield name, SCHEMAS[name]
            yield from within(SCHEMAS[name], seen)
        for value in schema.values():
            yield from within(value, seen)
    elif isinstance(schema, list):
        for value in schema:
            yield from within(value, seen)


def test_the_description_covers_every_route() -> None:
    assert {name for name, _ in OPERATIONS} == {f"{method} {path}" for method, path in ROUTES}


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_a_body_with_a_field_that_is_not_known_is_refused(name: str, operation: dict[str, Any]) -> None:
    for schema in body_schemas(operation):
        named = dict(within(schema))
        assert named, name
        for which, found in named.items():
            if found.get("type") == "object":
                assert found.get("additionalProperties") is False, (name, which)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_no_request_names_an_address_a_path_or_whose_data_it_wants(name: str, operation: dict[str, Any]) -> None:
    if tuple(name.split(" ")) in BY_ADMINS:  # who may see everybody's jobs, and so says whose
        return
    fields = [parameter["name"] for parameter in operation.get("parameters", [])]
    for schema in body_schemas(operation):
        fields += [field for _, found in within(schema) for field in found.get("properties", {})]
    assert [field for field in fields if ADDRESS.search(field.lower())] == [], name


@pytest.mark.parametrize("name", ["JobView", "JobPage", "Upload", "ReviewPage"])
def test_answers_show_nothing_of_the_inside(name: str) -> None:
    shown = {
        field
        for which, schema in within({"$ref": f"#/components/schemas/{name}"})
        for field in schema.get("properties", {})
        if (which, field) != ("ScoringModel", "version")  # the model's, not the job row's
    }
    assert shown & INSIDE == set()


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/debug", "/.env", "/.git/config", "/admin", "/static/x", "/data"])
def test_nothing_is_served_that_is_not_described(backend_app: Any, path: str) -> None:
    assert backend_app.client.get(path).status_code == 404


def test_it_listens_to_this_machine_alone_unless_told_otherwise() -> None:
    assert Settings(_env_file=None).host == "127.0.0.1"
