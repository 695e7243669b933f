"""The Analyse page: upload, detection, corrections, progress, end."""

from __future__ import annotations

import csv
import io
import time

from streamlit.testing.v1 import AppTest

from tests.frontend import running
from tests.frontend.conftest import Open, SeededBackend, text_of
from tests.reading.workbooks_help import xlsx


def _upload(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].set_value((name, content, "text/csv")).run()
    assert not app.exception
    return app


def test_what_was_detected_is_shown_and_can_be_put_right(open_page: Open) -> None:
    rows = running.rows_of_reviews(24)
    for number, row in enumerate(rows):
        row["Day"] = f"{1 + number % 12}/{1 + number % 11}/2024"  # either order of day and month fits
    app = _upload(open_page("views/analyse.py"), "dates.csv", running.as_csv(rows))
    said = text_of(app)
    assert "Which column is what?" in said
    badges = " ".join(str(badge.value) for badge in app.markdown)
    assert "UTF\\-8" in badges
    assert "separated by comma" in badges
    assert app.multiselect(key="role-text").value == [3]
    assert "22 texts to score in 24 rows; 2 rows have no text." in said.replace("\\", "").replace("\u00a0", " ")
    shown = {role: app.selectbox(key=f"role-{role}").value for role in ("title", "rating", "date", "product")}
    assert shown == {"title": -1, "rating": 2, "date": 0, "product": 1}
    assert "fit both orders of day and month" in said
    assert len(app.dataframe[0].value) == 20

    app.selectbox(key="date-order").set_value("day_first").run()
    assert app.selectbox(key="date-order").value == "day_first"
    assert app.session_state["upload"].sniffed.mapping.date_format.order == "day_first"
    assert "fit both orders of day and month" not in text_of(app)

    app.selectbox(key="role-product").set_value(-1).run()
    assert app.session_state["upload"].sniffed.mapping.product is None
    assert app.session_state["upload"].sniffed.mapping.date_format.order == "day_first"

    app.selectbox(key="dialect-header").set_value(False).run()
    assert app.session_state["upload"].sniffed.dialect.header is False


def test_the_row_with_the_column_names_can_be_set(open_page: Open) -> None:
    content = b"Export of reviews\n\n" + running.as_csv(running.rows_of_reviews(24))
    app = _upload(open_page("views/analyse.py"), "titled.csv", content)
    assert app.number_input(key="dialect-header-row").value == 3
    assert "The column names are in row 3." in text_of(app)
    app.number_input(key="dialect-header-row").set_value(4).run()
    assert app.session_state["upload"].sniffed.dialect.header_row == 4
    app.selectbox(key="dialect-header").set_value(False).run()
    assert app.session_state["upload"].sniffed.dialect.header_row is None


def test_another_sheet_can_be_chosen(open_page: Open) -> None:
    header, *rows = csv.reader(io.StringIO(running.as_csv(running.rows_of_reviews(24)).decode()))
    months = {"About": [["About this workbook"]], "Jan": [header, *rows[:10]], "Feb": [["Export"], header, *rows[10:]]}
    app = _upload(open_page("views/analyse.py"), "months.xlsx", xlsx(months))
    assert app.selectbox(key="dialect-sheet").value == "Feb"
    assert "Only “Feb” is read. “About”" in text_of(app)
    app.selectbox(key="dialect-sheet").set_value("Jan").run()
    dialect = app.session_state["upload"].sniffed.dialect
    assert (dialect.sheet, dialect.header_row) == ("Jan", 1)
    app.selectbox(key="dialect-sheet").set_value("*").run()
    upload = app.session_state["upload"]
    assert (upload.sniffed.dialect.sheet, upload.sniffed.estimated_rows) == (["Jan", "Feb"], len(rows))
    assert app.selectbox(key="dialect-sheet").value == "*"


