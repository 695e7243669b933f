"""Requests of the command line to a running local backend, with the operator key, which only its owner can read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from reviewlens.errors import ReviewLensError, TransientError
from reviewlens.settings import Settings

LOCAL_USER = "owner"


@dataclass(frozen=True)
class Operator:
    """A running backend and the key of its /operator routes."""

    url: str
    key: str

    @classmethod
    def of(cls, settings: Settings, url: str) -> Operator:
        """The backend at `url`, with the operator key from the settings or the data folder."""
        if settings.operator_key:
            return cls(url, settings.operator_key)
        path = settings.data_dir / "secrets" / "operator.key"
        if not path.exists():
            raise TransientError(f"The backend at {url} has not written its operator key ({path}) yet.")
        return cls(url, path.read_text().strip())

    def post(self, path: str, **body: str | None) -> dict[str, Any]:
        """POST JSON to an operator route; raises the problem of an error response."""
        try:
            response = httpx.post(self.url + path, json=body, headers={"X-ReviewLens-Operator": self.key}, timeout=30)
        except httpx.HTTPError as error:
            raise TransientError(f"The backend at {self.url} did not respond: {error}") from error
        return _checked(response)

    def login_link(self, username: str) -> str:
        """A one-time link that logs this user in with a browser."""
        return str(self.post("/operator/login-link", username=username)["url"])

    def access_token(self, username: str) -> str:
        """An access token for this user, from a log-in link."""
        link = urlsplit(self.login_link(username))  # has the address for browsers, which may differ from ours
        response = httpx.get(f"{self.url}{link.path}?{link.query}", follow_redirects=False, timeout=30)
        token = response.cookies.get("reviewlens_access")
        if not token:
            raise TransientError(
                "The backend did not accept its own log-in link.", details={"status": response.status_code}
            )
        return token


def _checked(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any]
    try:
        body = response.json() if response.content else {}
    except json.JSONDecodeError:
        body = {}
    if response.is_error:
        raise ReviewLensError(str(body.get("detail") or f"the backend responded with status {response.status_code}"))
    return body


@dataclass(frozen=True)
class Client:
    """Requests to the public API as one user."""

    url: str
    token: str

    def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """One request; raises the problem of an error response."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            return _checked(httpx.request(method, self.url + path, headers=headers, timeout=120, **arguments))
        except httpx.HTTPError as error:
            raise TransientError(f"The backend at {self.url} did not respond: {error}") from error

    def upload(self, path: Path) -> dict[str, Any]:
        """Upload a file."""
        with path.open("rb") as stream:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}
            return _checked(
                httpx.post(
                    f"{self.url}/uploads", params={"filename": path.name}, content=stream, headers=headers, timeout=600
                )
            )
