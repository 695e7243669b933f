"""The Jobs page and the Try-one page."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from frontend.session import ACCESS_COOKIE
from reviewlens.identity.interface import User
from reviewlens.identity.keys import SigningKey
from reviewlens.identity.local import CLIENT_ID
from reviewlens.identity.tokens import TokenSigner
from tests.frontend import running
from tests.frontend.conftest import APP, Open, SeededBackend, text_of


def test_every_run_is_listed_with_what_became_of_it(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/runs.py")
    said = text_of(app)
    for name in ("kettles.csv", "bare.csv", "damaged.csv", "stopped.csv"):
        assert name in said
    assert seeded.backend.call("GET", f"/jobs/{seeded.failed}")["error"][:60] in said
    assert "90 rows" in said
    buttons = {button.key for button in app.button}
    assert {
        f"open-{seeded.full}",
        f"retry-{seeded.failed}",
        f"retry-{seeded.cancelled}",
        f"delete-{seeded.full}",
    } <= buttons
    assert f"retry-{seeded.full}" not in buttons
    assert f"open-{seeded.failed}" not in buttons


def test_open_leads_to_that_runs_dashboard(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/runs.py")
    app.button(key=f"open-{seeded.full}").click().run()
    assert app.title[0].value.replace("\\", "") == "kettles.csv"


def test_delete_asks_first(seeded: SeededBackend, open_page: Open) -> None:
    job = seeded.backend.submit("goes.csv", running.as_csv(running.rows_of_reviews(12)))
    seeded.backend.call("POST", f"/jobs/{job}/cancel")
    seeded.backend.ended(job)
    app = open_page("views/runs.py")
    app.button(key=f"delete-{job}").click().run()
    assert seeded.backend.call("GET", f"/jobs/{job}")["state"] == "cancelled"
    app.button(key="delete-yes").click().run()
    assert job not in [one["job_id"] for one in seeded.backend.call("GET", "/jobs")["jobs"]]
    assert "goes.csv" not in text_of(app)


def test_one_review_is_read_as_the_backend_reads_it(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/try_one.py")
    app.button(key="example-Unhappy").click().run()
    app.button(key="ask").click().run()
    text = app.text_area(key="one").value
    expected = seeded.backend.call("POST", "/predict-sentiment", json={"text": text})["predictions"][0]
    said = text_of(app)
    assert f">{expected['sentiment'].capitalize()}</div>" in said
    assert f"{100 * expected['confidence']:.1f} % sure" in said
    assert ("Needs review" in said) == expected["needs_review"]


def test_a_text_that_the_model_does_not_read_is_judged_on_request_only(open_page: Open) -> None:
    app = open_page("views/try_one.py")
    app.text_area(key="one").set_value("El hotel estaba muy sucio y nadie contestaba al teléfono.")
    app.button(key="ask").click().run()
    assert "Not judged" in text_of(app)
    assert "Spanish; the model reads English" in text_of(app)
    app.toggle(key="one-all-languages").set_value(True)
    app.button(key="ask").click().run()
    assert not app.exception
    assert "Not judged" not in text_of(app)


def test_nothing_to_read_is_said_so(open_page: Open) -> None:
    app = open_page("views/try_one.py")
    app.button(key="ask").click().run()
    assert "Write a review first" in text_of(app)


def test_an_administrator_sees_everyones_runs(seeded: SeededBackend, browser: dict[str, str]) -> None:
    """The backend's key signs a token with the group in it, as a user pool with groups does."""
    key = SigningKey.load(seeded.backend.data / "secrets")
    signer = TokenSigner(key, f"urn:reviewlens:pool:{key.kid}", CLIENT_ID, life_seconds=600)
    app = AppTest.from_file(APP, default_timeout=60)
    browser[ACCESS_COOKIE] = signer.access(User("uboss", "boss", frozenset({"admin"})))
    app.run().switch_page("views/runs.py").run()
    assert not app.dataframe
    app.toggle(key="everyone").set_value(True).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert {"kettles.csv", "bare.csv", "damaged.csv", "stopped.csv"} <= set(table["File"])
    assert {"Finished", "Failed", "Cancelled"} <= set(table["State"])


def test_nobody_else_is_offered_everyones_runs(open_page: Open) -> None:
    assert not open_page("views/runs.py").toggle
