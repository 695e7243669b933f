"""A second service, made of a few lines, beside a running backend on the same data folder."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from backend.routes import jobs, predict, uploads
from backend.web.app import create_app
from reviewlens.jobs.interface import JobState
from tests.backend.conftest import CSV


def test_a_service_of_one_router_answers_beside_the_backend(backend_app):
    app = create_app(backend_app.settings, [predict.router], uses=["model"])
    with TestClient(app) as client:
        answer = client.post("/predict-sentiment", json={"text": "Works very well"}, headers=backend_app.as_("ana"))
        assert answer.status_code == 200
        assert answer.json()["predictions"][0]["sentiment"] == "positive"
        assert client.post("/api/predict-sentiment", json={"text": "fine"}).status_code == 401
        assert client.get("/jobs", headers=backend_app.as_("ana")).json()["code"] == "no-such-route"
        assert client.get("/readyz").json() == {"status": "ok", "checks": {"disk": "ok", "model": "ok"}}
        assert (
            'reviewlens_reviews_scored_total{way="predict"} 1.0'
            in client.get("/metrics", headers={"Authorization": f"Bearer {app.state.services.operator_key}"}).text
        )
        assert list(app.openapi()["paths"]) == [
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/predict-sentiment",
            "/metrics",
        ]
        assert {"store", "table", "jobs", "launcher"}.isdisjoint(vars(app.state.services.platform))
    assert backend_app.client.get("/readyz").status_code == 200


def test_a_job_that_a_second_service_submits_is_run_by_the_backend(backend_app):
    app = create_app(backend_app.settings, [uploads.router, jobs.router], uses=["store", "jobs"])
    with TestClient(app) as client:
        upload = client.post("/uploads?filename=reviews.csv", content=CSV, headers=backend_app.as_("ana")).json()
        job = client.post(
            "/trigger_pipeline", json={"upload_id": upload["upload_id"]}, headers=backend_app.as_("ana")
        ).json()
        assert job["state"] == JobState.QUEUED
        backend_app.wait(job["job_id"], JobState.RUNNING)
        client.post(f"/jobs/{job['job_id']}/cancel", headers=backend_app.as_("ana"))
        backend_app.wait(job["job_id"], JobState.CANCELLED)
        assert (
            client.get(f"/jobs/{job['job_id']}", headers=backend_app.as_("ana")).json()["state"] == JobState.CANCELLED
        )


def test_a_part_that_is_not_there_cannot_be_used(backend_app):
    with pytest.raises(ValueError, match="tabel"):
        create_app(backend_app.settings, [], uses=["tabel"])
