"""Mixed reviews on the dashboard: counted and a click away where the model can tell, not spoken of where it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.frontend import running
from tests.frontend.conftest import Open, SeededBackend, text_of

BAND = [0.25, 0.6]
MEANING = "praise and blame together, or neither clearly"


def _results(seeded: SeededBackend, job: str) -> tuple[Path, Path]:
    (summary,) = (seeded.backend.data / "objects").glob(f"output/*/{job}/inference_summary.json")
    (part,) = (summary.parent / "served.parquet").iterdir()
    return summary, part


def _submitted(seeded: SeededBackend, name: str, count: int) -> str:
    rows = running.rows_of_reviews(count)
    for number in range(9, count, 2):
        rows[number]["Review"] = f"The kettle number {number} stands on the table."
    job = seeded.backend.submit(name, running.as_csv(rows))
    assert seeded.backend.ended(job)["state"] == "succeeded"
    return job


@pytest.fixture(scope="module")
def torn(seeded: SeededBackend) -> Iterator[str]:
    """A finished job as a model with a band leaves it."""
    job = _submitted(seeded, "torn.csv", 40)
    path, part = _results(seeded, job)
    rows = pl.read_parquet(part).with_columns(mixed=pl.col("positive_score").is_between(*BAND))
    assert 10 < rows["mixed"].sum() < rows.height
    rows.write_parquet(part)
    summary = json.loads(path.read_text())
    summary["mixed"], summary["model"]["mixed_band"] = int(rows["mixed"].sum()), BAND
    path.write_text(json.dumps(summary))
    yield job
    seeded.backend.call("DELETE", f"/jobs/{job}")


def test_they_are_counted_and_one_click_shows_them(seeded: SeededBackend, torn: str, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=torn)
    mixed = seeded.backend.call("GET", f"/jobs/{torn}/reviews", params={"mixed": "true", "sort": "confidence"})
    part = seeded.backend.call("POST", "/generate_dashboard", json={"job_id": torn})["distribution"]
    assert mixed["total"] == part["mixed"] > 10
    said = text_of(app)
    assert f"{part['mixed']} <small>{100 * part['mixed_share']:.1f} %</small>" in said
    assert f"mixed: {MEANING}" in said
    assert "mixed reviews" not in said
    app.button(key="see-mixed").click().run()
    said = text_of(app)
    assert f"{mixed['total']} mixed reviews" in said
    for review in mixed["reviews"][:4]:
        assert review["text"] in said
    assert app.query_params["show"] == '{"mixed": true}'
    assert app.toggle(key="f-mixed").value is True
    table = app.dataframe[0].value
    assert len(table) == mixed["total"] and set(table["mixed"]) == {"mixed"}
    app.button(key="chip-mixed").click().run()
    assert app.toggle(key="f-mixed").value is False
    assert "mixed reviews" not in text_of(app)
    assert set(app.dataframe[0].value["mixed"]) == {"mixed", ""}


def test_the_toggle_and_the_address_do_the_same(seeded: SeededBackend, torn: str, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=torn)
    app.toggle(key="f-mixed").set_value(True).run()
    assert app.query_params["show"] == '{"mixed": true}'
    again = open_page("views/dashboard.py", job=torn, show='{"mixed": true}')
    assert "chip-mixed" in {button.key for button in again.button}
    assert list(again.dataframe[0].value["row"]) == list(app.dataframe[0].value["row"])


def test_nothing_is_said_of_them_where_the_model_cannot_tell(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    assert "mixed" not in text_of(app).lower()
    assert not {"see-mixed", "f-mixed"} & {widget.key for kind in (app.button, app.toggle) for widget in kind}
    assert len(app.dataframe[0].value) == 25
