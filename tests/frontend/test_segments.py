"""Segments in the UI: chosen before the start, split by and filtered in the dashboard, against a real backend."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from tests.frontend import running
from tests.frontend.conftest import Open, SeededBackend, text_of

TEAMS, COUNTRIES, PLANS = ("North_1 <b>", "South", "South", ""), ("NA", "DE", "FR"), ("Free", "Pro")


def rows() -> list[dict[str, str]]:
    """Reviews in which the team South is the unhappy one."""
    made = []
    for number, row in enumerate(running.rows_of_reviews(120)):
        good = number % 3 != 0
        team = "South" if not good else TEAMS[number % 4]
        extra = {"Team": team, "Country": COUNTRIES[number % 5 % 3], "Plan": PLANS[number % 2]}
        made.append({**row, **extra})
    return made


@pytest.fixture(scope="module")
def job(seeded: SeededBackend) -> Iterator[str]:
    job_id = seeded.backend.submit("teams.csv", running.as_csv(rows()))
    assert seeded.backend.ended(job_id)["state"] == "succeeded"
    yield job_id
    seeded.backend.call("DELETE", f"/jobs/{job_id}")


def count(seeded: SeededBackend, job: str, **wanted: str) -> int:
    """Served rows with these values, counted by the csv module."""
    import httpx

    address = f"{seeded.backend.url}/jobs/{job}/export"
    answer = httpx.get(address, headers={"Authorization": f"Bearer {seeded.backend.access}"}, trust_env=False)
    served = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    return sum(all(row[name] == value for name, value in wanted.items()) for row in served)


def test_the_reviews_are_split_by_the_chosen_column(seeded: SeededBackend, open_page: Open, job: str) -> None:
    app = open_page("views/dashboard.py", job=job)
    assert "Split by" in [heading.value for heading in app.header]
    split = app.selectbox(key=f"split-{job}")
    assert split.options == ["Product", "Team", "Country", "Plan"]
    assert "Fern Kettle" in text_of(app)
    split.set_value("4").run()
    said = text_of(app)
    south = count(seeded, job, Team="South")
    assert f"<td>South</td><td class='number'>{south}</td>" in said
    assert "<td>North_1 &lt;b&gt;</td>" in said
    assert f"{count(seeded, job, Team='')} reviews without a value" in said
    assert "almost certainly real" in said and "▼ mark a share" in said


def test_segments_filter_together_and_their_chips_remove_them(seeded: SeededBackend, open_page: Open, job: str) -> None:
    app = open_page("views/dashboard.py", job=job)
    served = count(seeded, job)
    app.multiselect(key="f-segment-4").set_value(["South"]).run()
    app.multiselect(key="f-segment-6").set_value(["Pro"]).run()
    both = count(seeded, job, Team="South", Plan="Pro")
    assert 0 < both < count(seeded, job, Team="South")
    assert f"<b>{both}</b> of {served} reviews" in text_of(app)
    chips = {button.key: button.label for button in app.button if button.key and button.key.startswith("chip-")}
    assert chips["chip-segment-4"] == "Team\\: South"
    assert '"segment": ["4:South", "6:Pro"]' in app.query_params["show"]
    app.button(key="chip-segment-4").click().run()
    assert f"<b>{count(seeded, job, Plan='Pro')}</b> of {served} reviews" in text_of(app)
    assert app.multiselect(key="f-segment-4").value == []
    assert app.multiselect(key="f-segment-6").value == ["Pro"]
    app.button(key="chip-all").click().run()
    assert "show" not in app.query_params


def test_reviews_without_a_value_can_be_read(seeded: SeededBackend, open_page: Open, job: str) -> None:
    app = open_page("views/dashboard.py", job=job)
    team = app.multiselect(key="f-segment-4")
    assert team.options == ["South", "North_1 <b>", "(no value)"]
    team.set_value([""]).run()
    assert f"<b>{count(seeded, job, Team='')}</b> of {count(seeded, job)} reviews" in text_of(app)
    assert app.button(key="chip-segment-4").label == "Team\\: \\(no value\\)"


def test_charts_are_redrawn_and_a_refresh_keeps_the_filter(seeded: SeededBackend, open_page: Open, job: str) -> None:
    app = open_page("views/dashboard.py", job=job, show='{"segment": ["5:NA", "5:DE"]}')
    total = count(seeded, job, Country="NA") + count(seeded, job, Country="DE")
    assert f"<b>{total}</b> of {count(seeded, job)} reviews" in text_of(app)
    app.toggle(key="focus").set_value(True).run()
    app.selectbox(key=f"split-{job}").set_value("5").run()
    said = text_of(app)
    assert "<td>NA</td>" in said and "<td>FR</td>" not in said


def test_a_filter_on_a_column_that_is_no_segment_is_explained(open_page: Open, job: str) -> None:
    app = open_page("views/dashboard.py", job=job, show='{"segment": ["0:x"]}')
    assert "The reviews cannot be split by that column; choose one of: product, 4, 5, 6, language." in text_of(app)


def upload(app: AppTest) -> AppTest:
    app.file_uploader[0].set_value(("teams.csv", running.as_csv(rows()), "text/csv")).run()
    assert not app.exception
    return app


def test_segments_are_chosen_before_the_start(open_page: Open) -> None:
    app = upload(open_page("views/analyse.py"))
    chosen = app.multiselect(key="segments")
    assert (chosen.value, chosen.options) == ([4, 5, 6], ["Team", "Country", "Plan"])
    assert "Team: 2 different values" in text_of(app)
    chosen.set_value([6]).run()
    assert app.session_state["upload"].sniffed.mapping.segments == [6]
    app.selectbox(key="role-product").set_value(6).run()
    mapping = app.session_state["upload"].sniffed.mapping
    assert (mapping.product, mapping.segments) == (6, [])
    assert app.multiselect(key="segments").options == ["Product", "Team", "Country"]
