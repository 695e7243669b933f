"""The backend with a Cognito user pool: its API for programs, and administrators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reviewlens.identity.jwks import KeySet
from reviewlens.identity.private_files import operator_key
from tests.emulator import free_port
from tests.identity.cognito_app import PASSWORD, UI, CognitoApp, cognito_apps


@pytest.fixture(scope="module")
def cognito_app(pool, tmp_path_factory) -> Iterator[CognitoApp]:
    pool.add("hana", PASSWORD)
    yield from cognito_apps(pool, tmp_path_factory.mktemp("cognito"))


# -- the API ----------------------------------------------------------------------------------------------------------


def test_log_in_refresh_and_log_out(cognito_app):
    tokens = cognito_app.tokens("hana")
    me = cognito_app.client.get("/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert (me["name"], me["groups"]) == ("hana", [])
    renewed = cognito_app.post("/refresh", refresh_token=tokens["refresh_token"]).json()
    assert renewed["refresh_token"] == ""
    assert cognito_app.client.get("/me", headers={"Authorization": f"Bearer {renewed['access_token']}"}).json() == me
    assert cognito_app.post("/logout", refresh_token=tokens["refresh_token"]).status_code == 204
    ended = cognito_app.post("/refresh", refresh_token=tokens["refresh_token"])
    assert (ended.status_code, ended.json()["code"]) == (401, "refresh-token-invalid")


def test_an_id_token_or_a_refresh_token_is_no_access_token(cognito_app):
    tokens = cognito_app.tokens("hana")
    for kind in ("id_token", "refresh_token"):
        answer = cognito_app.client.get("/jobs", headers={"Authorization": f"Bearer {tokens[kind]}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid")


def test_a_pool_that_asks_for_more_names_the_page(cognito_app):
    cognito_app.pool.add("iris", PASSWORD, permanent=False)
    answer = cognito_app.post("/login", username="iris", password=PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (401, "challenge-required")
    assert answer.json()["details"] == {"page": f"{UI}/session/login"}
    assert f"{UI}/session/login" in answer.json()["detail"]


def test_what_only_a_local_pool_has_answers_clearly(cognito_app):
    operator = {"X-ReviewLens-Operator": operator_key(cognito_app.folder / "secrets")}
    answers = [
        cognito_app.client.get("/.well-known/jwks.json"),
        cognito_app.client.get("/session/start?token=guess"),
        cognito_app.client.post("/session/login", data={"username": "hana", "password": PASSWORD}),
        cognito_app.client.post("/operator/login-link", json={"username": "ana"}, headers=operator),
        cognito_app.client.post("/operator/users", json={"username": "ana"}, headers=operator),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (404, "not-local")
        assert "not kept here" in answer.json()["detail"]


def test_without_the_pools_keys_the_response_is_503(cognito_app, monkeypatch):
    headers = cognito_app.as_("hana")
    keys = KeySet(f"http://127.0.0.1:{free_port()}/keys")
    monkeypatch.setattr(cognito_app.identity._verifier, "_keys", keys)
    answer = cognito_app.client.get("/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "keys-unreachable")
    assert answer.headers["retry-after"]


def test_tokens_that_require_a_fetch_are_limited_by_address(pool, tmp_path):
    with contextmanager(cognito_apps)(pool, tmp_path, requests_per_minute=4) as cognito_app:
        limiter = cognito_app.client.app.state.services.requests
        limiter._now = lambda: 0.0  # a constant time, independent of the machine's speed
        ways = [
            lambda: cognito_app.post("/refresh", refresh_token="nonsense-of-some-length"),
            lambda: cognito_app.post("/logout", refresh_token="nonsense-of-some-length"),
            lambda: cognito_app.client.get("/me", headers={"Cookie": "reviewlens_refresh=nonsense-of-some-length"}),
        ]
        assert [way().status_code for way in (*ways, ways[0])] == [401, 204, 401, 401]
        for way in ways:
            assert (way().status_code, way().json()["code"]) == (429, "too-many-requests")


# -- administrators ---------------------------------------------------------------------------------------------------


def test_administrators_see_everybodys_jobs(cognito_app):
    cognito_app.pool.add("root", PASSWORD, groups=("admin",))
    upload = cognito_app.client.post(
        "/uploads?filename=r.csv", content=b"Text\nfine\nbad\n", headers=cognito_app.as_("hana")
    ).json()
    job = cognito_app.post("/trigger_pipeline", cognito_app.as_("hana"), upload_id=upload["upload_id"]).json()["job_id"]
    subject = cognito_app.client.get("/me", headers=cognito_app.as_("hana")).json()["subject"]
    admin = cognito_app.as_("root")
    listed = cognito_app.client.get("/admin/jobs", headers=admin).json()
    assert [(one["user"], one["job"]["job_id"]) for one in listed["jobs"]] == [(subject, job)]
    assert cognito_app.client.get(f"/admin/jobs/{subject}/{job}", headers=admin).json()["job_id"] == job
    assert cognito_app.client.get(f"/jobs/{job}", headers=admin).status_code == 404, (
        "the ordinary routes stay one's own"
    )
    for path in ("/admin/jobs", f"/admin/jobs/{subject}/{job}"):
        answer = cognito_app.client.get(path, headers=cognito_app.as_("hana"))
        assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
    cognito_app.post(f"/jobs/{job}/cancel", cognito_app.as_("hana"))
