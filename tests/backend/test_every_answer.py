"""What holds for every answer: problem documents, request ids, headers, limits, health and metrics."""

from __future__ import annotations

import pytest

from backend.web import problems
from reviewlens import errors
from reviewlens.identity.private_files import operator_key
from tests.backend.conftest import make_backend_app
from tests.timing import wait_until


def test_errors_are_problem_documents(backend_app):
    answers = {
        "no-such-route": backend_app.client.get("/nothing/here"),
        "method-not-allowed": backend_app.client.put("/me"),
        "not-authenticated": backend_app.client.get("/me"),
        "invalid-request": backend_app.client.post("/login", json={"username": 1}),
        "job-not-found": backend_app.client.get("/jobs/none", headers=backend_app.as_("ana")),
    }
    broken = backend_app.client.post("/login", content=b'{"a', headers={"Content-Type": "application/json"})
    for code, answer in {**answers, "invalid-request ": broken}.items():
        body = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["code"] == code.strip()
        assert (body["type"], body["status"]) == (f"urn:reviewlens:problem:{code.strip()}", answer.status_code)
        assert body["title"]
        assert body["detail"]
        assert body["request_id"] == answer.headers["x-request-id"]
    assert "allow" in answers["method-not-allowed"].headers


def test_what_nobody_foresaw_is_a_problem_document_too(backend_app, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError("words of somebody")

    monkeypatch.setattr(backend_app.platform.jobs, "page", broken)
    answer = backend_app.client.get("/jobs", headers=backend_app.as_("ana"))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "somebody" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InputError("x"), 422),
        (errors.LimitError("x"), 422),
        (errors.LimitError("x", code="upload-too-large"), 413),
        (errors.LimitError("x", code="too-many-jobs"), 409),
        (errors.NotFoundError("x"), 404),
        (errors.ConflictError("x"), 409),
        (errors.AuthenticationError("x"), 401),
        (errors.PermissionError_("x"), 403),
        (errors.ConfigurationError("x"), 503),
        (errors.RateLimitError("x", retry_after_seconds=7), 429),
        (errors.TransientError("x"), 503),
        (errors.ReviewLensError("x"), 500),
    ],
)
def test_each_kind_of_error_has_its_status(error, status):
    answer = problems.problem_of(error)
    assert answer.status_code == status
    if status == 429:
        assert answer.headers["retry-after"] == "7"


def test_request_ids_are_taken_over_where_they_are_sane(backend_app):
    assert (
        backend_app.client.get("/healthz", headers={"X-Request-ID": "abc-123.def"}).headers["x-request-id"]
        == "abc-123.def"
    )
    for odd in ("short", "x" * 65, "a b c d e f g h", "<script>alert"):
        assert backend_app.client.get("/healthz", headers={"X-Request-ID": odd}).headers["x-request-id"] != odd
    two = {backend_app.client.get("/healthz").headers["x-request-id"] for _ in range(2)}
    assert len(two) == 2


