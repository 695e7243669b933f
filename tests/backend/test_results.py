"""Dashboard, reviews and export of a finished job over HTTP."""

from __future__ import annotations

import csv
import io
import json

import polars as pl
import pytest

TEXTS = ("Works very well", "Broke at once", "=1+1 great", "Stopped charging", "Fine sound", "Cracked lid", "Lovely")


@pytest.fixture(scope="module")
def job(backend_app) -> str:
    return backend_app.finished(texts=TEXTS)


def get(backend_app, path: str):
    return backend_app.client.get(path, headers=backend_app.as_("ana"))


def dashboard(backend_app, job: str, **filters):
    body = {"job_id": job, "filters": filters}
    return backend_app.client.post("/generate_dashboard", json=body, headers=backend_app.as_("ana"))


def test_a_dashboard_adds_up_and_narrows(backend_app, job):
    whole = dashboard(backend_app, job).json()
    assert (whole["job"], whole["counts"]["read"], whole["counts"]["shown"]) == (job, 8, 7)
    assert (whole["distribution"]["positive"], whole["distribution"]["negative"]) == (4, 3)
    negative = dashboard(backend_app, job, sentiment="negative").json()
    assert (negative["counts"]["shown"], negative["counts"]["hidden"]) == (3, 4)
    assert dashboard(backend_app, job).json() == whole


def test_a_dashboard_is_computed_once(backend_app, job):
    dashboard(backend_app, job, words="fine")
    cache = backend_app.app.state.services.dashboards
    known = set(cache._documents)
    dashboard(backend_app, job, words="fine")
    assert set(cache._documents) == known
    for number in range(100):
        cache.get("u", "j", str(number), lambda: b"")
    assert len(cache._documents) == 64


def test_filters_that_do_not_exist_are_refused(backend_app, job):
    assert dashboard(backend_app, job, mood="bad").status_code == 422
    assert dashboard(backend_app, job, sentiment="mixed").status_code == 422
    assert get(backend_app, f"/jobs/{job}/reviews?mood=bad").status_code == 422


def test_reviews_are_split_and_filtered_by_segments(backend_app):
    job = backend_app.finished(texts=TEXTS)
    file = backend_app.output(job) / "inference_summary.json"
    summary = json.loads(file.read_text())
    place = next(column["index"] for column in summary["columns"] if column["name"] == "Rating")
    summary["mapping"]["segments"] = [place]
    file.write_text(json.dumps(summary))
    (part,) = [part for part in dashboard(backend_app, job).json()["segments"] if part["column"] == str(place)]
    assert part["name"] == "Rating"
    counts = {row["value"]: row["count"] for row in part["rows"]}
    assert sum(counts.values()) == 7 and len(counts) > 1
    for value, count in counts.items():
        query = f"segment={place}:{value}"
        assert get(backend_app, f"/jobs/{job}/reviews?{query}").json()["total"] == count
        exported = get(backend_app, f"/jobs/{job}/export?what=filtered&{query}").text
        assert len(exported.strip().splitlines()) == 1 + count
        assert dashboard(backend_app, job, segment=[f"{place}:{value}"]).json()["counts"]["shown"] == count
    every = "&".join(f"segment={place}:{value}" for value in counts)
    assert get(backend_app, f"/jobs/{job}/reviews?{every}").json()["total"] == 7


@pytest.mark.parametrize("wrong", ["99:x", "colour:en", "0:x"])
def test_a_column_that_is_no_segment_is_refused(backend_app, job, wrong):
    for answer in (
        get(backend_app, f"/jobs/{job}/reviews?segment={wrong}"),
        get(backend_app, f"/jobs/{job}/export?what=filtered&segment={wrong}"),
        get(backend_app, f"/jobs/{job}/export?what=report&format=html&segment={wrong}"),
        dashboard(backend_app, job, segment=wrong),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "no-such-segment")
        assert wrong not in answer.text
    assert get(backend_app, f"/jobs/{job}/reviews?segment=x").json()["code"] == "invalid-request"


