"""The backend with a Cognito user pool: API, pages, cookies, sign-up, administrators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from fastapi.testclient import TestClient

from backend.main import create_app
from reviewlens.identity.challenges import Challenge, ChallengeKind
from reviewlens.identity.jwks import KeySet
from reviewlens.identity.private_files import operator_key
from reviewlens.settings import Settings
from tests.cognito import Pool, answering, code_of
from tests.emulator import free_port

PASSWORD = "the password of ana"
UI = "https://reviews.example.org"
PROOF = "a session of Cognito's own"


class CognitoApp:
    """The application with a pool, and ways to use it."""

    def __init__(self, client: TestClient, pool: Pool, folder: Any) -> None:
        self.client, self.pool, self.folder = client, pool, folder

    @property
    def identity(self) -> Any:
        return self.client.app.state.services.platform.identity

    def post(self, path: str, headers: dict[str, str] | None = None, **body: str) -> Any:
        return self.client.post(path, json=body, headers=headers)

    def form(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Any:
        answer = self.client.post(path, data=fields, headers=headers)
        self.client.cookies.clear()
        return answer

    def tokens(self, name: str) -> dict[str, Any]:
        answer = self.post("/login", username=name, password=PASSWORD)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def as_(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens(name)['access_token']}"}


def _cognito_apps(pool: Pool, folder: Any, **settings: Any) -> Iterator[CognitoApp]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pool.emulator.environment.items():
            patch.setenv(name, value)
        facts = pool.facts(
            data_dir=folder,
            engine="textblob",
            public_frontend_url=UI,
            public_backend_url=UI,
            **{"sign_up": True, "requests_per_minute": 100_000, **settings},
        )
        with TestClient(create_app(Settings(**facts)), raise_server_exceptions=False) as client:
            client.follow_redirects = False
            yield CognitoApp(client, pool, folder)


@pytest.fixture(scope="module")
def cognito_app(pool, tmp_path_factory) -> Iterator[CognitoApp]:
    pool.add("hana", PASSWORD)
    yield from _cognito_apps(pool, tmp_path_factory.mktemp("cognito"))


def session_in(page: Any) -> str:
    found = re.search(r'name="session" value="([^"]+)"', page.text)
    assert found, page.text
    return unescape(found[1])


def cookies(answer: Any) -> dict[str, str]:
    return {line.split("=")[0]: line.split(";")[0] for line in answer.headers.get_list("set-cookie")}


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


def test_a_new_password_by_the_api(cognito_app):
    cognito_app.pool.add("iris", "temporary-1", permanent=False)
    asked = cognito_app.post("/login", username="iris", password="temporary-1")
    assert (asked.status_code, asked.json()["code"]) == (401, "challenge-required")
    details = asked.json()["details"]
    assert set(details) == {"challenge", "session"}
    assert details["challenge"] == "new-password"
    done = cognito_app.post("/login/challenge", session=details["session"], answer=PASSWORD)
    assert done.status_code == 200
    assert (
        cognito_app.client.get("/me", headers={"Authorization": f"Bearer {done.json()['access_token']}"}).json()["name"]
        == "iris"
    )


def test_a_code_by_the_api(cognito_app):
    cognito_app.pool.add("jo", PASSWORD)
    secret = cognito_app.pool.add_app(cognito_app.tokens("jo")["access_token"])
    asked = cognito_app.post("/login", username="jo", password=PASSWORD).json()
    assert asked["details"]["challenge"] == "code-from-app"
    wrong = cognito_app.post("/login/challenge", session=asked["details"]["session"], answer="12345")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-code")
    right = cognito_app.post("/login/challenge", session=asked["details"]["session"], answer=code_of(secret))
    assert right.json()["token_type"] == "Bearer"


def test_several_challenges_in_a_row(cognito_app):
    response = {
        "ChallengeName": "SMS_MFA",
        "Session": PROOF,
        "ChallengeParameters": {"CODE_DELIVERY_DESTINATION": "+**12"},
    }
    session = Challenge(ChallengeKind.NEW_PASSWORD, "hana", PROOF).session
    with answering(cognito_app.identity._client, "RespondToAuthChallenge", response):
        asked = cognito_app.post("/login/challenge", session=session, answer=PASSWORD).json()
    assert (asked["code"], asked["details"]["sent_to"]) == ("challenge-required", "+**12")
    assert "+**12" in asked["detail"]


@pytest.mark.parametrize("session", ["", "nonsense", "e30", "x" * 9000])
def test_invalid_sessions(cognito_app, session):
    answer = cognito_app.post("/login/challenge", session=session, answer="123456")
    assert (answer.status_code, answer.json()["code"]) == (401, "challenge-ended")


def test_what_only_a_local_pool_has_answers_clearly(cognito_app):
    operator = {"X-ReviewLens-Operator": operator_key(cognito_app.folder / "secrets")}
    answers = [
        cognito_app.client.get("/.well-known/jwks.json"),
        cognito_app.client.get("/session/start?token=guess"),
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
    with contextmanager(_cognito_apps)(pool, tmp_path, requests_per_minute=4) as cognito_app:
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


# -- the pages --------------------------------------------------------------------------------------------------------


def test_the_form_opens_a_session_that_lives_by_its_refresh_cookie(cognito_app):
    answer = cognito_app.form("/session/login", username="hana", password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, UI)
    found = cookies(answer)
    assert set(found) == {"reviewlens_access", "reviewlens_refresh"}
    assert all(len(line) < 4000 for line in found.values()), "a browser keeps no larger cookie"
    stale = {"Cookie": f"reviewlens_access=stale; {found['reviewlens_refresh']}"}
    assert cognito_app.client.get("/me", headers=stale).json()["name"] == "hana"
    ended = cognito_app.client.get("/session/end", headers={"Cookie": found["reviewlens_refresh"]})
    assert ended.status_code == 303
    assert cognito_app.client.get("/me", headers=stale).status_code == 401


def test_a_new_password_by_the_pages(cognito_app):
    cognito_app.pool.add("kim", "temporary-1", permanent=False)
    page = cognito_app.form("/session/login", username="kim", password="temporary-1")
    assert page.status_code == 200
    assert "Choose a new one" in page.text
    assert page.text.count('type="password"') == 2
    assert cookies(page) == {}
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    session = session_in(page)
    differ = cognito_app.form("/session/challenge", session=session, answer=PASSWORD, again="something else")
    assert (differ.status_code, session_in(differ)) == (422, session)
    assert "differ" in differ.text
    assert PASSWORD not in differ.text
    answer = cognito_app.form("/session/challenge", session=session, answer=PASSWORD, again=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, UI)
    assert set(cookies(answer)) == {"reviewlens_access", "reviewlens_refresh"}
    assert cognito_app.tokens("kim")


def test_a_code_by_the_pages(cognito_app):
    cognito_app.pool.add("lou", PASSWORD)
    secret = cognito_app.pool.add_app(cognito_app.tokens("lou")["access_token"])
    page = cognito_app.form("/session/login", username="lou", password=PASSWORD)
    assert "six digits" in page.text
    assert 'autocomplete="one-time-code"' in page.text
    wrong = cognito_app.form("/session/challenge", session=session_in(page), answer="000")
    assert wrong.status_code == 401
    assert 'role="alert"' in wrong.text
    answer = cognito_app.form("/session/challenge", session=session_in(wrong), answer=code_of(secret))
    assert answer.status_code == 303


def test_the_page_that_sets_an_app_up_shows_its_key(cognito_app):
    response = {"ChallengeName": "MFA_SETUP", "Session": PROOF, "ChallengeParameters": {"USER_ID_FOR_SRP": "hana"}}
    with answering(cognito_app.identity._client, "InitiateAuth", response):
        page = cognito_app.form("/session/login", username="hana", password=PASSWORD)
    secret = Challenge.from_session(session_in(page)).secret
    assert f"otpauth://totp/ReviewLens?secret={secret}&amp;issuer=ReviewLens" in page.text
    shown = re.search(r'<p class="key">([^<]+)</p>', page.text)
    assert shown
    assert shown[1].replace(" ", "") == secret
    answer = cognito_app.form("/session/challenge", session=session_in(page), answer=code_of(secret))
    assert answer.status_code == 303


def test_an_expired_log_in_starts_again(cognito_app):
    page = cognito_app.form("/session/challenge", session="nonsense", answer="123456")
    assert page.status_code == 401
    assert 'action="/session/login"' in page.text
    old = Challenge(ChallengeKind.CODE_BY_SMS, "hana", PROOF).session  # a challenge that the emulator did not send
    page = cognito_app.form("/session/challenge", session=old, answer="123456")
    assert page.status_code == 401
    assert "log in again" in page.text
    assert 'action="/session/login"' in page.text


@pytest.mark.parametrize("path", ["login", "challenge", "sign-up", "confirm", "forgotten", "new-password"])
def test_forms_on_another_site_are_refused(cognito_app, path):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = cognito_app.form(f"/session/{path}", headers, username="hana", password=PASSWORD)
        assert (answer.status_code, answer.json()["code"]) == (403, "other-origin")
    long = cognito_app.form(f"/session/{path}", username="x" * 30_000)
    assert (long.status_code, long.json()["code"]) == (422, "form-too-long")


def test_behind_a_proxy_the_address_that_browsers_know_is_our_own(cognito_app):
    answer = cognito_app.form(
        "/session/login", {"Origin": UI, "Host": "10.0.0.7:8000"}, username="hana", password=PASSWORD
    )
    assert answer.status_code == 303


def test_log_out_works_when_cognito_does_not_respond(cognito_app):
    refresh = cognito_app.tokens("hana")["refresh_token"]
    with answering(cognito_app.identity._client, "RevokeToken", EndpointConnectionError(endpoint_url="x")):
        ended = cognito_app.client.get("/session/end", headers={"Cookie": f"reviewlens_refresh={refresh}"})
    assert (ended.status_code, ended.headers["location"]) == (303, "/session/login")
    assert len(cookies(ended)) == 2


# -- a forgotten password ---------------------------------------------------------------------------------------------

NEW = "quite another password"


def test_a_forgotten_password_by_the_api(cognito_app):
    cognito_app.pool.add("rosa", PASSWORD)
    sent = [cognito_app.post("/login/forgotten", username=name) for name in ("rosa", "nobody", "a b")]
    assert [(answer.status_code, answer.content) for answer in sent] == [(204, b"")] * 3
    wrong = cognito_app.post("/login/new-password", username="rosa", code="000000", password=NEW)
    unknown = cognito_app.post("/login/new-password", username="nobody", code="000000", password=NEW)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-code")
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    weak = cognito_app.post("/login/new-password", username="rosa", code="654321", password="short")
    assert (weak.status_code, weak.json()["code"]) == (422, "invalid-password")
    assert cognito_app.post("/login/new-password", username="rosa", code="654321", password=NEW).status_code == 204
    assert cognito_app.post("/login", username="rosa", password=PASSWORD).status_code == 401
    assert cognito_app.post("/login", username="rosa", password=NEW).status_code == 200


def test_a_forgotten_password_by_the_pages(cognito_app):
    cognito_app.pool.add("sven", PASSWORD)
    assert 'href="/session/forgotten"' in cognito_app.client.get("/session/login").text
    assert 'action="/session/forgotten"' in cognito_app.client.get("/session/forgotten").text
    assert 'action="/session/new-password"' in cognito_app.client.get("/session/new-password").text
    pages = [cognito_app.form("/session/forgotten", username=name) for name in ("sven", "nobody")]
    assert [page.status_code for page in pages] == [200, 200]
    assert pages[0].text.replace("sven", "nobody") == pages[1].text
    assert 'role="status"' in pages[0].text and 'action="/session/new-password"' in pages[0].text
    fields = {"username": "sven", "code": "654321", "password": NEW}
    differ = cognito_app.form("/session/new-password", **fields, again="else")
    assert differ.status_code == 422
    assert 'value="sven"' in differ.text
    assert NEW not in differ.text
    again = cognito_app.form("/session/new-password", username="sven", resend="1")
    assert 'role="status"' in again.text
    wrong = cognito_app.form("/session/new-password", **{**fields, "code": "000000"}, again=NEW)
    assert wrong.status_code == 401
    done = cognito_app.form("/session/new-password", **fields, again=NEW)
    assert "new password is set" in done.text
    assert 'action="/session/login"' in done.text
    assert cognito_app.form("/session/login", username="sven", password=NEW).status_code == 303


def test_a_required_password_reset_leads_to_its_page(cognito_app):
    cognito_app.pool.add("tilda", PASSWORD)
    cognito_app.pool.admin.admin_reset_user_password(UserPoolId=cognito_app.pool.id, Username="tilda")
    page = cognito_app.form("/session/login", username="tilda", password=PASSWORD)
    assert page.status_code == 401
    assert 'action="/session/new-password"' in page.text
    done = cognito_app.form("/session/new-password", username="tilda", code="654321", password=NEW, again=NEW)
    assert done.status_code == 200
    assert cognito_app.form("/session/login", username="tilda", password=NEW).status_code == 303


def test_asking_for_codes_is_limited_by_address(pool, tmp_path):
    with contextmanager(_cognito_apps)(pool, tmp_path, login_attempts_per_minute=4) as cognito_app:
        calls = (
            lambda number: cognito_app.post("/login/forgotten", username=f"u{number}"),
            lambda number: cognito_app.post("/login/new-password", username=f"u{number}", code="000000", password=NEW),
            lambda number: cognito_app.form("/session/forgotten", username=f"u{number}"),
            lambda number: cognito_app.form("/session/new-password", username=f"u{number}", resend="1"),
        )
        answers = [calls[number % 4](number) for number in range(8)]
    assert [answer.status_code for answer in answers] == [204, 401, 200, 200, 429, 429, 429, 429]
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers[4:])


# -- sign-up ----------------------------------------------------------------------------------------------------------


def test_sign_up_by_the_api(cognito_app):
    made = cognito_app.post("/sign-up", username="mia", password=PASSWORD, email="mia@example.org")
    assert (made.status_code, made.json()["confirmed"]) == (201, False)
    early = cognito_app.post("/login", username="mia", password=PASSWORD)
    assert (early.status_code, early.json()["code"]) == (401, "user-not-confirmed")
    assert cognito_app.post("/sign-up/resend", username="mia").status_code == 204
    assert cognito_app.post("/sign-up/resend", username="nobody").status_code == 204
    wrong = cognito_app.post("/sign-up/confirm", username="mia", code="000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-code")
    assert cognito_app.post("/sign-up/confirm", username="mia", code="123456").status_code == 204
    assert cognito_app.tokens("mia")


def test_sign_up_by_the_pages(cognito_app):
    assert "/session/sign-up" in cognito_app.client.get("/session/login").text
    assert 'name="email"' in cognito_app.client.get("/session/sign-up").text
    fields = {"username": "nils", "password": PASSWORD, "email": "nils@example.org"}
    differ = cognito_app.form("/session/sign-up", **fields, again="else")
    assert differ.status_code == 422
    assert 'value="nils@example.org"' in differ.text
    assert PASSWORD not in differ.text
    page = cognito_app.form("/session/sign-up", **fields, again=PASSWORD)
    assert page.status_code == 200
    assert 'action="/session/confirm"' in page.text
    taken = cognito_app.form("/session/sign-up", **fields, again=PASSWORD)
    assert taken.status_code == 409
    early = cognito_app.form("/session/login", username="nils", password=PASSWORD)
    assert early.status_code == 401
    assert 'action="/session/confirm"' in early.text
    again = cognito_app.form("/session/confirm", username="nils", resend="1")
    assert 'role="status"' in again.text
    wrong = cognito_app.form("/session/confirm", username="nils", code="000000")
    assert wrong.status_code == 401
    done = cognito_app.form("/session/confirm", username="nils", code="123456")
    assert "is confirmed; log in" in done.text
    assert 'action="/session/login"' in done.text
    assert cognito_app.form("/session/login", username="nils", password=PASSWORD).status_code == 303
    assert cognito_app.client.get("/session/confirm").status_code == 200


def test_a_pool_with_automatic_confirmation_leads_to_the_log_in(cognito_app):
    with answering(cognito_app.identity._client, "SignUp", {"UserConfirmed": True, "UserSub": "s"}):
        page = cognito_app.form(
            "/session/sign-up", username="ole", password=PASSWORD, again=PASSWORD, email="o@example.org"
        )
    assert 'action="/session/login"' in page.text
    assert "Your user is created" in page.text


def test_a_code_that_could_not_be_sent_can_be_asked_for_again(cognito_app):
    answer = {"__type": "CodeDeliveryFailureException", "message": "no"}
    with answering(cognito_app.identity._client, "SignUp", answer, 400):
        page = cognito_app.form(
            "/session/sign-up", username="pia", password=PASSWORD, again=PASSWORD, email="p@example.org"
        )
    assert page.status_code == 503
    assert "Send another code" in page.text


SIGN_UP = [
    ("POST", "/sign-up", {"json": {"username": "q", "password": PASSWORD, "email": "q@example.org"}}),
    ("POST", "/sign-up/confirm", {"json": {"username": "q", "code": "123456"}}),
    ("POST", "/sign-up/resend", {"json": {"username": "q"}}),
    ("GET", "/session/sign-up", {}),
    ("POST", "/session/sign-up", {"data": {"username": "q"}}),
    ("GET", "/session/confirm", {}),
    ("POST", "/session/confirm", {"data": {"username": "q"}}),
]


def test_sign_up_is_off_by_default(pool, tmp_path):
    with contextmanager(_cognito_apps)(pool, tmp_path, sign_up=False) as cognito_app:
        for method, path, body in SIGN_UP:
            answer = cognito_app.client.request(method, path, **body)
            assert (answer.status_code, answer.json()["code"]) == (403, "sign-up-off"), path
        assert "sign-up" not in cognito_app.client.get("/session/login").text


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
