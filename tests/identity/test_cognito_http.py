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


def _sites(pool: Pool, folder: Any, **settings: Any) -> Iterator[CognitoApp]:
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
def site(pool, tmp_path_factory) -> Iterator[CognitoApp]:
    pool.add("hana", PASSWORD)
    yield from _sites(pool, tmp_path_factory.mktemp("cognito"))


def session_in(page: Any) -> str:
    found = re.search(r'name="session" value="([^"]+)"', page.text)
    assert found, page.text
    return unescape(found[1])


def cookies(answer: Any) -> dict[str, str]:
    return {line.split("=")[0]: line.split(";")[0] for line in answer.headers.get_list("set-cookie")}


# -- the API ----------------------------------------------------------------------------------------------------------


def test_log_in_refresh_and_log_out(site):
    tokens = site.tokens("hana")
    me = site.client.get("/me", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert (me["name"], me["groups"]) == ("hana", [])
    renewed = site.post("/refresh", refresh_token=tokens["refresh_token"]).json()
    assert renewed["refresh_token"] == ""
    assert site.client.get("/me", headers={"Authorization": f"Bearer {renewed['access_token']}"}).json() == me
    assert site.post("/logout", refresh_token=tokens["refresh_token"]).status_code == 204
    ended = site.post("/refresh", refresh_token=tokens["refresh_token"])
    assert (ended.status_code, ended.json()["code"]) == (401, "refresh-token-invalid")


def test_an_id_token_or_a_refresh_token_is_no_access_token(site):
    tokens = site.tokens("hana")
    for kind in ("id_token", "refresh_token"):
        answer = site.client.get("/jobs", headers={"Authorization": f"Bearer {tokens[kind]}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid")


def test_a_new_password_by_the_api(site):
    site.pool.add("iris", "temporary-1", permanent=False)
    asked = site.post("/login", username="iris", password="temporary-1")
    assert (asked.status_code, asked.json()["code"]) == (401, "challenge-required")
    details = asked.json()["details"]
    assert set(details) == {"challenge", "session"}
    assert details["challenge"] == "new-password"
    done = site.post("/login/challenge", session=details["session"], answer=PASSWORD)
    assert done.status_code == 200
    assert (
        site.client.get("/me", headers={"Authorization": f"Bearer {done.json()['access_token']}"}).json()["name"]
        == "iris"
    )


def test_a_code_by_the_api(site):
    site.pool.add("jo", PASSWORD)
    secret = site.pool.add_app(site.tokens("jo")["access_token"])
    asked = site.post("/login", username="jo", password=PASSWORD).json()
    assert asked["details"]["challenge"] == "code-from-app"
    wrong = site.post("/login/challenge", session=asked["details"]["session"], answer="12345")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-code")
    right = site.post("/login/challenge", session=asked["details"]["session"], answer=code_of(secret))
    assert right.json()["token_type"] == "Bearer"


def test_several_challenges_in_a_row(site):
    response = {
        "ChallengeName": "SMS_MFA",
        "Session": PROOF,
        "ChallengeParameters": {"CODE_DELIVERY_DESTINATION": "+**12"},
    }
    session = Challenge(ChallengeKind.NEW_PASSWORD, "hana", PROOF).session
    with answering(site.identity._client, "RespondToAuthChallenge", response):
        asked = site.post("/login/challenge", session=session, answer=PASSWORD).json()
    assert (asked["code"], asked["details"]["sent_to"]) == ("challenge-required", "+**12")
    assert "+**12" in asked["detail"]


@pytest.mark.parametrize("session", ["", "nonsense", "e30", "x" * 9000])
def test_invalid_sessions(site, session):
    answer = site.post("/login/challenge", session=session, answer="123456")
    assert (answer.status_code, answer.json()["code"]) == (401, "challenge-ended")


def test_what_only_a_local_pool_has_answers_clearly(site):
    operator = {"X-ReviewLens-Operator": operator_key(site.folder / "secrets")}
    answers = [
        site.client.get("/.well-known/jwks.json"),
        site.client.get("/session/start?token=guess"),
        site.client.post("/operator/login-link", json={"username": "ana"}, headers=operator),
        site.client.post("/operator/users", json={"username": "ana"}, headers=operator),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (404, "not-local")
        assert "not kept here" in answer.json()["detail"]


def test_without_the_pools_keys_the_response_is_503(site, monkeypatch):
    headers = site.as_("hana")
    keys = KeySet(f"http://127.0.0.1:{free_port()}/keys")
    monkeypatch.setattr(site.identity._verifier, "_keys", keys)
    answer = site.client.get("/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "keys-unreachable")
    assert answer.headers["retry-after"]


def test_tokens_that_require_a_fetch_are_limited_by_address(pool, tmp_path):
    with contextmanager(_sites)(pool, tmp_path, requests_per_minute=4) as site:
        limiter = site.client.app.state.services.requests
        limiter._now = lambda: 0.0  # a constant time, independent of the machine's speed
        ways = [
            lambda: site.post("/refresh", refresh_token="nonsense-of-some-length"),
            lambda: site.post("/logout", refresh_token="nonsense-of-some-length"),
            lambda: site.client.get("/me", headers={"Cookie": "reviewlens_refresh=nonsense-of-some-length"}),
        ]
        assert [way().status_code for way in (*ways, ways[0])] == [401, 204, 401, 401]
        for way in ways:
            assert (way().status_code, way().json()["code"]) == (429, "too-many-requests")


# -- the pages --------------------------------------------------------------------------------------------------------


def test_the_form_opens_a_session_that_lives_by_its_refresh_cookie(site):
    answer = site.form("/session/login", username="hana", password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, UI)
    found = cookies(answer)
    assert set(found) == {"reviewlens_access", "reviewlens_refresh"}
    assert all(len(line) < 4000 for line in found.values()), "a browser keeps no larger cookie"
    stale = {"Cookie": f"reviewlens_access=stale; {found['reviewlens_refresh']}"}
    assert site.client.get("/me", headers=stale).json()["name"] == "hana"
    ended = site.client.get("/session/end", headers={"Cookie": found["reviewlens_refresh"]})
    assert ended.status_code == 303
    assert site.client.get("/me", headers=stale).status_code == 401


def test_a_new_password_by_the_pages(site):
    site.pool.add("kim", "temporary-1", permanent=False)
    page = site.form("/session/login", username="kim", password="temporary-1")
    assert page.status_code == 200
    assert "Choose a new one" in page.text
    assert page.text.count('type="password"') == 2
    assert cookies(page) == {}
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    session = session_in(page)
    differ = site.form("/session/challenge", session=session, answer=PASSWORD, again="something else")
    assert (differ.status_code, session_in(differ)) == (422, session)
    assert "differ" in differ.text
    assert PASSWORD not in differ.text
    answer = site.form("/session/challenge", session=session, answer=PASSWORD, again=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, UI)
    assert set(cookies(answer)) == {"reviewlens_access", "reviewlens_refresh"}
    assert site.tokens("kim")


def test_a_code_by_the_pages(site):
    site.pool.add("lou", PASSWORD)
    secret = site.pool.add_app(site.tokens("lou")["access_token"])
    page = site.form("/session/login", username="lou", password=PASSWORD)
    assert "six digits" in page.text
    assert 'autocomplete="one-time-code"' in page.text
    wrong = site.form("/session/challenge", session=session_in(page), answer="000")
    assert wrong.status_code == 401
    assert 'role="alert"' in wrong.text
    answer = site.form("/session/challenge", session=session_in(wrong), answer=code_of(secret))
    assert answer.status_code == 303


def test_the_page_that_sets_an_app_up_shows_its_key(site):
    response = {"ChallengeName": "MFA_SETUP", "Session": PROOF, "ChallengeParameters": {"USER_ID_FOR_SRP": "hana"}}
    with answering(site.identity._client, "InitiateAuth", response):
        page = site.form("/session/login", username="hana", password=PASSWORD)
    secret = Challenge.from_session(session_in(page)).secret
    assert f"otpauth://totp/ReviewLens?secret={secret}&amp;issuer=ReviewLens" in page.text
    shown = re.search(r'<p class="key">([^<]+)</p>', page.text)
    assert shown
    assert shown[1].replace(" ", "") == secret
    answer = site.form("/session/challenge", session=session_in(page), answer=code_of(secret))
    assert answer.status_code == 303


def test_an_expired_log_in_starts_again(site):
    page = site.form("/session/challenge", session="nonsense", answer="123456")
    assert page.status_code == 401
    assert 'action="/session/login"' in page.text
    old = Challenge(ChallengeKind.CODE_BY_SMS, "hana", PROOF).session  # a challenge that the emulator did not send
    page = site.form("/session/challenge", session=old, answer="123456")
    assert page.status_code == 401
    assert "log in again" in page.text
    assert 'action="/session/login"' in page.text


@pytest.mark.parametrize("path", ["login", "challenge", "sign-up", "confirm", "forgotten", "new-password"])
def test_forms_on_another_site_are_refused(site, path):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = site.form(f"/session/{path}", headers, username="hana", password=PASSWORD)
        assert (answer.status_code, answer.json()["code"]) == (403, "other-origin")
    long = site.form(f"/session/{path}", username="x" * 30_000)
    assert (long.status_code, long.json()["code"]) == (422, "form-too-long")


def test_behind_a_proxy_the_address_that_browsers_know_is_our_own(site):
    answer = site.form("/session/login", {"Origin": UI, "Host": "10.0.0.7:8000"}, username="hana", password=PASSWORD)
    assert answer.status_code == 303


def test_log_out_works_when_cognito_does_not_respond(site):
    refresh = site.tokens("hana")["refresh_token"]
    with answering(site.identity._client, "RevokeToken", EndpointConnectionError(endpoint_url="x")):
        ended = site.client.get("/session/end", headers={"Cookie": f"reviewlens_refresh={refresh}"})
    assert (ended.status_code, ended.headers["location"]) == (303, "/session/login")
    assert len(cookies(ended)) == 2


# -- a forgotten password ---------------------------------------------------------------------------------------------

NEW = "quite another password"


def test_a_forgotten_password_by_the_api(site):
    site.pool.add("rosa", PASSWORD)
    sent = [site.post("/login/forgotten", username=name) for name in ("rosa", "nobody", "a b")]
    assert [(answer.status_code, answer.content) for answer in sent] == [(204, b"")] * 3
    wrong = site.post("/login/new-password", username="rosa", code="000000", password=NEW)
    unknown = site.post("/login/new-password", username="nobody", code="000000", password=NEW)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-code")
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    weak = site.post("/login/new-password", username="rosa", code="654321", password="short")
    assert (weak.status_code, weak.json()["code"]) == (422, "invalid-password")
    assert site.post("/login/new-password", username="rosa", code="654321", password=NEW).status_code == 204
    assert site.post("/login", username="rosa", password=PASSWORD).status_code == 401
    assert site.post("/login", username="rosa", password=NEW).status_code == 200


def test_a_forgotten_password_by_the_pages(site):
    site.pool.add("sven", PASSWORD)
    assert 'href="/session/forgotten"' in site.client.get("/session/login").text
    assert 'action="/session/forgotten"' in site.client.get("/session/forgotten").text
    assert 'action="/session/new-password"' in site.client.get("/session/new-password").text
    pages = [site.form("/session/forgotten", username=name) for name in ("sven", "nobody")]
    assert [page.status_code for page in pages] == [200, 200]
    assert pages[0].text.replace("sven", "nobody") == pages[1].text
    assert 'role="status"' in pages[0].text and 'action="/session/new-password"' in pages[0].text
    fields = {"username": "sven", "code": "654321", "password": NEW}
    differ = site.form("/session/new-password", **fields, again="else")
    assert differ.status_code == 422
    assert 'value="sven"' in differ.text
    assert NEW not in differ.text
    again = site.form("/session/new-password", username="sven", resend="1")
    assert 'role="status"' in again.text
    wrong = site.form("/session/new-password", **{**fields, "code": "000000"}, again=NEW)
    assert wrong.status_code == 401
    done = site.form("/session/new-password", **fields, again=NEW)
    assert "new password is set" in done.text
    assert 'action="/session/login"' in done.text
    assert site.form("/session/login", username="sven", password=NEW).status_code == 303


def test_a_required_password_reset_leads_to_its_page(site):
    site.pool.add("tilda", PASSWORD)
    site.pool.admin.admin_reset_user_password(UserPoolId=site.pool.id, Username="tilda")
    page = site.form("/session/login", username="tilda", password=PASSWORD)
    assert page.status_code == 401
    assert 'action="/session/new-password"' in page.text
    done = site.form("/session/new-password", username="tilda", code="654321", password=NEW, again=NEW)
    assert done.status_code == 200
    assert site.form("/session/login", username="tilda", password=NEW).status_code == 303


def test_asking_for_codes_is_limited_by_address(pool, tmp_path):
    with contextmanager(_sites)(pool, tmp_path, login_attempts_per_minute=4) as site:
        calls = (
            lambda number: site.post("/login/forgotten", username=f"u{number}"),
            lambda number: site.post("/login/new-password", username=f"u{number}", code="000000", password=NEW),
            lambda number: site.form("/session/forgotten", username=f"u{number}"),
            lambda number: site.form("/session/new-password", username=f"u{number}", resend="1"),
        )
        answers = [calls[number % 4](number) for number in range(8)]
    assert [answer.status_code for answer in answers] == [204, 401, 200, 200, 429, 429, 429, 429]
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers[4:])


# -- sign-up ----------------------------------------------------------------------------------------------------------


def test_sign_up_by_the_api(site):
    made = site.post("/sign-up", username="mia", password=PASSWORD, email="mia@example.org")
    assert (made.status_code, made.json()["confirmed"]) == (201, False)
    early = site.post("/login", username="mia", password=PASSWORD)
    assert (early.status_code, early.json()["code"]) == (401, "user-not-confirmed")
    assert site.post("/sign-up/resend", username="mia").status_code == 204
    assert site.post("/sign-up/resend", username="nobody").status_code == 204
    wrong = site.post("/sign-up/confirm", username="mia", code="000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-code")
    assert site.post("/sign-up/confirm", username="mia", code="123456").status_code == 204
    assert site.tokens("mia")


def test_sign_up_by_the_pages(site):
    assert "/session/sign-up" in site.client.get("/session/login").text
    assert 'name="email"' in site.client.get("/session/sign-up").text
    fields = {"username": "nils", "password": PASSWORD, "email": "nils@example.org"}
    differ = site.form("/session/sign-up", **fields, again="else")
    assert differ.status_code == 422
    assert 'value="nils@example.org"' in differ.text
    assert PASSWORD not in differ.text
    page = site.form("/session/sign-up", **fields, again=PASSWORD)
    assert page.status_code == 200
    assert 'action="/session/confirm"' in page.text
    taken = site.form("/session/sign-up", **fields, again=PASSWORD)
    assert taken.status_code == 409
    early = site.form("/session/login", username="nils", password=PASSWORD)
    assert early.status_code == 401
    assert 'action="/session/confirm"' in early.text
    again = site.form("/session/confirm", username="nils", resend="1")
    assert 'role="status"' in again.text
    wrong = site.form("/session/confirm", username="nils", code="000000")
    assert wrong.status_code == 401
    done = site.form("/session/confirm", username="nils", code="123456")
    assert "is confirmed; log in" in done.text
    assert 'action="/session/login"' in done.text
    assert site.form("/session/login", username="nils", password=PASSWORD).status_code == 303
    assert site.client.get("/session/confirm").status_code == 200


def test_a_pool_with_automatic_confirmation_leads_to_the_log_in(site):
    with answering(site.identity._client, "SignUp", {"UserConfirmed": True, "UserSub": "s"}):
        page = site.form("/session/sign-up", username="ole", password=PASSWORD, again=PASSWORD, email="o@example.org")
    assert 'action="/session/login"' in page.text
    assert "Your user is created" in page.text


def test_a_code_that_could_not_be_sent_can_be_asked_for_again(site):
    answer = {"__type": "CodeDeliveryFailureException", "message": "no"}
    with answering(site.identity._client, "SignUp", answer, 400):
        page = site.form("/session/sign-up", username="pia", password=PASSWORD, again=PASSWORD, email="p@example.org")
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
    with contextmanager(_sites)(pool, tmp_path, sign_up=False) as site:
        for method, path, body in SIGN_UP:
            answer = site.client.request(method, path, **body)
            assert (answer.status_code, answer.json()["code"]) == (403, "sign-up-off"), path
        assert "sign-up" not in site.client.get("/session/login").text


# -- administrators ---------------------------------------------------------------------------------------------------


def test_administrators_see_everybodys_jobs(site):
    site.pool.add("root", PASSWORD, groups=("admin",))
    upload = site.client.post("/uploads?filename=r.csv", content=b"Text\nfine\nbad\n", headers=site.as_("hana")).json()
    job = site.post("/trigger_pipeline", site.as_("hana"), upload_id=upload["upload_id"]).json()["job_id"]
    subject = site.client.get("/me", headers=site.as_("hana")).json()["subject"]
    admin = site.as_("root")
    listed = site.client.get("/admin/jobs", headers=admin).json()
    assert [(one["user"], one["job"]["job_id"]) for one in listed["jobs"]] == [(subject, job)]
    assert site.client.get(f"/admin/jobs/{subject}/{job}", headers=admin).json()["job_id"] == job
    assert site.client.get(f"/jobs/{job}", headers=admin).status_code == 404, "the ordinary routes stay one's own"
    for path in ("/admin/jobs", f"/admin/jobs/{subject}/{job}"):
        answer = site.client.get(path, headers=site.as_("hana"))
        assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
    site.post(f"/jobs/{job}/cancel", site.as_("hana"))