def test_from_upload_to_the_finished_run(seeded: SeededBackend, open_page: Open) -> None:
    app = _upload(open_page("views/analyse.py"), "ninth.csv", running.as_csv(running.rows_of_reviews(20)))
    app.button(key="start").click().run()
    job_id = app.query_params["job"]
    saw_progress = False
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and "Finished" not in text_of(app):
        saw_progress = saw_progress or "rl-steps" in text_of(app) or "Waiting for its turn" in text_of(app)
        time.sleep(0.5)
        app.run()
    assert saw_progress
    assert "20 rows read = 17 scored + 1 duplicate + 2 rejected" in text_of(app)
    app.button(key="open-dashboard").click().run()
    assert app.title[0].value.replace("\\", "") == "ninth.csv"
    seeded.backend.call("DELETE", f"/jobs/{job_id}")


def test_a_file_that_is_not_a_table_is_refused_in_plain_words(open_page: Open) -> None:
    app = _upload(open_page("views/analyse.py"), "noise.csv", bytes(range(256)) * 40)
    assert "noise.csv was not accepted" in text_of(app)
    assert app.file_uploader, "another file can be chosen at once"


def test_a_file_without_review_text_cannot_be_started(open_page: Open) -> None:
    app = _upload(open_page("views/analyse.py"), "numbers.csv", b"a,b\n1,2\n3,4\n5,6\n")
    assert app.button(key="start").disabled
    assert "choose the column with the review text" in text_of(app)
    app.multiselect(key="role-text").set_value([0]).run()
    assert not app.button(key="start").disabled


def test_several_text_columns_are_offered_and_counted(open_page: Open) -> None:
    reviews = [row["Review"] for row in running.rows_of_reviews(24)]
    rows = [
        {"pros": text, "cons": f"{reviews[-number]} Not for me" if number % 2 else "N/A", "Stars": "4"}
        for number, text in enumerate(reviews)
    ]
    app = _upload(open_page("views/analyse.py"), "work.csv", running.as_csv(rows))

    def said() -> str:
        return text_of(app).replace("\\", "").replace("\u00a0", " ")

    assert app.multiselect(key="role-text").value == [0, 1]
    assert app.radio(key="read-texts").value == "each"
    assert "34 texts to score in 24 rows; 14 answers are empty; 1 row has no text." in said()
    app.radio(key="read-texts").set_value("joined").run()
    assert app.session_state["upload"].sniffed.mapping.read_texts == "joined"
    assert "23 texts to score in 24 rows; 1 row has no text." in said()
    app.multiselect(key="role-text").set_value([1]).run()
    assert app.session_state["upload"].sniffed.mapping.further_texts == []
    assert not app.radio
    assert "12 texts to score in 24 rows; 12 rows have no text." in said()
    app.multiselect(key="role-text").set_value([]).run()
    assert app.multiselect(key="role-text").value == [1], "one column of text is always needed"


def test_a_failed_run_says_why_and_what_to_do(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/analyse.py", job=seeded.failed)
    assert seeded.backend.call("GET", f"/jobs/{seeded.failed}")["error"] in text_of(app)
    app.button(key="check-columns").click().run()
    assert "Which column is what?" in text_of(app)


def test_a_cancelled_run_can_be_started_again(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/analyse.py", job=seeded.cancelled)
    assert "was cancelled" in text_of(app)
    app.button(key="retry").click().run()
    assert seeded.backend.call("GET", f"/jobs/{seeded.cancelled}")["state"] in ("queued", "running", "succeeded")
    seeded.backend.call("POST", f"/jobs/{seeded.cancelled}/cancel")
    assert seeded.backend.ended(seeded.cancelled)["state"] == "cancelled"


def test_both_ends_of_the_scale_and_the_first_date_are_shown(open_page: Open) -> None:
    rows = running.rows_of_reviews(24)
    for number, row in enumerate(rows):
        row["Day"] = f"2024年3月{1 + number}日"
        row["Stars"] = str(number % 5)
    app = _upload(open_page("views/analyse.py"), "scale.csv", running.as_csv(rows))
    assert "0 is worst, 4 is best" in text_of(app)
    assert "The first date, 2024年3月1日, is read as" in text_of(app).replace("\\", "")
    app.number_input(key="rating-highest").set_value(5.0).run()
    assert app.session_state["upload"].sniffed.mapping.rating_scale == (0.0, 5.0)
    app.number_input(key="rating-lowest").set_value(1.0).run()
    assert app.session_state["upload"].sniffed.mapping.rating_scale == (1.0, 5.0)
