"""Who is logged in; a silent backend; what reaches the log."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from frontend import session
from tests.frontend import running
from tests.frontend.conftest import APP, Open, SeededBackend, text_of

OpenWith = Callable[..., AppTest]


def _ended_token() -> str:
    def part(claims: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part({'exp': time.time() - 60})}.AAAA"


@pytest.fixture
def open_with(browser: dict[str, str]) -> Callable[..., AppTest]:
    """Open the UI with these cookies."""

    def open_(access: str = "", refresh: str = "") -> AppTest:
        browser.update({session.ACCESS_COOKIE: access, session.REFRESH_COOKIE: refresh})
        return AppTest.from_file(APP, default_timeout=60).run()

    return open_


def test_without_a_session_the_page_leads_to_the_log_in_page(seeded: SeededBackend, open_with: OpenWith) -> None:
    app = open_with()
    said = text_of(app)
    assert "Please log in" in said
    assert f'href="{seeded.backend.url}/session/login"' in said
    assert "kettles" not in said


def test_only_a_local_start_prints_a_link(
    monkeypatch: pytest.MonkeyPatch, seeded: SeededBackend, open_with: OpenWith
) -> None:
    assert "The link that ReviewLens prints" in text_of(open_with())
    pool = {"COGNITO_USER_POOL": "eu-west-1_A", "COGNITO_CLIENT": "c", "COGNITO_DOMAIN": "https://pool.example"}
    for name, value in {"IDENTITY": "cognito", **pool}.items():
        monkeypatch.setenv(f"REVIEWLENS_{name}", value)
    session.settings.clear()
    said = text_of(open_with())
    monkeypatch.undo()
    session.settings.clear()
    assert "Please log in" in said
    assert "The link that ReviewLens prints" not in said


@pytest.mark.parametrize("access", ["", "not-a-token", _ended_token()])
def test_a_browser_whose_access_token_has_ended_is_sent_to_renew_it(
    seeded: SeededBackend, open_with: OpenWith, access: str
) -> None:
    said = text_of(open_with(access, seeded.backend.refresh))
    assert f'window.location.replace("{seeded.backend.url}/session/renew?to=" + encodeURIComponent(' in said
    assert "Please log in" not in said


def test_the_sidebar_says_who_is_logged_in_and_leads_out(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/runs.py")
    assert "robin" in " ".join(block.value for block in app.sidebar.markdown)
    assert f'<form method="post" action="{seeded.backend.url}/session/end">' in text_of(app)


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch, seeded: SeededBackend) -> Iterator[str]:
    url = f"http://127.0.0.1:{running.free_port()}"
    monkeypatch.setenv("REVIEWLENS_BACKEND_URL", url)
    for kept in (session.settings, session.http):
        kept.clear()
    yield url
    monkeypatch.undo()
    for kept in (session.settings, session.http):
        kept.clear()


def test_a_silent_backend_is_said_to_be_silent(seeded: SeededBackend, nobody_answers: str, open_with: OpenWith) -> None:
    said = text_of(open_with(seeded.backend.access, seeded.backend.refresh))
    assert "does not answer" in said
    assert nobody_answers in said


def test_a_person_without_runs_is_led_to_analyse(seeded: SeededBackend, open_with: OpenWith) -> None:
    seeded.backend.operator("/operator/users", username="sam", password="another-long-password")
    tokens = seeded.backend.call("POST", "/login", json={"username": "sam", "password": "another-long-password"})
    app = open_with(tokens["access_token"], tokens["refresh_token"])
    assert app.title[0].value == "Analyse a file of reviews"
    app.switch_page("views/dashboard.py").run()
    assert "No results yet" in text_of(app)
    app.switch_page("views/runs.py").run()
    assert "No jobs yet" in text_of(app)


def test_another_persons_run_is_not_shown(seeded: SeededBackend, open_with: OpenWith) -> None:
    tokens = seeded.backend.call("POST", "/login", json={"username": "robin", "password": "a-long-enough-password"})
    assert tokens["access_token"]
    seeded.backend.operator("/operator/users", username="kim", password="yet-another-password")
    other = seeded.backend.call("POST", "/login", json={"username": "kim", "password": "yet-another-password"})
    app = open_with(other["access_token"], other["refresh_token"])
    app.switch_page("views/dashboard.py")
    app.query_params["job"] = seeded.full
    app.run()
    assert "no longer exists" in text_of(app)
    assert "Fern Kettle" not in text_of(app)


def test_no_review_text_reaches_the_log(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full, show=json.dumps({"words": running.CANARY}))
    assert running.CANARY in text_of(app)
    app = open_page("views/try_one.py")
    app.text_area(key="one").set_value(f"{running.CANARY} " * 10).run()
    app.button(key="ask").click().run()
    session.logger().exception("a failure", exc_info=ValueError(running.CANARY))
    logs = seeded.backend.data / "logs"
    lines = (logs / "streamlit.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert any(entry.get("exception") == "ValueError" for entry in entries)
    assert not [line for line in lines if running.CANARY in line]
