"""Jobs over HTTP: submit, watch, cancel, try again, delete."""

from __future__ import annotations

import json

import pytest

from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.stages import JobStage
from reviewlens.jobs.interface import JobState
from tests.summaries import summary_of


def act(site, job_id: str, what: str):
    return site.client.post(f"/jobs/{job_id}/{what}", headers=site.as_("ana"))


def test_the_same_submitted_twice_is_one_job(site):
    body = {"upload_id": site.upload()["upload_id"]}
    first = site.client.post("/trigger_pipeline", json=body, headers=site.as_("ana"))
    second = site.client.post("/trigger_pipeline", json=body, headers=site.as_("ana"))
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["job_id"] == second.json()["job_id"]
    other = site.client.post("/trigger_pipeline", json={**body, "mapping": {"text": 1}}, headers=site.as_("ana"))
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
def test_submissions_that_cannot_be_are_refused(site, body, status, code):
    if "upload_id" in body and body["upload_id"] is None:
        body = {**body, "upload_id": site.upload()["upload_id"]}
    answer = site.client.post("/trigger_pipeline", json=body, headers=site.as_("ana"))
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code


def test_a_job_is_watched_from_queue_to_summary(site):
    job = site.submit()
    assert job["state"] in ("queued", "running")
    running = site.wait(job["job_id"], JobState.RUNNING)
    assert running["attempts"] == 1
    progress = Progress(stage=JobStage.INFER, rows_done=1, rows_total=2).model_dump(mode="json")
    (site.output(job["job_id"]) / "progress.json").write_text(json.dumps(progress))
    assert site.job(job["job_id"])["progress"] == progress
    summary = summary_of()
    (site.output(job["job_id"]) / "inference_summary.json").write_text(json.dumps(summary))
    done = site.wait(job["job_id"], JobState.SUCCEEDED)
    assert (done["summary"], done["progress"], done["model"], done["rows_scored"]) == (summary, None, "m 1", 2)
    assert done["seconds"] > 0
    for what in ("cancel", "retry"):
        late = act(site, job["job_id"], what)
        assert (late.status_code, late.json()["code"]) == (409, "job-state")


def test_a_running_job_is_cancelled_and_tried_again(site):
    job = site.submit()["job_id"]
    site.wait(job, JobState.RUNNING)
    assert site.client.delete(f"/jobs/{job}", headers=site.as_("ana")).json()["code"] == "job-not-finished"
    assert act(site, job, "cancel").json()["state"] in ("cancelling", "cancelled")
    site.wait(job, JobState.CANCELLED)
    assert act(site, job, "retry").status_code == 200
    site.wait(job, JobState.RUNNING)
    act(site, job, "cancel")
    site.wait(job, JobState.CANCELLED)


def test_a_failed_job_says_why_in_words(site):
    job = site.submit()["job_id"]
    site.wait(job, JobState.RUNNING)
    error = {"code": "too-many-rows", "message": "The file has too many rows.", "details": {}}
    (site.output(job) / "error.json").write_text(json.dumps(error))
    failed = site.wait(job, JobState.FAILED)
    assert (failed["error"], failed["error_code"]) == (error["message"], error["code"])


def test_a_deleted_job_is_gone_with_all_that_belonged_to_it(site):
    job = site.finished()
    upload = site.job(job)["upload_id"]
    dashboard = {"job_id": job}
    assert site.client.post("/generate_dashboard", json=dashboard, headers=site.as_("ana")).status_code == 200
    assert site.client.delete(f"/jobs/{job}", headers=site.as_("ana")).status_code == 204
    for answer in (
        site.client.get(f"/jobs/{job}", headers=site.as_("ana")),
        site.client.get(f"/uploads/{upload}", headers=site.as_("ana")),
        site.client.get(f"/jobs/{job}/reviews", headers=site.as_("ana")),
        site.client.post("/generate_dashboard", json=dashboard, headers=site.as_("ana")),
        site.client.delete(f"/jobs/{job}", headers=site.as_("ana")),
    ):
        assert answer.status_code == 404
    left = [path for path in (site.folder / "objects").rglob("*") if job in str(path) or upload in str(path)]
    assert [path for path in left if path.is_file()] == []


def test_an_upload_in_use_stays(site):
    job = site.submit()
    answer = site.client.delete(f"/uploads/{job['upload_id']}", headers=site.as_("ana"))
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-in-use")


def test_jobs_are_listed_in_pages(site):
    made = [site.submit("lea")["job_id"] for _ in range(5)][::-1]
    seen, cursor = [], ""
    while cursor is not None:
        page = site.client.get(f"/jobs?limit=2&cursor={cursor}", headers=site.as_("lea")).json()
        assert len(page["jobs"]) <= 2
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert seen == made
    for wrong in ("limit=0", "limit=201", "limit=x"):
        assert site.client.get(f"/jobs?{wrong}", headers=site.as_("lea")).status_code == 422
