"""A request for every route, made from the description of the API: a new route is in it, or the tests say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from backend.main import create_app
from reviewlens.settings import Settings
from tests.backend.test_who_may_what import BY_ADMINS, BY_OPERATOR_KEY, OPEN

DESCRIBED: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()
PLAIN_VALUES: dict[str, Any] = {
    "text": "fine",
    "texts": ["fine"],
    "username": "eve",
    "filename": "reviews.csv",
    "size_bytes": 10,
}
"""What stands in a field that must be given and names nothing of anybody's."""
NAMING = {"upload_id", "job_id", "row", "subject"}
"""What names something that may be somebody else's. A new name must be added here, or to the plain ones."""


@dataclass(frozen=True)
class Route:
    """One operation of the API."""

    method: str
    path: str
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names(self) -> set[str]:
        """Which of NAMING a request has, in its path, query or body."""
        return {*self._parameters(), *self._properties()} & NAMING

    def request(self, ids: dict[str, Any], *, rich: bool = False) -> dict[str, Any]:
        """Arguments for httpx, with these ids; `rich`: with the optional fields whose values are known as well."""
        values = {**PLAIN_VALUES, **ids}
        path = self.path.format_map(values)
        query = {
            name: values[name]
            for name, (where, needed) in self._parameters().items()
            if where == "query" and (needed or (rich and name in values))
        }
        made: dict[str, Any] = {"method": self.method, "url": path, "params": query}
        if self.path == "/uploads":
            made |= {"content": b"Text\nfine\n", "params": {"filename": "reviews.csv"}}
        elif self._schema() is not None:
            wanted = {name for name, needed in self._properties().items() if needed}
            if self.path == "/predict-sentiment":
                wanted = {"text"}
            made["json"] = {name: values[name] for name in sorted(wanted)}
        return made

    def _parameters(self) -> dict[str, tuple[str, bool]]:
        return {p["name"]: (p["in"], p.get("required", False)) for p in self.operation.get("parameters", [])}

    def _schema(self) -> dict[str, Any] | None:
        content = self.operation.get("requestBody", {}).get("content", {})
        found = content.get("application/json", {}).get("schema")
        if found is None:
            return None
        named: dict[str, Any] = DESCRIBED["components"]["schemas"][found["$ref"].rsplit("/", 1)[-1]]
        return named

    def _properties(self) -> dict[str, bool]:
        schema = self._schema() or {}
        return {name: name in schema.get("required", []) for name in schema.get("properties", {})}


ROUTES = [
    Route(method.upper(), path, operation)
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
]
GUARDED = [route for route in ROUTES if (route.method, route.path) not in OPEN]
"""Those that need a token or a key."""
WITH_TOKEN = [route for route in GUARDED if (route.method, route.path) not in BY_OPERATOR_KEY]
"""Those that need a token."""
OF_ADMINS = [route for route in WITH_TOKEN if (route.method, route.path) in BY_ADMINS]
OF_USERS = [route for route in WITH_TOKEN if route not in OF_ADMINS]


def call(client: httpx.Client, route: Route, ids: dict[str, Any], **options: Any) -> httpx.Response:
    """The answer to a request for this route."""
    return client.request(**route.request(ids), **options)
