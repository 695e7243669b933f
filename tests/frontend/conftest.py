"""One real backend for all UI tests, with a finished run, one without dates or stars, a failed and a cancelled one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from frontend import session
from tests.frontend import running
from tests.shared_spark import SharedSparkTasks

APP = str(running.ROOT / "frontend" / "streamlit_app.py")
Open = Callable[..., AppTest]


@dataclass
class SeededBackend:
    """A backend and its jobs, by how they ended."""

    backend: running.Backend
    rows: list[dict[str, str]]
    full: str
    bare: str
    failed: str
    cancelled: str


@pytest.fixture(scope="package")
def seeded(shared_spark_tasks: SharedSparkTasks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeededBackend]:
    data = tmp_path_factory.mktemp("ui")
    with running.backend(data, task=shared_spark_tasks.command) as backend, pytest.MonkeyPatch.context() as patch:
        for name, value in backend.environment.items():
            if name.startswith("REVIEWLENS_"):
                patch.setenv(name, value)
        _forget_processwide()
        backend.log_in("robin", "a-long-enough-password")
        rows = running.rows_of_reviews()
        full = backend.submit("kettles.csv", running.as_csv(rows))
        bare_rows = [{"Review": row["Review"]} for row in rows[9:40]]
        bare = backend.submit("bare.csv", running.as_csv(bare_rows))
        failed = backend.submit("damaged.csv", running.as_csv(rows[:50]), lose_file=True)
        cancelled = backend.submit("stopped.csv", running.as_csv(rows[:30]))
        backend.call("POST", f"/jobs/{cancelled}/cancel")
        ends = {job: backend.ended(job)["state"] for job in (full, bare, failed, cancelled)}
        assert ends == {full: "succeeded", bare: "succeeded", failed: "failed", cancelled: "cancelled"}
        yield SeededBackend(backend, rows, full, bare, failed, cancelled)
    _forget_processwide()


def _forget_processwide() -> None:
    for kept in (session.settings, session.http, session.logger):
        kept.clear()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The cookies that the browser sends, which AppTest cannot have."""
    cookies: dict[str, str] = {}
    monkeypatch.setattr(session, "_cookie", lambda name: cookies.get(name, ""))
    return cookies


@pytest.fixture
def open_page(seeded: SeededBackend, browser: dict[str, str]) -> Open:
    """Open a page as the logged-in user: open_page("views/runs.py", job=...)."""

    def open_(view: str = "", **params: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=60)
        browser[session.ACCESS_COOKIE] = seeded.backend.access
        browser[session.REFRESH_COOKIE] = seeded.backend.refresh
        app.query_params.update(params)
        app.run()
        if view:
            app.query_params.clear()  # as a browser does when another page is opened
            app.switch_page(view)
            app.query_params.update(params)
            app.run()
        assert not app.exception, app.exception
        return app

    return open_


def text_of(app: AppTest) -> str:
    """Everything that the page says, in one string."""
    blocks = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption]
    parts = [block.value for block in blocks] + [block.value for block in app.get("html")]
    parts += [box.value for kind in (app.error, app.warning, app.info, app.success) for box in kind]
    return "\n".join(str(part).replace("\\", "").replace("\u00a0", " ") for part in parts)
