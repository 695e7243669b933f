"""Every route with no token, a bad one, an expired one, and with another user's ids."""

from __future__ import annotations

import time

import pytest
from fastapi.routing import APIRoute

from backend.main import create_app
from reviewlens.identity.local import CLIENT_ID
from reviewlens.identity.tokens import TokenSigner
from reviewlens.settings import Settings

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/login"),
    ("POST", "/refresh"),
    ("POST", "/logout"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/session/start"),
    ("GET", "/session/login"),
    ("POST", "/session/login"),
    ("GET", "/session/callback"),
    ("GET", "/session/renew"),
    ("POST", "/session/end"),
}
"""What works without a token: health, and all that hands out or takes back tokens. Each has its own tests."""

BY_ADMINS = {("GET", "/admin/jobs"), ("GET", "/admin/jobs/{subject}/{job_id}")}

BY_OPERATOR_KEY = {("POST", "/operator/login-link"), ("POST", "/operator/users")}


def routes() -> list[tuple[str, str]]:
    found = []
    pending = list(create_app(Settings()).routes)
    while pending:
        route = pending.pop()
        pending.extend(getattr(getattr(route, "original_router", None), "routes", []))
        if isinstance(route, APIRoute):
            found.extend((method, route.path) for method in route.methods)
    return sorted(set(found))


ROUTES = routes()
INTERNAL = {*BY_OPERATOR_KEY, ("GET", "/metrics")}
"""What proxies keep closed; it has no second address below /api, which they forward as a whole."""
GUARDED = [route for route in ROUTES if route not in OPEN]


def test_the_routes_are_found():
    assert len(ROUTES) >= 25
    assert set(ROUTES) > OPEN
    assert set(ROUTES) > BY_OPERATOR_KEY


def call(backend_app, route: tuple[str, str], headers: dict, upload: str = "u", job: str = "j", **more):
    method, path = route
    path = path.format(upload_id=upload, job_id=job, row=1, subject="u")
    resource = path.removeprefix("/api")
    body = {}
    if resource == "/trigger_pipeline":
        body = {"json": {"upload_id": upload}}
    elif resource == "/generate_dashboard":
        body = {"json": {"job_id": job}}
    elif resource == "/predict-sentiment":
        body = {"json": {"text": "fine"}}
    elif resource.endswith("/sniff"):
        body = {"json": {}}
    elif resource.startswith("/operator"):
        body = {"json": {"username": "eve"}}
    elif resource == "/uploads":
        path, body = f"{path}?filename=a.csv", {"content": b"Text\nfine\n"}
    return backend_app.client.request(method, path, headers=headers, **body, **more)


def expired(backend_app) -> str:
    users = backend_app.platform.local_users
    issuer = f"urn:reviewlens:pool:{users.key.kid}"
    signer = TokenSigner(users.key, issuer, CLIENT_ID, life_seconds=60, now=lambda: time.time() - 61)
    return signer.access(users.ensure_user("ana"))


@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
def test_without_a_valid_token_nothing_opens(backend_app, route):
    users = backend_app.platform.local_users
    tokens = users.redeem(users.login_link_token("ana"))
    head, body, signature = tokens.access_token.split(".")
    bad = {
        "none": {},
        "empty": {"Authorization": "Bearer "},
        "no scheme": {"Authorization": tokens.access_token},
        "basic": {"Authorization": "Basic YW5hOmFuYQ=="},
        "nonsense": {"Authorization": "Bearer nonsense"},
        "id token": {"Authorization": f"Bearer {tokens.id_token}"},
        "refresh token": {"Authorization": f"Bearer {tokens.refresh_token}"},
        "tampered": {"Authorization": f"Bearer {head}.{body}.{signature[::-1]}"},
        "expired": {"Authorization": f"Bearer {expired(backend_app)}"},
        "wrong operator key": {"X-ReviewLens-Operator": "guess"},
        "cookie nonsense": {"Cookie": "reviewlens_access=nonsense; reviewlens_refresh=nonsense"},
    }
    for name, headers in bad.items():
        answer = call(backend_app, route, headers)
        assert answer.status_code == 401, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] in {
            "not-authenticated",
            "token-invalid",
            "token-expired",
            "operator-key-invalid",
            "refresh-token-invalid",
        }


@pytest.mark.parametrize("route", [r for r in GUARDED if r not in BY_OPERATOR_KEY], ids=" ".join)
def test_a_cookie_opens_what_only_reads_and_nothing_else(backend_app, route):
    users = backend_app.platform.local_users
    tokens = users.redeem(users.login_link_token("ana"))
    for cookie in (f"reviewlens_access={tokens.access_token}", f"reviewlens_refresh={tokens.refresh_token}"):
        answer = call(backend_app, route, {"Cookie": cookie})
        assert (answer.status_code == 401) == (route[0] != "GET"), answer.text


@pytest.mark.parametrize("route", sorted(BY_OPERATOR_KEY), ids=" ".join)
def test_a_users_token_is_no_operator_key(backend_app, route):
    assert call(backend_app, route, backend_app.as_("ana")).status_code == 401


def test_another_users_ids_do_not_exist(backend_app):
    job = backend_app.finished("ana")
    upload = backend_app.job(job)["upload_id"]
    waiting = backend_app.submit("ana")["job_id"]
    with_ids = [
        route
        for route in GUARDED
        if ("{" in route[1] or route[1] in ("/trigger_pipeline", "/generate_dashboard")) and route not in BY_ADMINS
    ]
    assert len(with_ids) >= 11
    for route in with_ids:
        for job_id in (job, waiting):
            theirs = call(backend_app, route, backend_app.as_("ben"), upload, job_id)
            nobodys = call(
                backend_app, route, backend_app.as_("ben"), "1a1fcdcb36f51209595ddffb38b", "1a1fcdcb36f51209595ddffb38b"
            )
            assert theirs.status_code == 404, (route, theirs.text)
            assert {**theirs.json(), "request_id": ""} == {**nobodys.json(), "request_id": ""}
    listed = backend_app.client.get("/jobs", headers=backend_app.as_("ben")).json()
    assert listed == {"jobs": [], "next_cursor": None}
    assert backend_app.job(job)["state"] == "succeeded"
    assert backend_app.client.get(f"/uploads/{upload}", headers=backend_app.as_("ana")).status_code == 200


@pytest.mark.parametrize("wrong", ["..", "%2e%2e", "a%2Fb", "..%2f..%2fsecrets", "%00", "a b", "x" * 65, "'", "*"])
def test_ids_that_cannot_be_are_refused(backend_app, wrong):
    for path in (f"/jobs/{wrong}", f"/uploads/{wrong}", f"/jobs/{wrong}/export"):
        answer = backend_app.client.get(path, headers=backend_app.as_("ana"))
        assert answer.status_code in (404, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