def test_reviews_are_filtered_sorted_and_paged(backend_app, job):
    seen, cursor = [], ""
    while cursor is not None:
        page = get(
            backend_app, f"/jobs/{job}/reviews?sentiment=positive&sort=-confidence&limit=3&cursor={cursor}"
        ).json()
        assert page["total"] == 4
        seen += [review["row"] for review in page["reviews"]]
        cursor = page["next_cursor"]
    assert seen == [1, 3, 5, 7]
    assert (
        get(backend_app, f"/jobs/{job}/reviews?words=lid&rating=1&rating=2").json()["reviews"][0]["text"]
        == "Cracked lid"
    )
    assert get(backend_app, f"/jobs/{job}/reviews?cursor=nonsense").json()["code"] == "bad-cursor"


def test_why_a_review_got_its_score(backend_app):
    job = backend_app.finished(texts=("Works, very good & fine", "Terrible; it broke"))
    file = backend_app.output(job) / "inference_summary.json"
    summary = json.loads(file.read_text())
    summary["model"] |= {"engine": "textblob", "sha256": ""}
    file.write_text(json.dumps(summary))
    told = get(backend_app, f"/jobs/{job}/reviews/2/explanation").json()
    assert (told["row"], told["text"], told["model"]["engine"]) == (2, "Terrible; it broke", "textblob")
    assert told["prediction"]["sentiment"] == "negative"
    strongest = min(told["prediction"]["explanation"], key=lambda part: part["contribution"])
    assert told["text"][strongest["start"] : strongest["end"]] == "Terrible"
    for row in (3, 9, 10**12):
        missing = get(backend_app, f"/jobs/{job}/reviews/{row}/explanation")
        assert (missing.status_code, missing.json()["code"]) == (404, "row-not-found")
    for row in ("0", "-1", "x", str(2**63)):
        assert get(backend_app, f"/jobs/{job}/reviews/{row}/explanation").status_code == 422


def test_a_review_that_another_model_scored_is_not_explained_by_this_one(backend_app, job):
    answer = get(backend_app, f"/jobs/{job}/reviews/1/explanation")
    assert (answer.status_code, answer.json()["code"]) == (409, "other-model")


def test_exports(backend_app, job):
    served = get(backend_app, f"/jobs/{job}/export")
    assert served.headers["content-type"] == "text/csv; charset=utf-8"
    assert served.headers["content-disposition"].startswith('attachment; filename="')
    rows = list(csv.DictReader(io.StringIO(served.content.decode("utf-8-sig"))))
    assert len(rows) == 7
    assert rows[2]["Text"] == "'=1+1 great"
    filtered = get(backend_app, f"/jobs/{job}/export?what=filtered&format=parquet&sentiment=negative")
    frame = pl.read_parquet(io.BytesIO(filtered.content))
    assert frame["sentiment"].to_list() == ["negative"] * 3
    rejected = get(backend_app, f"/jobs/{job}/export?what=rejected")
    assert "The text is empty." in rejected.text
    report = get(backend_app, f"/jobs/{job}/export?what=report&format=html")
    assert report.text.lstrip().lower().startswith("<!doctype html>")
    wrong = get(backend_app, f"/jobs/{job}/export?what=report&format=csv")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad-export")


def test_a_link_in_a_page_can_download_with_the_session_cookie(backend_app, job):
    cookie = {"Cookie": f"reviewlens_access={backend_app.token('ana')}"}
    assert backend_app.client.get(f"/jobs/{job}/export", headers=cookie).status_code == 200


def test_there_are_no_results_before_the_end(backend_app):
    job = backend_app.submit()["job_id"]
    for answer in (
        dashboard(backend_app, job),
        get(backend_app, f"/jobs/{job}/reviews"),
        get(backend_app, f"/jobs/{job}/export"),
        get(backend_app, f"/jobs/{job}/reviews/1/explanation"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "job-not-succeeded")
