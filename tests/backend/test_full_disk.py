"""A full disk and damaged results: problem documents that say what to do."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reviewlens.contracts.keys import JobKeys
from reviewlens.storage import local
from reviewlens.storage.local import LocalObjectStore
from tests.backend.conftest import CSV, make_backend_app

backend_with = contextmanager(make_backend_app)


def test_it_is_not_ready_on_a_full_disk(tmp_path):
    with backend_with(tmp_path, min_free_bytes=1 << 60) as backend_app:
        answer = backend_app.client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["disk"]) == (503, "disk-full")


def test_uploads_and_jobs_on_a_full_disk(backend_app, monkeypatch):
    upload_id, headers = backend_app.upload()["upload_id"], backend_app.as_("ana")

    def on_a_full_disk(path: Path, mode: str = "r", **options: Any) -> Any:
        return open("/dev/full", "wb") if mode == "xb" else open(path, mode, **options)

    with monkeypatch.context() as patch:
        patch.setattr(local, "open", on_a_full_disk, raising=False)
        answers = [
            backend_app.client.post("/uploads?filename=reviews.csv", content=CSV, headers=headers),
            backend_app.client.post("/trigger_pipeline", json={"upload_id": upload_id}, headers=headers),
        ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "disk-full"), answer.text
        assert "free some space" in answer.json()["detail"]


def test_a_disk_that_fills_up_anywhere_else_is_said_too(backend_app, monkeypatch):
    def full(*arguments: object, **options: object) -> None:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")

    with monkeypatch.context() as patch:
        patch.setattr(LocalObjectStore, "put", full)
        answer = backend_app.client.post("/uploads?filename=reviews.csv", content=CSV, headers=backend_app.as_("ana"))
    assert (answer.status_code, answer.json()["code"]) == (503, "disk-full")


def test_other_errors_of_the_system_are_failures_of_ours(backend_app, monkeypatch):
    def fail(*arguments: object, **options: object) -> None:
        Path("/no/such/file").read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr(LocalObjectStore, "put", fail)
        answer = backend_app.client.post("/uploads?filename=reviews.csv", content=CSV, headers=backend_app.as_("ana"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")


def test_damaged_results_name_their_job(backend_app):
    job, headers = backend_app.finished(), backend_app.as_("ana")
    keys = JobKeys(backend_app.subject("ana"), job)
    backend_app.platform.store.put(keys.summary, b"{}")
    answers = [
        backend_app.client.get(f"/jobs/{job}/reviews", headers=headers),
        backend_app.client.get(f"/jobs/{job}/export", headers=headers),
        backend_app.client.post("/generate_dashboard", json={"job_id": job}, headers=headers),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (500, "results-damaged"), answer.text
        assert job in answer.json()["detail"]
