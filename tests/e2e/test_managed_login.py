"""A browser's log-in on the user pool's pages: to the UI, refresh, log out; with the emulator's pages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cognito import Pool, code_flow, make_pool
from tests.e2e.test_browser import BROWSER, OPTIONS, PATIENCE
from tests.emulator import program
from tests.emulator import running as emulator
from tests.frontend import running

PASSWORD, TEMPORARY = "A-long-pass-phrase-9", "Temporary-1-only"
SESSION = {"reviewlens_access", "reviewlens_refresh"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed on this machine"),
    pytest.mark.skipif(program() is None, reason="no AWS emulator is installed; ./run test installs it"),
]


@dataclass(frozen=True)
class Installation:
    """The product with a user pool: where the UI and the backend answer."""

    ui: str
    backend: str
    pool: Pool


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("managed-login")
    ports = {"BACKEND_PORT": running.free_port(), "FRONTEND_PORT": running.free_port()}
    backend, ui = (f"http://127.0.0.1:{port}" for port in ports.values())
    with emulator(folder, AUTH="true") as emulated:
        pool = make_pool(emulated, **code_flow(backend, ui))
        settings = {**pool.facts(), **ports, "DATA_DIR": folder, "ENGINE": "textblob", "PUBLIC_FRONTEND_URL": ui}
        environment = {
            **os.environ,
            **emulated.environment,
            **{f"REVIEWLENS_{name.upper()}": str(value) for name, value in settings.items()},
        }
        printed = folder / "printed.txt"
        with printed.open("wb") as out:
            command = [sys.executable, "-m", "reviewlens", "up"]
            process = subprocess.Popen(command, cwd=running.ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 180
            while f"Open {ui} and log in" not in printed.read_text():
                assert process.poll() is None and time.monotonic() < deadline, printed.read_text()[-3000:]
                time.sleep(0.3)
            yield Installation(ui, backend, pool)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(90)


@pytest.fixture
def page(installation: Installation) -> Iterator[Any]:
    """A new browser. At the end, nothing that it sent to ReviewLens held a password."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(OPTIONS))
        context = browser.new_context()
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        sent: list[tuple[str, str]] = []
        page.on("request", lambda request: sent.append((request.url, request.post_data or "")))
        try:
            yield page
        finally:
            browser.close()
    own = {urlsplit(installation.ui).netloc, urlsplit(installation.backend).netloc}
    to_us = [f"{url} {body}" for url, body in sent if urlsplit(url).netloc in own]
    assert to_us
    assert not [request for request in to_us if PASSWORD in request or TEMPORARY in request]


def _open_the_pools_page(page: Any, installation: Installation) -> None:
    page.goto(installation.ui)
    page.get_by_role("link", name="Log in").click()
    _see(page.get_by_role("heading", name="Sign in"))
    assert page.url.startswith(installation.pool.emulator.url)


def _see(locator: Any) -> None:
    locator.wait_for(state="visible", timeout=PATIENCE)


def _fill(page: Any, name: str, password: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def _cookies(page: Any) -> dict[str, Any]:
    return {cookie["name"]: cookie for cookie in page.context.cookies() if cookie["name"].startswith("reviewlens_")}


def test_log_in_refresh_and_log_out(page: Any, installation: Installation) -> None:
    installation.pool.add("nell", PASSWORD)
    _open_the_pools_page(page, installation)
    assert set(_cookies(page)) == {"reviewlens_log_in"}
    _fill(page, "nell", "not the password")
    _see(page.get_by_text("Incorrect username or password."))
    _fill(page, "nell", PASSWORD)

    logged_in = page.get_by_text(re.compile("Logged in as nell"))
    _see(logged_in)
    assert page.url.startswith(installation.ui)
    cookies = _cookies(page)
    assert set(cookies) == SESSION
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies.values())
    page.reload()
    _see(logged_in)
    page.context.clear_cookies(name="reviewlens_access")  # as if it had expired: the refresh token renews it
    page.reload()
    _see(logged_in)

    with page.expect_request(f"{installation.pool.emulator.url}/logout?*") as pools_log_out:
        page.get_by_role("button", name="Log out").click()
    assert f"client_id={installation.pool.client_id}" in pools_log_out.value.url
    _see(page.get_by_text("Please log in"))
    assert page.url.startswith(installation.ui)
    assert _cookies(page) == {}
    page.reload()
    _see(page.get_by_text("Please log in"))


def test_the_first_log_in_with_a_temporary_password(page: Any, installation: Installation) -> None:
    """The pool asks for a new password on its own page; ReviewLens does nothing for it."""
    installation.pool.add("olga", TEMPORARY, permanent=False)
    _open_the_pools_page(page, installation)
    _fill(page, "olga", TEMPORARY)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm new password").fill(PASSWORD)
    page.get_by_role("button", name="Update password").click()
    _see(page.get_by_text(re.compile("Logged in as olga")))


def test_a_callback_of_another_browser_starts_no_session(page: Any, installation: Installation) -> None:
    page.goto(f"{installation.backend}/session/callback?code=stolen&state=theirs")
    _see(page.get_by_role("alert").filter(has_text="started in another browser"))
    assert _cookies(page) == {}
    page.get_by_role("link", name="Log in again").click()
    _see(page.get_by_role("heading", name="Sign in"))
