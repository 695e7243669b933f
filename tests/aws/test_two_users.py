"""Ben, with a log-in of his own, is after what is Ana's: by every route, with every id, and past the backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from reviewlens.ids import new_id
from tests.aws.conftest import AwsDeployment
from tests.aws.every_route import OF_ADMINS, OF_USERS, WITH_TOKEN, Route, call
from tests.aws.proxy import Call

pytestmark = [pytest.mark.spark]

WITH_IDS = [route for route in OF_USERS if route.names]


@dataclass(frozen=True)
class Theirs:
    """Ids of everything of Ana's: a finished job and its upload, an upload without a job, one that is announced and has
    not come; and ids that nobody has."""

    ben: httpx.Client
    hers: list[dict[str, Any]]
    nobodys: dict[str, Any]
    announced: dict[str, Any]


@pytest.fixture(scope="module")
def theirs(deployment: AwsDeployment) -> Iterator[Theirs]:
    unused = deployment.ana.call("POST", "/uploads", params={"filename": "more.csv"}, content=deployment.content)[
        "upload_id"
    ]
    body = {"filename": "large.csv", "size_bytes": len(deployment.content)}
    announced = deployment.ana.call("POST", "/uploads/direct", json=body)
    uploads = (deployment.job["upload_id"], unused, announced["upload_id"])
    hers = [
        {"job_id": deployment.done, "upload_id": upload, "row": row, "subject": deployment.ana_subject}
        for row, upload in enumerate(uploads, 1)
    ]
    nobodys = {"job_id": new_id(), "upload_id": new_id(), "row": 1, "subject": "nobody"}
    headers = {"Authorization": f"Bearer {deployment.ben.access}"}
    with httpx.Client(base_url=deployment.ben.url, headers=headers, timeout=60) as ben:
        yield Theirs(ben, hers, nobodys, announced)


def test_the_list_of_routes_is_whole() -> None:
    assert len(WITH_IDS) >= 13
    for route in OF_USERS:
        assert ("{" in route.path) <= bool(route.names), f"say in NAMING what {route} names"
        route.request({"upload_id": "u", "job_id": "j", "row": 1, "subject": "s"})  # KeyError: say it in PLAIN_VALUES


@pytest.mark.parametrize("route", WITH_IDS, ids=str)
def test_another_users_ids_do_not_exist(theirs: Theirs, route: Route) -> None:
    nobodys = call(theirs.ben, route, theirs.nobodys)
    for ids in theirs.hers:
        answer = call(theirs.ben, route, ids)
        assert answer.status_code == 404, (route, answer.text)
        assert {**answer.json(), "request_id": ""} == {**nobodys.json(), "request_id": ""}


@pytest.mark.parametrize("route", OF_ADMINS, ids=str)
def test_what_is_for_administrators_is_not_for_him(theirs: Theirs, route: Route) -> None:
    answer = call(theirs.ben, route, theirs.hers[0])
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


def test_no_object_or_row_of_another_user_is_touched(deployment: AwsDeployment, theirs: Theirs) -> None:
    """Seen from where AWS stands: while Ben asks, no call names Ana."""
    proxy = deployment.account.proxy
    seen: list[Call] = []
    for route in WITH_TOKEN:
        for ids in theirs.hers:
            proxy.forget()
            call(theirs.ben, route, ids)
            with proxy.lock:
                seen += proxy.calls
    assert len(seen) >= len(WITH_IDS)
    named = [
        each for each in seen if deployment.ana_subject in each.key or deployment.ana_subject.encode() in each.body
    ]
    assert [(each.service, each.operation, each.key) for each in named] == []
    by_ben = [
        each for each in seen if deployment.ben_subject in each.key or deployment.ben_subject.encode() in each.body
    ]
    assert len(by_ben) >= len(WITH_IDS) // 2, "his own were looked for"


def send(form: dict[str, Any], content: bytes, **changed: str) -> httpx.Response:
    """A file by a form, as a browser sends it; with some of its fields changed."""
    return httpx.post(form["url"], data={**form["fields"], **changed}, files={"file": ("a.csv", content)}, timeout=60)


def test_a_form_for_ones_own_upload_writes_nowhere_else(deployment: AwsDeployment, theirs: Theirs) -> None:
    form = theirs.ben.post("/uploads/direct", json={"filename": "a.csv", "size_bytes": len(deployment.content)}).json()
    hers = theirs.announced["fields"]["key"]
    assert deployment.ana_subject in hers
    assert deployment.ben_subject in form["fields"]["key"]
    for key in (hers, f"output/{deployment.ana_subject}/served.csv", "models/champion.json"):
        assert send(form, deployment.content, key=key).status_code == 403, key
    assert send(form, deployment.content + b"more").status_code in (400, 403)
    assert hers not in deployment.account.objects(deployment.ana_subject, "uploads")
    assert send(form, deployment.content).status_code == 204
    done = theirs.ben.post(f"/uploads/{form['upload_id']}/complete")
    assert (done.status_code, done.json()["size_bytes"]) == (200, len(deployment.content))


def test_lists_hold_ones_own_alone(deployment: AwsDeployment, theirs: Theirs) -> None:
    listed = theirs.ben.get("/jobs", params={"limit": 200}).json()["jobs"]
    assert deployment.done not in [job["job_id"] for job in listed]
    after_hers = theirs.ben.get("/jobs", params={"cursor": deployment.done}).json()["jobs"]
    assert {job["job_id"] for job in after_hers} <= {job["job_id"] for job in listed}


def test_what_is_hers_is_untouched(deployment: AwsDeployment, theirs: Theirs) -> None:
    """The last here: after all of Ben's attempts, deletions and cancellations among them."""
    assert deployment.ana.call("GET", f"/jobs/{deployment.done}") == deployment.job
    for ids in theirs.hers[:2]:
        assert deployment.ana.call("GET", f"/uploads/{ids['upload_id']}")["upload_id"] == ids["upload_id"]
    assert len(deployment.account.objects(deployment.ana_subject, "output")) >= 5
    assert send(theirs.announced, deployment.content).status_code == 204
    done = deployment.ana.call("POST", f"/uploads/{theirs.announced['upload_id']}/complete")
    assert done["size_bytes"] == len(deployment.content)
