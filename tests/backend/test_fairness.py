"""One user's requests do not hold up those of others."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from functools import partial

import anyio
import pytest
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from backend.web import bodies
from backend.web.bodies import Bodies
from tests.backend.conftest import CSV, BackendApp, make_backend_app
from tests.backend.requests import PacedRequest, get
from tests.timing import wait_until


def is_ready(backend_app: BackendApp) -> bool:
    return backend_app.client.get("/readyz").status_code == 200


@pytest.fixture(scope="module")
def small_app(tmp_path_factory) -> Iterator[BackendApp]:
    for backend_app in make_backend_app(tmp_path_factory.mktemp("fairness"), max_requests_at_once=6):
        wait_until(partial(is_ready, backend_app))
        yield backend_app


def upload(backend_app: BackendApp, name: str) -> PacedRequest:
    headers = {**backend_app.as_(name), "Content-Type": "text/csv"}
    return PacedRequest("POST", "/uploads", headers, "filename=a.csv").start(backend_app)


def predict(backend_app: BackendApp, name: str, *texts: str) -> PacedRequest:
    headers = {**backend_app.as_(name), "Content-Type": "application/json"}
    request = PacedRequest("POST", "/predict-sentiment", headers).start(backend_app)
    return request.send(json.dumps({"texts": texts}).encode())


async def stalled(requests: list[PacedRequest]) -> None:
    for request in requests:
        await request.waits.wait()


def test_a_fifth_upload_at_once_is_refused_and_another_user_uploads_on(small_app):
    async def scenario() -> None:
        first = [upload(small_app, "ana").send(CSV, more=True) for _ in range(4)]
        await stalled(first)
        fifth = upload(small_app, "ana").send(CSV)
        assert (await fifth.status(), fifth.code()) == (429, "too-many-uploads-at-once")
        assert int(fifth.header("retry-after")) >= 1
        assert await upload(small_app, "ben").send(CSV).status() == 201
        assert [await request.send().status() for request in first] == [201] * 4
        assert await upload(small_app, "ana").send(CSV).status() == 201

    asyncio.run(scenario())


def test_a_users_requests_at_once_are_limited_whatever_they_ask_for(small_app):
    async def scenario() -> None:
        uploads = [upload(small_app, "ana").send(CSV, more=True) for _ in range(4)]
        await stalled(uploads)
        with held_scoring(small_app) as gate:
            texts = [predict(small_app, "ana", "fine") for _ in range(2)]
            await stalled(texts)
            refused = await get(small_app, "/jobs", small_app.as_("ana"))
            assert (await refused.status(), refused.code()) == (429, "too-many-at-once")
            assert await (await get(small_app, "/jobs", small_app.as_("ben"))).status() == 200
            gate.set()
            assert [await request.status() for request in texts] == [200] * 2
        assert [await request.send().status() for request in uploads] == [201] * 4
        assert await (await get(small_app, "/jobs", small_app.as_("ana"))).status() == 200

    asyncio.run(scenario())


class held_scoring:
    """Nothing is scored until the event is set."""

    def __init__(self, backend_app: BackendApp) -> None:
        self._queue = backend_app.platform.predictor._queue
        self._open, self._reached = threading.Event(), threading.Event()

    def _wait(self) -> Generator[None, None, None]:
        self._reached.set()
        self._open.wait()
        yield

    def __enter__(self) -> threading.Event:
        self._queue.submit(self._wait(), 0)
        self._reached.wait(60)
        return self._open

    def __exit__(self, *_: object) -> None:
        self._open.set()


def test_a_third_predict_request_at_once_is_refused_and_another_user_is_served(backend_app):
    async def scenario() -> None:
        with held_scoring(backend_app) as gate:
            first = [predict(backend_app, "ana", "fine") for _ in range(2)]
            await stalled(first)
            third = predict(backend_app, "ana", "fine")
            assert (await third.status(), third.code()) == (429, "too-many-predicts-at-once")
            assert int(third.header("retry-after")) >= 1
            other = predict(backend_app, "ben", "fine")
            await other.waits.wait()
            gate.set()
            assert [await request.status() for request in (*first, other)] == [200] * 3

    asyncio.run(scenario())


def test_a_predict_request_is_refused_before_its_body_is_read(backend_app):
    async def scenario() -> None:
        headers = {**backend_app.as_("ana"), "Content-Type": "application/json"}
        stalled_bodies = [PacedRequest("POST", "/predict-sentiment", headers).start(backend_app) for _ in range(2)]
        await stalled(stalled_bodies)
        third = PacedRequest("POST", "/predict-sentiment", headers).start(backend_app)
        assert (await third.status(), third.code()) == (429, "too-many-predicts-at-once")
        stranger = PacedRequest("POST", "/predict-sentiment", {"Authorization": "Bearer x"}).start(backend_app)
        assert await stranger.status() == 401
        for request in stalled_bodies:
            assert await request.send(b'{"text": "fine"}').status() == 200

    asyncio.run(scenario())


def test_texts_that_a_client_abandoned_are_not_scored(backend_app, monkeypatch):
    scored: list[str] = []
    backend_app.platform.predictor.predict(["The model is loaded."])
    scorer = backend_app.platform.predictor._scorer
    predict_texts = scorer.predict
    monkeypatch.setattr(scorer, "predict", lambda texts: scored.extend(texts) or predict_texts(texts))

    async def scenario() -> None:
        with held_scoring(backend_app) as gate:
            abandoned = predict(backend_app, "ana", "nobody waits for this")
            await abandoned.waits.wait()
            abandoned.leave()
            assert await abandoned.status() == 400
            kept = predict(backend_app, "ana", "somebody waits for this")
            await kept.waits.wait()
            gate.set()
            assert await kept.status() == 200

    asyncio.run(scenario())
    assert scored == ["somebody waits for this"]


def test_with_a_locked_job_table_requests_are_answered_and_say_why(backend_app):
    upload_id = backend_app.upload()["upload_id"]
    other = sqlite3.connect(backend_app.folder / "jobs.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        for path in ("/jobs", "/me", "/healthz"):
            assert backend_app.client.get(path, headers=backend_app.as_("ana")).status_code == 200
        for _ in range(2):
            body, headers = {"upload_id": upload_id}, backend_app.as_("ana")
            refused = backend_app.client.post("/trigger_pipeline", json=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (503, "database-unavailable")
            assert "locked" in refused.json()["detail"]
            assert int(refused.headers["retry-after"]) >= 1
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert backend_app.client.post("/trigger_pipeline", json=body, headers=headers).status_code == 202


def while_no_thread_is_free(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario while all threads for routes are busy; they are free again afterwards."""

    async def occupied() -> None:
        release = threading.Event()
        threads = int(anyio.to_thread.current_default_thread_limiter().total_tokens)
        reached = [threading.Event() for _ in range(threads)]

        def occupy(number: int) -> None:
            reached[number].set()
            release.wait()

        busy = [asyncio.ensure_future(run_in_threadpool(occupy, number)) for number in range(threads)]
        try:
            for event in reached:
                while not event.is_set():
                    await asyncio.sleep(0)
            await asyncio.wait_for(scenario(), 120)  # only stops a test that would never end
        finally:
            release.set()
            await asyncio.gather(*busy)

    asyncio.run(occupied())


