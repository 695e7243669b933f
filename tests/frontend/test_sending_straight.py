"""A file from a real browser straight to the bucket, whose own CORS rule lets this page and no other send."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from tests import emulator as emulators
from tests.frontend import running

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 180_000  # milliseconds

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed on this machine"),
    pytest.mark.skipif(emulators.program() is None, reason="no AWS emulator is installed; ./run test installs it"),
]


@dataclass
class DirectUploadStack:
    """Backend and UI over a bucket of an emulator that checks signatures and CORS as S3 does."""

    backend: running.Backend
    frontend: str
    s3: Any
    bucket: str

    def allow(self, origin: str) -> None:
        rule = {"AllowedOrigins": [origin], "AllowedMethods": ["POST"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 3000}
        self.s3.put_bucket_cors(Bucket=self.bucket, CORSConfiguration={"CORSRules": [rule]})

    def stored(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="uploads/").get("Contents", [])
        return [each["Key"].rsplit("/", 1)[-1] for each in found]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectUploadStack]:
    folder = tmp_path_factory.mktemp("straight")
    bucket, port = f"straight-{secrets.token_hex(6)}", running.free_port()
    frontend = f"http://127.0.0.1:{port}"
    with emulators.running(folder, AUTH="true") as emulator, pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        s3 = boto3.client("s3", region_name=emulators.REGION, endpoint_url=emulator.url)
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": emulators.REGION})
        settings = {"store": f"s3://{bucket}", "public_frontend_url": frontend, "max_upload_bytes": "20000000"}
        with running.backend(folder / "data", **settings) as backend:
            backend.log_in("robin", "a-long-enough-password")
            command = [sys.executable, "-m", "streamlit", "run", "frontend/streamlit_app.py"]
            command += [f"--server.port={port}", "--server.maxUploadSize=20"]
            log = folder / "frontend.out"
            with running._process(command, backend.environment, log, f"{frontend}/_stcore/health"):
                yield DirectUploadStack(backend, frontend, s3, bucket)


@pytest.fixture
def page(stack: DirectUploadStack) -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE)
        page.asked_for = []
        page.on("request", lambda request: page.asked_for.append((request.method, request.url)))
        page.goto(stack.backend.operator("/operator/login-link", username="robin")["url"])
        page.goto(f"{stack.frontend}/analyse")
        try:
            yield page
        finally:
            browser.close()


def sender(page: Any) -> Any:
    return page.frame_locator('iframe[title*="reviewlens_send_file"]')


def posts_to(page: Any, url: str) -> list[str]:
    return [
        asked for method, asked in page.asked_for if method == "POST" and urlsplit(asked).netloc == urlsplit(url).netloc
    ]


def test_a_file_goes_straight_to_the_bucket_and_is_looked_into(
    stack: DirectUploadStack, page: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    stack.allow(stack.frontend)
    file = tmp_path / "kettles.csv"
    file.write_bytes(running.as_csv(running.rows_of_reviews(30)))
    frame = sender(page)
    expect(frame.get_by_text("Up to 20")).to_be_visible()
    frame.get_by_label("Choose a file").set_input_files(file)
    expect(page.get_by_text("Which column is what?")).to_be_visible()
    expect(page.get_by_role("heading", name="kettles.csv")).to_be_visible()
    assert posts_to(page, stack.s3.meta.endpoint_url) == [f"{stack.s3.meta.endpoint_url}/{stack.bucket}"]
    assert not [url for _, url in page.asked_for if "upload_file" in url], "nothing went through the UI's own uploader"
    assert stack.stored() == ["info.json", "original"]
    strange = {urlsplit(url).netloc for _, url in page.asked_for}
    ours = {urlsplit(url).netloc for url in (stack.frontend, stack.backend.url, stack.s3.meta.endpoint_url)}
    assert strange <= ours, "nothing is loaded from elsewhere"


def test_sending_can_be_cancelled_and_problems_are_told(stack: DirectUploadStack, page: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    stack.allow(stack.frontend)
    before = stack.stored()
    frame = sender(page)
    chooser = frame.get_by_label("Choose a file")
    empty, large, file = (tmp_path / name for name in ("empty.csv", "large.csv", "words.csv"))
    empty.write_bytes(b"")
    large.write_bytes(b"Text\n" + b"x" * 20_000_000)
    file.write_bytes(b"Text\n" + b"Works very well\n" * 300_000)
    chooser.set_input_files(empty)
    expect(frame.get_by_role("alert")).to_contain_text("The file is empty")
    expect(frame.get_by_role("button", name="Try again")).to_be_hidden()
    chooser.set_input_files(large)
    expect(frame.get_by_role("alert")).to_contain_text("larger than 20")

    def hold(route: Any) -> None:
        """The store does not answer."""

    page.route(f"{stack.s3.meta.endpoint_url}/**", hold)
    chooser.set_input_files(file)
    expect(frame.get_by_role("progressbar")).to_be_visible()
    expect(frame.get_by_role("status")).to_contain_text("Sending")
    frame.get_by_role("button", name="Cancel").click()
    expect(frame.get_by_role("status")).to_contain_text("Cancelled")
    page.unroute_all()
    assert [name for name in stack.stored() if name == "original"] == [name for name in before if name == "original"]

    stack.allow("https://elsewhere.example")  # another page's origin: the browser keeps the answer from us
    chooser.set_input_files(file)
    expect(frame.get_by_role("alert")).to_contain_text("could not be sent")
    stack.allow(stack.frontend)
    frame.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Which column is what?")).to_be_visible()


def test_a_file_chosen_before_the_page_is_ready_is_not_forgotten(
    stack: DirectUploadStack, page: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    held: list[Any] = []
    page.route("**/sender.js", lambda route: held.append(route))  # noqa: PLW0108 - it wants a function of its own
    page.reload()
    file = tmp_path / "empty.csv"
    file.write_bytes(b"")
    frame = sender(page)
    frame.get_by_label("Choose a file").set_input_files(file)
    expect(frame.get_by_role("alert")).to_be_hidden()
    for each in held:
        each.continue_()
    expect(frame.get_by_role("alert")).to_contain_text("The file is empty")


def test_where_the_store_cannot_be_reached_the_file_goes_another_way(
    stack: DirectUploadStack, page: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page.route(f"{stack.s3.meta.endpoint_url}/**", lambda route: route.abort())
    file = tmp_path / "kettles.csv"
    file.write_bytes(running.as_csv(running.rows_of_reviews(30)))
    sender(page).get_by_label("Choose a file").set_input_files(file)
    expect(sender(page).get_by_role("alert")).to_contain_text("could not be sent")
    sender(page).get_by_role("button", name="Send it through the server").click()
    page.locator('[data-testid="stFileUploader"] input[type="file"]').set_input_files(file)
    expect(page.get_by_text("Which column is what?")).to_be_visible()