def test_headers_that_protect(backend_app):
    for answer in (
        backend_app.client.get("/healthz"),
        backend_app.client.get("/nothing"),
        backend_app.client.get("/session/login"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_other_sites_may_not_read_answers(backend_app):
    answer = backend_app.client.get("/healthz", headers={"Origin": "http://evil.example"})
    preflight = backend_app.client.options(
        "/me", headers={"Origin": "http://e.example", "Access-Control-Request-Method": "GET"}
    )
    for found in (answer, preflight):
        assert not [name for name in found.headers if name.startswith("access-control")]


def test_a_huge_body_is_refused_while_it_arrives(backend_app, monkeypatch):
    monkeypatch.setattr("backend.web.bodies.MAX_BODY_BYTES", 1000)
    headers = {**backend_app.as_("ana"), "Content-Type": "application/json"}
    answer = backend_app.client.post("/predict-sentiment", content=b'{"text": "' + b"x" * 2000 + b'"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "request-too-large")
    monkeypatch.setattr("backend.web.bodies.MAX_OTHER_BODY_BYTES", 1000)
    form = backend_app.client.post("/session/login", content=b"x" * 2000)
    assert form.status_code == 413


def test_requests_are_limited_per_user(tmp_path):
    for backend_app in make_backend_app(tmp_path, requests_per_minute=5):
        ana, ben = backend_app.as_("ana"), backend_app.as_("ben")
        assert [backend_app.client.get("/me", headers=ana).status_code for _ in range(6)] == [200] * 5 + [429]
        limited = backend_app.client.get("/jobs", headers=ana)
        assert (limited.status_code, limited.json()["code"]) == (429, "too-many-requests")
        assert 1 <= int(limited.headers["retry-after"]) <= 12
        assert backend_app.client.get("/me", headers=ben).status_code == 200
        assert backend_app.client.get("/healthz").status_code == 200


def test_health(backend_app):
    assert backend_app.client.get("/healthz").json() == {"status": "ok", "checks": {}}
    wait_until(lambda: backend_app.client.get("/readyz").status_code == 200)
    ready = backend_app.client.get("/readyz")
    assert ready.json() == {"status": "ok", "checks": {"disk": "ok", "store": "ok", "jobs": "ok", "model": "ok"}}


def test_metrics_count_requests_jobs_and_reviews(backend_app):
    backend_app.finished("metra")
    backend_app.submit("metra")
    backend_app.client.post("/predict-sentiment", json={"texts": ["fine", "bad"]}, headers=backend_app.as_("metra"))
    backend_app.client.request("BREW", "/healthz")
    key = operator_key(backend_app.folder / "secrets")
    for headers in (backend_app.as_("metra"), {"Authorization": f"Bearer {key}"}):
        text = backend_app.client.get("/metrics", headers=headers).text
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert (
            float(lines['reviewlens_http_requests_total{method="POST",route="/predict-sentiment",status="200"}']) >= 1
        )
        assert float(lines['reviewlens_reviews_scored_total{way="predict"}']) >= 2
        assert float(lines['reviewlens_reviews_scored_total{way="job"}']) >= 2
        assert float(lines['reviewlens_jobs_finished_total{state="succeeded"}']) >= 1
        waiting = lines['reviewlens_jobs{state="queued"}'], lines['reviewlens_jobs{state="running"}']
        assert sum(map(float, waiting)) >= 1
        assert 'method="OTHER"' in text
        assert backend_app.subject("metra") not in text


def test_the_description_names_every_route_with_a_summary_and_examples(backend_app):
    described = backend_app.client.get("/openapi.json", headers=backend_app.as_("ana")).json()
    operations = [(path, method, o) for path, of in described["paths"].items() for method, o in of.items()]
    assert len(operations) >= 25
    for path, method, operation in operations:
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            schema = described["components"]["schemas"][body["schema"]["$ref"].rsplit("/", 1)[-1]]
            shown = [
                p for p in schema["properties"].values() if "examples" in p or "description" in p or "default" in p
            ]
            assert shown or set(schema["properties"]) == {"refresh_token"}, path
    guarded = described["paths"]["/jobs"]["get"]
    assert guarded["security"]
    assert "application/problem+json" in guarded["responses"]["401"]["content"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/uploads/{upload}/sniff", '{"mapping": {"\\ud800": 1}}'),
        ("/uploads/{upload}/sniff", '{"dialect": {"delimiter": "\\udfff"}}'),
        ("/generate_dashboard", '{"job_id": "{job}", "filters": {"product": ["\\ud800"]}}'),
        ("/trigger_pipeline", '{"upload_id": "\\ud800"}'),
        ("/login", '{"username": "\\ud800", "password": "\\ud800"}'),
        ("/refresh", '{"refresh_token": "\\ud800"}'),
    ],
)
def test_half_characters_are_refused(backend_app, path, body):
    upload = backend_app.upload()["upload_id"]
    headers = {**backend_app.as_("ana"), "Content-Type": "application/json"}
    answer = backend_app.client.post(
        path.replace("{upload}", upload), content=body.replace("{job}", "j"), headers=headers
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_a_body_that_is_not_called_json_is_refused(backend_app):
    for body in (b'{"username": "ana", "password": "x"}', b"\xff\x00", b""):
        answer = backend_app.client.post("/login", content=body, headers={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    answer = backend_app.client.post("/login", content=b"\xff", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_problems_can_always_be_written():
    assert b"?" in problems.problem(422, "code", "half \ud800 of one").body
