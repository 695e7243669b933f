"""A browser's log-in by managed login: the whole way with the emulator's pages, and every way to cheat it."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError

from reviewlens.errors import ConfigurationError
from reviewlens.identity.cognito import CognitoIdentity
from tests.backend.conftest import make_backend_app
from tests.cognito import answering, code_flow, managed_log_in
from tests.emulator import free_port
from tests.identity.cognito_app import PASSWORD, UI, CognitoApp, cognito_apps, cookies
from tests.identity.key_server import key_server

SESSION = {"reviewlens_access", "reviewlens_refresh"}


@pytest.fixture(scope="module")
def cognito_app(pool, tmp_path_factory) -> Iterator[CognitoApp]:
    pool.add("mona", PASSWORD)
    yield from cognito_apps(pool, tmp_path_factory.mktemp("managed"))


def changed(url: str, **parameters: str | None) -> str:
    """The address with other parameters; None removes one."""
    query = {**dict(parse_qsl(urlsplit(url).query)), **parameters}
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{url.split('?')[0]}?{urlencode(kept)}"


def assert_refused(answer, code: int = 401) -> None:
    """A page with a message and a way to start again; no session, and the cookie of this log-in is gone."""
    assert answer.status_code == code, answer.text
    assert 'role="alert"' in answer.text
    assert 'href="/session/login"' in answer.text
    assert "location" not in answer.headers
    assert set(cookies(answer)) == {"reviewlens_log_in"}
    assert "Max-Age=0" in answer.headers["set-cookie"]


# -- the whole way ----------------------------------------------------------------------------------------------------


def test_the_log_in_page_leads_to_the_pool(cognito_app):
    answer = cognito_app.client.get("/session/login")
    cognito_app.client.cookies.clear()
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
    url = urlsplit(answer.headers["location"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{cognito_app.pool.emulator.url}/oauth2/authorize"
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    state, nonce, verifier = cookies(answer)["reviewlens_log_in"].split("=", 1)[1].split(".")
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert query == {
        "response_type": "code",
        "client_id": cognito_app.pool.client_id,
        "redirect_uri": f"{UI}/session/callback",
        "scope": "openid",
        "state": state,
        "nonce": nonce,
        "code_challenge": digest,
        "code_challenge_method": "S256",
    }
    assert verifier not in answer.headers["location"]
    assert len({state, nonce, verifier}) == 3
    assert min(map(len, (state, nonce, verifier))) >= 43  # 256 bits each
    (line,) = answer.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=3600"} <= set(line.split("; "))
    assert "Secure" not in line


def test_each_log_in_has_its_own_secrets(cognito_app):
    assert len({part for _ in range(2) for part in cognito_app.start()[1].split("=", 1)[1].split(".")}) == 6


def test_a_log_in_sets_the_sessions_cookies(cognito_app):
    answer = cognito_app.log_in("mona")
    assert (answer.status_code, answer.headers["location"]) == (303, UI)
    lines = {line.split("=")[0]: line for line in answer.headers.get_list("set-cookie")}
    assert set(lines) == {*SESSION, "reviewlens_log_in"}
    assert "Max-Age=0" in lines["reviewlens_log_in"]
    for name in SESSION:
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(lines[name].split("; "))
        assert len(lines[name]) < 4000, "a browser keeps no larger cookie"
    found = cookies(answer)
    headers = {"Cookie": found["reviewlens_access"]}
    assert cognito_app.client.get("/me", headers=headers).json()["name"] == "mona"
    stale = {"Cookie": f"reviewlens_access=stale; {found['reviewlens_refresh']}"}
    assert cognito_app.client.get("/me", headers=stale).json()["name"] == "mona"


def test_cookies_are_for_https_alone_where_the_settings_say_so(pool, tmp_path):
    pool.add("sara", PASSWORD)
    with contextmanager(cognito_apps)(pool, tmp_path, cookie_secure=True) as app:
        started = app.client.get("/session/login")
        assert all("Secure" in line for line in started.headers.get_list("set-cookie"))
        done = app.callback(
            managed_log_in(started.headers["location"], "sara", PASSWORD), cookies(started)["reviewlens_log_in"]
        )
    lines = done.headers.get_list("set-cookie")
    assert len(lines) == 3
    assert all("Secure" in line for line in lines)


def test_a_log_out_ends_both_sessions(cognito_app):
    found = cookies(cognito_app.log_in("mona"))
    ended = cognito_app.client.post("/session/end", headers={"Cookie": "; ".join(found.values())})
    cognito_app.client.cookies.clear()
    assert ended.status_code == 303
    query = urlencode({"client_id": cognito_app.pool.client_id, "logout_uri": UI})
    assert ended.headers["location"] == f"{cognito_app.pool.emulator.url}/logout?{query}"
    assert set(cookies(ended)) == SESSION
    assert all("Max-Age=0" in line for line in ended.headers.get_list("set-cookie"))
    stale = {"Cookie": f"reviewlens_access=stale; {found['reviewlens_refresh']}"}
    assert cognito_app.client.get("/me", headers=stale).status_code == 401


def test_a_log_out_works_when_cognito_does_not_respond(cognito_app):
    refresh = cognito_app.tokens("mona")["refresh_token"]
    with answering(cognito_app.identity._client, "RevokeToken", EndpointConnectionError(endpoint_url="x")):
        ended = cognito_app.client.post("/session/end", headers={"Cookie": f"reviewlens_refresh={refresh}"})
    assert ended.status_code == 303
    assert "/logout?" in ended.headers["location"]
    assert set(cookies(ended)) == SESSION


# -- what does not answer this browser's log-in -----------------------------------------------------------------------


@pytest.mark.parametrize("state", [None, "", "x", "é", "x" * 5000])
def test_another_state_is_refused(cognito_app, state):
    url, cookie = cognito_app.start()
    assert_refused(cognito_app.callback(changed(managed_log_in(url, "mona", PASSWORD), state=state), cookie))


@pytest.mark.parametrize(
    "cookie", ["", "reviewlens_log_in=", "reviewlens_log_in=..", "reviewlens_log_in=x", "reviewlens_log_in=a.b.c.d"]
)
def test_without_the_browsers_cookie_a_callback_is_refused(cognito_app, cookie):
    """Somebody who sends a victim their own callback address does not log the victim in as themselves."""
    url = managed_log_in(cognito_app.start()[0], "mona", PASSWORD)
    assert_refused(cognito_app.callback(url, cookie))
    assert_refused(cognito_app.callback(changed(url, state=""), cookie))


def test_a_callback_of_another_browser_is_refused(cognito_app):
    theirs, ours = cognito_app.start()[0], cognito_app.start()[1]
    assert_refused(cognito_app.callback(managed_log_in(theirs, "mona", PASSWORD), ours))


def test_an_injected_code_is_refused(cognito_app):
    """A code of another log-in, with our state: it was asked for with another PKCE challenge."""
    theirs = managed_log_in(cognito_app.start()[0], "mona", PASSWORD)
    ours, cookie = cognito_app.start()
    state = dict(parse_qsl(urlsplit(ours).query))["state"]
    assert_refused(cognito_app.callback(changed(theirs, state=state), cookie))


def test_another_nonce_is_refused(cognito_app):
    url, cookie = cognito_app.start()
    for nonce in ("another", None):
        assert_refused(cognito_app.callback(managed_log_in(changed(url, nonce=nonce), "mona", PASSWORD), cookie))


def test_a_code_works_once(cognito_app):
    url, cookie = cognito_app.start()
    callback = managed_log_in(url, "mona", PASSWORD)
    assert cognito_app.callback(callback, cookie).status_code == 303
    assert_refused(cognito_app.callback(callback, cookie))


@pytest.mark.parametrize("code", [None, "", "x", "' OR 1=1", "x" * 5000])
def test_an_invented_code_is_refused(cognito_app, code):
    url, cookie = cognito_app.start()
    assert_refused(cognito_app.callback(changed(managed_log_in(url, "mona", PASSWORD), code=code), cookie))


def test_a_code_of_another_client_is_refused(cognito_app):
    pool = cognito_app.pool
    other = pool.admin.create_user_pool_client(UserPoolId=pool.id, ClientName="other", **code_flow(UI, UI))
    url, cookie = cognito_app.start()
    url = changed(url, client_id=other["UserPoolClient"]["ClientId"])
    assert_refused(cognito_app.callback(managed_log_in(url, "mona", PASSWORD), cookie))


def test_an_error_of_the_pool_is_explained(cognito_app, caplog):
    url, cookie = cognito_app.start()
    state = dict(parse_qsl(urlsplit(url).query))["state"]
    query = urlencode({"error": "access_denied", "error_description": "<b>vendor</b>", "state": state})
    answer = cognito_app.callback(f"{UI}/session/callback?{query}", cookie)
    assert_refused(answer)
    assert "did not log you in" in answer.text
    assert "vendor" not in answer.text
    assert "'access_denied'" in caplog.text
    forged = cognito_app.callback(f"{UI}/session/callback?{changed('?' + query, state='x')[1:]}", cookie)
    assert_refused(forged)
    assert "did not log you in" not in forged.text


@pytest.mark.parametrize("name", ["next", "redirect_uri", "redirect", "url", "return_to", "logout_uri"])
def test_no_parameter_leads_to_another_site(cognito_app, name):
    evil = urlencode({name: "https://evil.example/"})
    started = cognito_app.client.get(f"/session/login?{evil}", headers={"Host": "evil.example"})
    cognito_app.client.cookies.clear()
    assert started.status_code == 303
    assert "evil" not in started.headers["location"]
    callback = managed_log_in(started.headers["location"], "mona", PASSWORD)
    done = cognito_app.callback(f"{callback}&{evil}", cookies(started)["reviewlens_log_in"])
    assert (done.status_code, done.headers["location"]) == (303, UI)
    ended = cognito_app.client.post(f"/session/end?{evil}", headers={"Host": "evil.example"})
    assert urlsplit(ended.headers["location"]).path == "/logout"
    assert "evil" not in ended.headers["location"]


def test_the_pool_leads_to_no_other_address(cognito_app):
    url = changed(cognito_app.start()[0], redirect_uri="https://evil.example/session/callback")
    with pytest.raises(Exception, match="400"):
        managed_log_in(url, "mona", PASSWORD)


def test_callbacks_are_limited_by_address(pool, tmp_path):
    with contextmanager(cognito_apps)(pool, tmp_path, requests_per_minute=3) as app:
        app.client.app.state.services.requests._now = lambda: 0.0  # a constant time, whatever the machine's speed
        answers = [app.callback(f"{UI}/session/callback?code=x&state=y") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert_refused(answers[-1], 429)


# -- what the token endpoint says -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (500, "does not answer"),
        (404, "does not answer"),
        (b"<html>busy</html>", "does not answer"),
        (b"[]", "does not answer"),
        (b"{}", "does not answer"),
        (b'{"access_token": "a", "id_token": "i", "refresh_token": "r", "expires_in": "soon"}', "does not answer"),
        (b'{"error": "invalid_client"}', "REVIEWLENS_COGNITO_CLIENT"),
        (b'{"error": "unauthorized_client"}', "/session/callback"),
    ],
)
def test_a_token_endpoint_that_does_not_give_tokens(pool, tmp_path, says, words):
    with key_server() as server, contextmanager(cognito_apps)(pool, tmp_path, cognito_token_url=server.url) as app:
        server.answer = says
        url, cookie = app.start()
        state = dict(parse_qsl(urlsplit(url).query))["state"]
        answer = app.callback(f"{UI}/session/callback?code=x&state={state}", cookie)
    assert_refused(answer, 503)
    assert words in answer.text


def test_tokens_that_are_not_the_pools_are_refused(pool, tmp_path):
    with key_server() as server, contextmanager(cognito_apps)(pool, tmp_path, cognito_token_url=server.url) as app:
        server.answer = b'{"access_token": "a", "id_token": "i", "refresh_token": "r", "expires_in": 60}'
        url, cookie = app.start()
        state = dict(parse_qsl(urlsplit(url).query))["state"]
        assert_refused(app.callback(f"{UI}/session/callback?code=x&state={state}", cookie))


def test_an_unreachable_token_endpoint_is_transient(pool, tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}/oauth2/token"
    with contextmanager(cognito_apps)(pool, tmp_path, cognito_token_url=nowhere) as app:
        url, cookie = app.start()
        assert_refused(app.callback(managed_log_in(url, "mona", PASSWORD), cookie), 503)


@pytest.mark.parametrize("domain", ["reviewlens", "reviewlens.auth.eu-west-1.amazoncognito.com", "javascript:alert(1)"])
def test_a_domain_that_is_no_address_is_refused(pool, domain):
    with pytest.raises(ConfigurationError) as error:
        CognitoIdentity(pool.settings(cognito_domain=domain), client=object())
    assert error.value.code == "cognito-misconfigured"
    assert "REVIEWLENS_COGNITO_DOMAIN" in error.value.message


def test_a_local_pool_has_no_managed_login(tmp_path):
    for backend_app in make_backend_app(tmp_path):
        answer = backend_app.client.get("/session/callback?code=x&state=y")
        assert (answer.status_code, answer.json()["code"]) == (404, "no-managed-login")
