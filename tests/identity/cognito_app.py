"""The backend with a user pool in the emulator, in this process, and ways to use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.main import create_app
from reviewlens.settings import Settings
from tests.cognito import Pool, managed_log_in

PASSWORD = "the password of ana"
UI = "https://reviews.example.org"


class CognitoApp:
    """The application with a pool, and ways to use it."""

    def __init__(self, client: TestClient, pool: Pool, folder: Any) -> None:
        self.client, self.pool, self.folder = client, pool, folder

    @property
    def identity(self) -> Any:
        return self.client.app.state.services.platform.identity

    def post(self, path: str, headers: dict[str, str] | None = None, **body: str) -> Any:
        return self.client.post(path, json=body, headers=headers)

    def start(self) -> tuple[str, str]:
        """Open the log-in page: the address it redirects to, and the cookie that the browser keeps."""
        answer = self.client.get("/session/login")
        self.client.cookies.clear()
        assert answer.status_code == 303, answer.text
        return answer.headers["location"], cookies(answer)["reviewlens_log_in"]

    def callback(self, url: str, cookie: str = "") -> Any:
        """Follow a redirect to the callback with this cookie."""
        assert url.startswith(f"{UI}/session/callback?"), url
        answer = self.client.get(url.removeprefix(UI), headers={"Cookie": cookie} if cookie else {})
        self.client.cookies.clear()
        return answer

    def log_in(self, name: str) -> Any:
        """The whole way by managed login; the answer with the session's cookies."""
        url, cookie = self.start()
        return self.callback(managed_log_in(url, name, PASSWORD), cookie)

    def tokens(self, name: str) -> dict[str, Any]:
        answer = self.post("/login", username=name, password=PASSWORD)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def as_(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens(name)['access_token']}"}


def cognito_apps(pool: Pool, folder: Any, **settings: Any) -> Iterator[CognitoApp]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pool.emulator.environment.items():
            patch.setenv(name, value)
        facts = pool.facts(
            data_dir=folder,
            engine="textblob",
            public_frontend_url=UI,
            public_backend_url=UI,
            **{"requests_per_minute": 100_000, **settings},
        )
        with TestClient(create_app(Settings(**facts)), raise_server_exceptions=False) as client:
            client.follow_redirects = False
            yield CognitoApp(client, pool, folder)


def cookies(answer: Any) -> dict[str, str]:
    """The cookies that a response sets, as a Cookie header sends them, by name."""
    return {line.split("=")[0]: line.split(";")[0] for line in answer.headers.get_list("set-cookie")}
