"""Every public route answers below /api as well, with the same rules; what proxies keep closed does not."""

from __future__ import annotations

import json

import pytest

from tests.backend.conftest import CSV, PASSWORD, make_backend_app
from tests.backend.test_who_may_what import INTERNAL, ROUTES, call

PUBLIC = [route for route in ROUTES if route not in INTERNAL and route != ("POST", "/uploads")]
"""Those whose response to the same request is the same each time; each upload has an id of its own."""
VOLATILE = {"request_id", "created_at", "expires_in", "access_token", "id_token"}


def plain(answer) -> object:
    """A response without what differs from request to request."""
    try:
        body = answer.json()
    except json.JSONDecodeError:
        return answer.text
    return {name: value for name, value in body.items() if name not in VOLATILE} if isinstance(body, dict) else body


@pytest.mark.parametrize("route", PUBLIC, ids=" ".join)
def test_both_addresses_answer_alike(backend_app, route):
    method, path = route
    for headers in ({}, {"Authorization": "Bearer nonsense"}, backend_app.as_("ana")):
        at_root, below_api = (call(backend_app, (method, address), headers) for address in (path, f"/api{path}"))
        assert "no-such-route" not in at_root.text
        assert (at_root.status_code, plain(at_root)) == (below_api.status_code, plain(below_api))
        for name in ("content-type", "www-authenticate", "location", "content-security-policy"):
            assert at_root.headers.get(name) == below_api.headers.get(name)


def test_a_file_is_analysed_below_api(backend_app):
    ana = backend_app.as_("ana")
    upload = backend_app.client.post("/api/uploads?filename=reviews.csv", content=CSV, headers=ana)
    assert upload.status_code == 201
    job = backend_app.client.post("/api/trigger_pipeline", json={"upload_id": upload.json()["upload_id"]}, headers=ana)
    assert job.status_code == 202
    assert backend_app.client.get(f"/api/jobs/{job.json()['job_id']}", headers=ana).status_code == 200
    assert job.json()["job_id"] in [
        listed["job_id"] for listed in backend_app.client.get("/jobs", headers=ana).json()["jobs"]
    ]


@pytest.mark.parametrize("route", sorted(INTERNAL), ids=" ".join)
@pytest.mark.parametrize("prefix", ["/api", "/api/", "/api/api", "/api/."])
def test_what_proxies_keep_closed_is_not_below_api(backend_app, route, prefix):
    method, path = route
    headers = {"X-ReviewLens-Operator": backend_app.app.state.services.operator_key}
    answer = backend_app.client.request(method, prefix + path, json={"username": "eve"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-route")


def test_the_description_has_each_route_once(backend_app):
    described = {
        (method.upper(), path) for path, methods in backend_app.app.openapi()["paths"].items() for method in methods
    }
    assert described == set(ROUTES)


def test_a_session_that_begins_below_api_opens_every_address(backend_app):
    backend_app.platform.local_users.add_user("nina", PASSWORD)
    form = {"username": "nina", "password": PASSWORD}
    answer = backend_app.client.post("/api/session/login", data=form, headers={"Origin": "http://testserver"})
    assert (answer.status_code, answer.headers["location"]) == (303, backend_app.settings.public_frontend_url)
    assert all("Path=/;" in cookie for cookie in answer.headers.get_list("set-cookie"))
    cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items())}
    backend_app.client.cookies.clear()
    for path in ("/me", "/api/me"):
        assert backend_app.client.get(path, headers=cookies).json()["name"] == "nina"
    ended = backend_app.client.post("/api/session/end", headers=cookies)
    assert ended.headers["location"] == "/session/login"
    assert all("Path=/;" in cookie for cookie in ended.headers.get_list("set-cookie"))


def test_both_addresses_share_one_limit(tmp_path):
    for backend_app in make_backend_app(tmp_path, requests_per_minute=4, login_attempts_per_minute=4):
        ana = backend_app.as_("ana")
        paths = ["/me", "/api/me"] * 3
        assert [backend_app.client.get(path, headers=ana).status_code for path in paths] == [200] * 4 + [429] * 2
        body = {"username": "eve", "password": "wrong"}
        statuses = [backend_app.client.post(path, json=body).status_code for path in ["/login", "/api/login"] * 3]
        assert statuses == [401] * 4 + [429] * 2


def test_metrics_count_both_addresses_as_one_route(backend_app):
    backend_app.client.get("/api/jobs/none", headers=backend_app.as_("ana"))
    metrics = backend_app.app.state.services.metrics.text().decode()
    assert 'route="/jobs/{job_id}"' in metrics
    assert 'route="/api' not in metrics


def test_the_limit_of_a_body_is_the_same(backend_app, monkeypatch):
    monkeypatch.setattr("backend.web.bodies.MAX_BODY_BYTES", 1000)
    ana = backend_app.as_("ana")
    for prefix in ("", "/api"):
        assert (
            backend_app.client.post(f"{prefix}/predict-sentiment", content=b" " * 1001, headers=ana).status_code == 413
        )
        content = CSV + b"Fine,3\n" * 500
        assert (
            backend_app.client.post(f"{prefix}/uploads?filename=a.csv", content=content, headers=ana).status_code == 201
        )
