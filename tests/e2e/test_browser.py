"""One person's whole way in a real browser: log in by the link, upload, watch, read, click, refresh, log out."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.frontend import running

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 60_000  # milliseconds; a job has to start Spark in it

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed on this machine"),
]


@dataclass
class RunningProduct:
    """What `up` started: where its user interface and backend answer, the link it printed, and its data folder."""

    link: str
    frontend: str
    backend: str
    data: Path


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """The program as a person starts it: one command, which prints one link."""
    data = tmp_path_factory.mktemp("browser")
    environment = {
        **os.environ,
        "REVIEWLENS_DATA_DIR": str(data),
        "REVIEWLENS_ENGINE": "textblob",
        "REVIEWLENS_WORKERS": "1",
        "REVIEWLENS_BACKEND_PORT": str(running.free_port()),
        "REVIEWLENS_FRONTEND_PORT": str(running.free_port()),
    }
    printed = data / "printed.txt"
    with printed.open("wb") as out:
        command = [sys.executable, "-m", "reviewlens", "up"]
        process = subprocess.Popen(command, cwd=running.ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        link = _printed_link(process, printed)
        later = re.search(r"Later: (http://[^\s(]+)", printed.read_text())
        assert later, printed.read_text()
        yield RunningProduct(link, later[1], link.split("/session/")[0], data)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(90)


def _printed_link(process: subprocess.Popen[bytes], printed: Path, seconds: float = 180) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://\S+/session/start\?token=\S+", printed.read_text())
        if found and "Later:" in printed.read_text():
            return found[0]
        time.sleep(0.3)
    raise RuntimeError(f"no link was printed:\n{printed.read_text()[-3000:]}")


@pytest.fixture
def page(product: RunningProduct) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(OPTIONS))
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.asked_for = set()
        page.on("request", lambda request: page.asked_for.add(urlsplit(request.url).netloc))
        try:
            yield page
        finally:
            folder = os.environ.get("REVIEWLENS_SCREENSHOTS")
            if folder:
                page.screenshot(path=str(Path(folder) / "last.png"))
            browser.close()


def test_from_the_log_in_link_to_the_dashboard_and_back(product: RunningProduct, page: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    page.goto(product.link)
    expect(page.get_by_role("heading", name="reviews.csv")).to_be_visible(timeout=PATIENCE)  # the example, finished
    expect(page.get_by_test_id("accounting")).to_contain_text("rows read")
    assert page.url.startswith(product.frontend)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["reviewlens_access"]["httpOnly"]
    assert cookies["reviewlens_access"]["sameSite"] == "Lax"

    page.get_by_role("link", name="Analyse").click()
    upload = tmp_path / "kettles.csv"
    upload.write_bytes(running.as_csv(running.rows_of_reviews()))
    page.locator('input[type="file"]').set_input_files(upload)
    expect(page.get_by_text("Which column is what?")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("separated by comma")).to_be_visible()
    page.get_by_role("button", name="Start the job").click()

    expect(page.get_by_text("Saving the results")).to_be_visible(timeout=PATIENCE)  # the steps: progress is shown
    expect(page).to_have_url(re.compile(r"[?&]job="), timeout=PATIENCE)
    page.reload()  # and outlives a refresh
    page.get_by_role("button", name="Open the dashboard").click(timeout=2 * PATIENCE)

    expect(page.get_by_test_id("accounting")).to_contain_text(
        re.compile(r"90\srows read = 87 scored \+ 1\sduplicate \+ 2 rejected"), timeout=PATIENCE
    )
    expect(page.get_by_test_id("agreement")).to_contain_text("±")
    expect(page.get_by_role("heading", name="Rejected rows")).to_be_visible(timeout=PATIENCE)

    _click_the_negative_side(page)
    chip = page.locator(".st-key-chip-sentiment button")
    expect(chip).to_contain_text("Negative", timeout=PATIENCE)
    negative = page.get_by_text(re.compile(r"^\d+ of 88\sreviews$"))
    expect(negative).to_be_visible()
    shown = negative.inner_text()

    page.reload()
    expect(page.get_by_text(shown)).to_be_visible(timeout=PATIENCE)  # still logged in, still the same reviews
    expect(page.get_by_role("heading", name="kettles.csv")).to_be_visible()
    chip.click()
    expect(page.get_by_text(shown)).to_be_hidden()

    page.get_by_role("button", name="Export").click()
    address = page.locator(".st-key-export-served-csv a").get_attribute("href")
    answer = page.context.request.get(address)  # with the browser's own cookies
    assert "attachment" in answer.headers["content-disposition"]
    assert len(answer.text().strip().splitlines()) == 1 + 88

    page.keyboard.press("Escape")
    page.context.clear_cookies(name="reviewlens_access")  # as when it has expired
    page.reload()
    expect(page.get_by_role("button", name="Log out")).to_be_visible(timeout=PATIENCE)
    renewed = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert renewed["reviewlens_access"]
    assert renewed["reviewlens_refresh"] != cookies["reviewlens_refresh"]["value"]
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible(timeout=PATIENCE)
    page.goto(product.frontend)
    expect(page.get_by_text("Please log in")).to_be_visible(timeout=PATIENCE)

    own = {urlsplit(product.frontend).netloc, urlsplit(product.backend).netloc, ""}
    assert page.asked_for <= own, f"the pages asked other machines: {page.asked_for - own}"
    logs = [path for path in (product.data / "logs").rglob("*") if path.is_file()] + [product.data / "printed.txt"]
    assert {"streamlit.log", "fastapi.log"} <= {log.name for log in logs}
    assert not [log.name for log in logs if running.CANARY in log.read_text(errors="replace")]


def _click_the_negative_side(page: Any) -> None:
    chart = page.locator('[class*="st-key-chart-distribution"]').first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * 0.95, "y": box["height"] * 0.4})