def test_tokens_log_ins_and_readiness_do_not_wait_behind_work(backend_app):
    headers = backend_app.as_("ana")
    user = {"username": "fay", "password": "a password for tests"}
    backend_app.platform.local_users.add_user(*user.values())

    async def scenario() -> None:
        assert await (await get(backend_app, "/me", headers)).status() == 200
        assert await (await get(backend_app, "/readyz", {})).status() == 200
        json_headers = {"Content-Type": "application/json"}
        login = PacedRequest("POST", "/login", json_headers).start(backend_app).send(json.dumps(user).encode())
        assert await login.status() == 200
        assert await predict(backend_app, "ana", "fine").status() == 200
        assert await upload(backend_app, "ana").send(b"").status() == 422

    while_no_thread_is_free(scenario)


def test_the_load_balancers_check_fails_while_the_service_is_frozen(backend_app, monkeypatch):
    monkeypatch.setattr("backend.web.health.FROZEN_SECONDS", 0.05)

    async def scenario() -> None:
        assert await (await get(backend_app, "/healthz", {})).status() == 503

    while_no_thread_is_free(scenario)
    assert backend_app.client.get("/healthz").status_code == 200


# -- bodies that do not arrive -----------------------------------------------------------------------------------------


async def never() -> dict[str, object]:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def read(limits: Bodies, receive: Callable[[], Awaitable[dict[str, object]]], path: str = "/uploads") -> int:
    """The status with which a body is given up; 0 when it arrives."""

    async def all_of_it() -> int:
        limited = limits.limited({"type": "http", "path": path}, receive)
        try:
            while (await limited())["more_body"]:
                pass
        except HTTPException as error:
            assert error.headers is not None
            assert error.headers["Connection"] == "close"
            return error.status_code
        return 0

    return asyncio.run(all_of_it())


def test_a_body_that_stalls_is_given_up():
    assert read(Bodies(0.02), never) == 408


def test_a_body_that_trickles_is_given_up():
    async def trickle() -> dict[str, object]:
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert read(Bodies(0.05), trickle) == 408


def test_a_body_that_arrives_in_time_is_read():
    parts = [b"x" * 1000, b"y"]

    async def arrives() -> dict[str, object]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    assert read(Bodies(30), arrives) == 0


def test_a_huge_body_is_given_up_unless_it_is_an_upload(monkeypatch):
    monkeypatch.setattr(bodies, "MAX_OTHER_BODY_BYTES", 10)

    async def huge() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * 11, "more_body": False}

    assert read(Bodies(30), huge, "/login") == 413
    assert read(Bodies(30), huge, "/api/uploads") == read(Bodies(30), huge, "/predict-sentiment") == 0


def test_a_stop_ends_bodies_that_wait_and_those_that_begin_later():
    limits = Bodies(30)

    async def stops() -> dict[str, object]:
        asyncio.get_running_loop().call_soon(limits.stop)
        return await never()

    assert read(limits, stops) == 503
    assert read(limits, never) == 503


def test_waiting_for_the_client_to_leave_has_no_limit():
    limits, calls = Bodies(0.001), []

    async def receive() -> dict[str, object]:
        calls.append(limits._waiting.copy())
        return {"type": "http.request", "body": b"", "more_body": False}

    async def scenario() -> None:
        limited = limits.limited({"type": "http", "path": "/me"}, receive)
        await limited()
        await limited()

    asyncio.run(scenario())
    assert [len(each) for each in calls] == [1, 0]
