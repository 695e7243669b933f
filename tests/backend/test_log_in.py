"""Tokens, sessions, the log-in page, and the operator's routes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reviewlens.identity.private_files import operator_key
from tests.backend.conftest import PASSWORD, make_backend_app

ROOT = Path(__file__).resolve().parents[2]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def operator(backend_app):
    return {"X-ReviewLens-Operator": operator_key(backend_app.folder / "secrets")}


@pytest.fixture(scope="module", autouse=True)
def cleo(backend_app, operator):
    body = {"username": "Cleo", "password": PASSWORD}
    answer = backend_app.client.post("/operator/users", json=body, headers=operator)
    assert (answer.status_code, answer.json()) == (201, {"username": "cleo", "password": PASSWORD})


def form(backend_app, name="cleo", password=PASSWORD, **headers):
    return backend_app.client.post(
        "/session/login", data={"username": name, "password": password}, headers={**FORM, **headers}
    )


def cookies(answer) -> dict[str, str]:
    return {line.split("=")[0]: line for line in answer.headers.get_list("set-cookie")}


def test_tokens_by_name_and_password(backend_app):
    tokens = backend_app.client.post("/login", json={"username": "cleo", "password": PASSWORD}).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    me = backend_app.client.get("/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert (me["name"], me["groups"]) == ("cleo", [])
    renewed = backend_app.client.post("/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    assert renewed["refresh_token"] not in ("", tokens["refresh_token"])
    again = backend_app.client.get("/me", headers={"Authorization": f"Bearer {renewed['access_token']}"})
    assert again.json() == me
    assert backend_app.client.post("/logout", json={"refresh_token": renewed["refresh_token"]}).status_code == 204
    ended = backend_app.client.post("/refresh", json={"refresh_token": renewed["refresh_token"]})
    assert (ended.status_code, ended.json()["code"]) == (401, "refresh-token-invalid")


def test_a_refresh_token_sent_twice_ends_the_session(backend_app):
    first = backend_app.client.post("/login", json={"username": "cleo", "password": PASSWORD}).json()["refresh_token"]
    second = backend_app.client.post("/refresh", json={"refresh_token": first}).json()["refresh_token"]
    for token in (first, second):
        ended = backend_app.client.post("/refresh", json={"refresh_token": token})
        assert (ended.status_code, ended.json()["code"]) == (401, "refresh-token-invalid")


def test_wrong_name_and_wrong_password_answer_the_same(backend_app):
    answers = [
        backend_app.client.post("/login", json={"username": name, "password": "a wrong password"}).json()
        for name in ("cleo", "nobody")
    ]
    assert {**answers[0], "request_id": ""} == {**answers[1], "request_id": ""}
    assert answers[0]["code"] == "wrong-credentials"


def test_the_key_set_is_public(backend_app):
    (key,) = backend_app.client.get("/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["alg"]) == ("RSA", "RS256")
    assert "d" not in key


def test_a_link_opens_a_session_once(backend_app, operator):
    url = backend_app.client.post("/operator/login-link", json={"username": "dora"}, headers=operator).json()["url"]
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "testserver", "/session/start")
    answer = backend_app.client.get(f"{parts.path}?{parts.query}")
    assert (answer.status_code, answer.headers["location"]) == (303, backend_app.settings.public_frontend_url)
    for line in cookies(answer).values():
        assert "HttpOnly" in line
        assert "SameSite=lax" in line
        assert "Path=/" in line
    backend_app.client.cookies.clear()
    access = cookies(answer)["reviewlens_access"].split(";")[0]
    assert backend_app.client.get("/me", headers={"Cookie": access}).json()["name"] == "dora"
    again = backend_app.client.get(f"{parts.path}?{parts.query}")
    assert again.status_code == 401
    assert "already been used" in again.text
    assert cookies(again) == {}


def test_cookies_are_for_https_alone_where_the_settings_say_so(tmp_path):
    for backend_app in make_backend_app(tmp_path, cookie_secure=True):
        token = backend_app.platform.local_users.login_link_token("ana")
        answer = backend_app.client.get(f"/session/start?token={token}")
        assert all("Secure" in line for line in cookies(answer).values())
        assert "max-age" in answer.headers["strict-transport-security"]


def test_the_form_opens_a_session(backend_app):
    page = backend_app.client.get("/session/login")
    assert page.status_code == 200
    assert "autofocus" in page.text
    answer = form(backend_app, Origin="http://testserver", **{"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, backend_app.settings.public_frontend_url)
    assert set(cookies(answer)) == {"reviewlens_access", "reviewlens_refresh"}
    backend_app.client.cookies.clear()


def test_a_failed_form_shows_why_and_escapes_what_was_typed(backend_app):
    answer = form(backend_app, name='"><script>alert(1)</script>', password="wrong <b>")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "wrong &lt;b&gt;" not in answer.text
    assert cookies(answer) == {}
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_policy_allows_the_redirect_to_the_ui(backend_app):
    policy = backend_app.client.get("/session/login").headers["content-security-policy"]
    assert f"form-action 'self' {backend_app.settings.public_frontend_url};" in policy


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://["},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:8080"},
        {"Origin": "http://rebound.example", "Host": "rebound.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_form_on_another_site_is_refused(backend_app, headers):
    answer = form(backend_app, **headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "other-origin")
    assert cookies(answer) == {}


def test_a_huge_form_is_refused(backend_app):
    answer = form(backend_app, name="x" * 20_000)
    assert (answer.status_code, answer.json()["code"]) == (422, "form-too-long")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_has_the_colours_of_the_ui(backend_app, theme):
    """Both are written by hand, because the page is one file without scripts and the UI's theme is Streamlit's."""
    ui = tomllib.loads((ROOT / "frontend" / ".streamlit" / "config.toml").read_text())["theme"][theme]
    text = backend_app.client.get("/session/login").text
    light, dark = text.split("<style>", 1)[1].split("prefers-color-scheme: dark", 1)
    own = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if theme == "light" else dark))
    names = {
        "page": "backgroundColor",
        "card": "secondaryBackgroundColor",
        "ink": "textColor",
        "line": "borderColor",
        "accent": "primaryColor",
    }
    assert {name: own[name] for name in names} == {name: ui[theirs] for name, theirs in names.items()}


def test_logging_out_revokes_and_clears(backend_app):
    answer = form(backend_app)
    refresh = cookies(answer)["reviewlens_refresh"].split(";")[0]
    backend_app.client.cookies.clear()
    assert backend_app.client.get("/session/end", headers={"Cookie": refresh}).status_code == 405
    for origin in ("http://evil.example", "null"):
        refused = backend_app.client.post("/session/end", headers={"Cookie": refresh, "Origin": origin})
        assert (refused.status_code, refused.json()["code"]) == (403, "other-origin")
    from_ui = {"Origin": backend_app.settings.public_frontend_url, "Sec-Fetch-Site": "same-site"}
    ended = backend_app.client.post("/session/end", headers={"Cookie": refresh, **from_ui})
    assert (ended.status_code, ended.headers["location"]) == (303, "/session/login")
    assert all("Max-Age=0" in line for line in cookies(ended).values())
    assert len(cookies(ended)) == 2
    again = backend_app.client.post("/refresh", json={"refresh_token": refresh.split("=", 1)[1]})
    assert again.status_code == 401
    assert backend_app.client.post("/session/end").status_code == 303


def test_an_expired_access_cookie_is_renewed_by_the_refresh_cookie(backend_app):
    refresh = cookies(form(backend_app))["reviewlens_refresh"].split(";")[0]
    backend_app.client.cookies.clear()
    answer = backend_app.client.get("/me", headers={"Cookie": f"reviewlens_access=stale; {refresh}"})
    assert answer.json()["name"] == "cleo"
    newer = cookies(answer)
    assert "HttpOnly" in newer["reviewlens_refresh"]
    # A request that the browser sent before it had the new cookies gets the same ones.
    assert cookies(backend_app.client.get("/me", headers={"Cookie": refresh})) == newer
    backend_app.client.cookies.clear()
    newest = {"Cookie": newer["reviewlens_refresh"].split(";")[0]}
    assert backend_app.client.get("/me", headers=newest).json()["name"] == "cleo"
    backend_app.client.cookies.clear()
    assert backend_app.client.get("/me", headers={"Cookie": "reviewlens_access=stale"}).status_code == 401


def test_a_browser_renews_its_session_and_returns_to_its_page(backend_app):
    refresh = cookies(form(backend_app))["reviewlens_refresh"].split(";")[0]
    backend_app.client.cookies.clear()
    answer = backend_app.client.get("/session/renew?to=/runs%3Fjob%3D1", headers={"Cookie": refresh})
    assert answer.status_code == 303
    assert answer.headers["location"] == backend_app.settings.public_frontend_url + "/runs?job=1"
    access = cookies(answer)["reviewlens_access"].split(";")[0]
    backend_app.client.cookies.clear()
    assert backend_app.client.get("/me", headers={"Cookie": access}).json()["name"] == "cleo"


def test_a_session_that_cannot_be_renewed_leads_to_the_log_in_page(backend_app):
    answer = backend_app.client.get("/session/renew", headers={"Cookie": "reviewlens_refresh=unknown"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/session/login")
    assert all("Max-Age=0" in line for line in cookies(answer).values())
    assert len(cookies(answer)) == 2


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\\\evil.example", "evil", "", "/a\r\nb: c"]
)
def test_a_renewal_leads_to_the_ui_only(backend_app, path):
    answer = backend_app.client.get("/session/renew", params={"to": path}, headers={"Cookie": "reviewlens_refresh=x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_a_backend_on_this_machine_has_three_names(tmp_path):
    for backend_app in make_backend_app(tmp_path, public_backend_url="", backend_port=8123):
        backend_app.platform.local_users.add_user("cleo", PASSWORD)
        for origin in ("http://localhost:8123", "http://127.0.0.1:8123", "http://[::1]:8123", "http://127.0.0.1:8000"):
            assert form(backend_app, Origin=origin).status_code == 303
        for origin in ("http://127.0.0.1:8124", "https://localhost:8123", "http://testserver"):
            assert form(backend_app, Origin=origin).status_code == 403


def test_the_operator_adds_users(backend_app, operator):
    made = backend_app.client.post("/operator/users", json={"username": "emil"}, headers=operator).json()
    assert backend_app.client.post("/login", json=made).status_code == 200
    taken = backend_app.client.post("/operator/users", json={"username": "emil"}, headers=operator)
    assert (taken.status_code, taken.json()["code"]) == (409, "user-exists")
    short = backend_app.client.post("/operator/users", json={"username": "fay", "password": "short"}, headers=operator)
    assert (short.status_code, short.json()["code"]) == (422, "invalid-password")
    odd = backend_app.client.post("/operator/login-link", json={"username": "a b"}, headers=operator)
    assert (odd.status_code, odd.json()["code"]) == (422, "invalid-user-name")


WAYS_IN = {
    "login": lambda backend_app, n: backend_app.client.post(
        "/login", json={"username": f"n{n}", "password": "wrong password"}
    ),
    "link": lambda backend_app, n: backend_app.client.get(f"/session/start?token=guess{n}"),
    "operator": lambda backend_app, n: backend_app.client.post(
        "/operator/users", json={"username": "x"}, headers={"X-ReviewLens-Operator": f"guess{n}"}
    ),
}


def test_attempts_are_limited_by_address_on_every_way_in(tmp_path):
    for backend_app in make_backend_app(tmp_path, login_attempts_per_minute=3):
        for name, way in WAYS_IN.items():
            assert [way(backend_app, n).status_code for n in range(4)] == [401, 401, 401, 429], name
            assert int(way(backend_app, 9).headers["retry-after"]) >= 1
        page = form(backend_app, name="somebody")
        assert page.status_code == 429
        assert 'role="alert"' in page.text
