"""Jobs over HTTP: submit, watch, cancel, try again, delete."""

from __future__ import annotations

import json

import pytest

from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.stages import JobStage
from reviewlens.jobs.interface import JobState
from tests.summaries import summary_of


def act(backend_app, job_id: str, what: str):
    return backend_app.client.post(f"/jobs/{job_id}/{what}", headers=backend_app.as_("ana"))


def test_the_same_submitted_twice_is_one_job(backend_app):
    body = {"upload_id": backend_app.upload()["upload_id"]}
    first = backend_app.client.post("/trigger_pipeline", json=body, headers=backend_app.as_("ana"))
    second = backend_app.client.post("/trigger_pipeline", json=body, headers=backend_app.as_("ana"))
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["job_id"] == second.json()["job_id"]
    other = backend_app.client.post(
        "/trigger_pipeline", json={**body, "mapping": {"text": 1}}, headers=backend_app.as_("ana")
    )
    assert other.status_code == 202
    assert other.json()["job_id"] != first.json()["job_id"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid-request"),
        ({"upload_id": "../x"}, 422, "invalid-request"),
        ({"upload_id": "nothing"}, 404, "upload-not-found"),
        ({"upload_id": None, "engine": "abacus"}, 422, "unknown-engine"),
        ({"upload_id": None, "mapping": {"text": 7}}, 422, None),
        ({"upload_id": None, "dialect": {"delimiter": "long"}}, 422, None),
        ({"upload_id": None, "nonsense": 1}, 422, "invalid-request"),
    ],
)
def test_submissions_that_cannot_be_are_refused(backend_app, body, status, code):
    if "upload_id" in body and body["upload_id"] is None:
        body = {**body, "upload_id": backend_app.upload()["upload_id"]}
    answer = backend_app.client.post("/trigger_pipeline", json=body, headers=backend_app.as_("ana"))
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code


def test_a_job_is_watched_from_queue_to_summary(backend_app):
    job = backend_app.submit()
    assert job["state"] in ("queued", "running")
    running = backend_app.wait(job["job_id"], JobState.RUNNING)
    assert running["attempts"] == 1
    progress = Progress(stage=JobStage.INFER, rows_done=1, rows_total=2).model_dump(mode="json")
    (backend_app.output(job["job_id"]) / "progress.json").write_text(json.dumps(progress))
    assert backend_app.job(job["job_id"])["progress"] == progress
    summary = summary_of()
    (backend_app.output(job["job_id"]) / "inference_summary.json").write_text(json.dumps(summary))
    done = backend_app.wait(job["job_id"], JobState.SUCCEEDED)
    assert (done["summary"], done["progress"], done["model"], done["rows_scored"]) == (summary, None, "m 1", 2)
    assert done["seconds"] > 0
    for what in ("cancel", "retry"):
        late = act(backend_app, job["job_id"], what)
        assert (late.status_code, late.json()["code"]) == (409, "job-state")


def test_a_running_job_is_cancelled_and_tried_again(backend_app):
    job = backend_app.submit()["job_id"]
    backend_app.wait(job, JobState.RUNNING)
    assert (
        backend_app.client.delete(f"/jobs/{job}", headers=backend_app.as_("ana")).json()["code"] == "job-not-finished"
    )
    assert act(backend_app, job, "cancel").json()["state"] in ("cancelling", "cancelled")
    backend_app.wait(job, JobState.CANCELLED)
    assert act(backend_app, job, "retry").status_code == 200
    backend_app.wait(job, JobState.RUNNING)
    act(backend_app, job, "cancel")
    backend_app.wait(job, JobState.CANCELLED)


def test_a_failed_job_says_why_in_words(backend_app):
    job = backend_app.submit()["job_id"]
    backend_app.wait(job, JobState.RUNNING)
    error = {"code": "too-many-rows", "message": "The file has too many rows.", "details": {}}
    (backend_app.output(job) / "error.json").write_text(json.dumps(error))
    failed = backend_app.wait(job, JobState.FAILED)
    assert (failed["error"], failed["error_code"]) == (error["message"], error["code"])


def test_a_deleted_job_is_gone_with_all_that_belonged_to_it(backend_app):
    job = backend_app.finished()
    upload = backend_app.job(job)["upload_id"]
    dashboard = {"job_id": job}
    assert (
        backend_app.client.post("/generate_dashboard", json=dashboard, headers=backend_app.as_("ana")).status_code
        == 200
    )
    assert backend_app.client.delete(f"/jobs/{job}", headers=backend_app.as_("ana")).status_code == 204
    for answer in (
        backend_app.client.get(f"/jobs/{job}", headers=backend_app.as_("ana")),
        backend_app.client.get(f"/uploads/{upload}", headers=backend_app.as_("ana")),
        backend_app.client.get(f"/jobs/{job}/reviews", headers=backend_app.as_("ana")),
        backend_app.client.post("/generate_dashboard", json=dashboard, headers=backend_app.as_("ana")),
        backend_app.client.delete(f"/jobs/{job}", headers=backend_app.as_("ana")),
    ):
        assert answer.status_code == 404
    left = [path for path in (backend_app.folder / "objects").rglob("*") if job in str(path) or upload in str(path)]
    assert [path for path in left if path.is_file()] == []


def test_an_upload_in_use_stays(backend_app):
    job = backend_app.submit()
    answer = backend_app.client.delete(f"/uploads/{job['upload_id']}", headers=backend_app.as_("ana"))
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-in-use")


def test_jobs_are_listed_in_pages(backend_app):
    made = [backend_app.submit("lea")["job_id"] for _ in range(5)][::-1]
    seen, cursor = [], ""
    while cursor is not None:
        page = backend_app.client.get(f"/jobs?limit=2&cursor={cursor}", headers=backend_app.as_("lea")).json()
        assert len(page["jobs"]) <= 2
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert seen == made
    for wrong in ("limit=0", "limit=201", "limit=x"):
        assert backend_app.client.get(f"/jobs?{wrong}", headers=backend_app.as_("lea")).status_code == 422
