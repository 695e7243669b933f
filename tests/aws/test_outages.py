"""Every route while one service of AWS fails for ever, and when it is well again: an answer in words, never a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reviewlens.ids import new_id
from tests.aws.account import PASSWORD
from tests.aws.conftest import LONG, AwsDeployment
from tests.aws.every_route import GUARDED, ROUTES, Route
from tests.aws.proxy import Fault
from tests.shared_spark import SharedSparkTasks

pytestmark = [pytest.mark.spark]

READING = [route for route in GUARDED if route.method == "GET"]
SERVICES = ("s3", "dynamodb", "ecs", "cognito")
CODES = ["ServiceFailure", "AccessDeniedException"]
"""Something that passes, and something that does not: both are AWS's fault, not the caller's."""


@pytest.fixture(scope="module")
def ids(deployment: AwsDeployment, warm: SharedSparkTasks) -> dict[str, Any]:
    unused = deployment.ana.call("POST", "/uploads", params={"filename": "more.csv"}, content=deployment.content)[
        "upload_id"
    ]
    return {
        "job_id": deployment.done,
        "upload_id": unused,
        "row": 1,
        "username": "ana",
        "password": PASSWORD,
        "subject": deployment.ana_subject,
    }


@pytest.fixture
def ana(deployment: AwsDeployment) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {deployment.ana.access}"}
    with httpx.Client(base_url=deployment.ana.url, headers=headers, timeout=60) as client:
        yield client


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("service", SERVICES)
def test_no_route_breaks_while_a_service_does_not_answer(
    deployment: AwsDeployment, ana: httpx.Client, ids: dict[str, Any], service: str, code: str
) -> None:
    seen = {}
    with deployment.account.proxy.failing(Fault(lambda call: call.service == service, times=None, code=code)) as fault:
        for route in ROUTES:
            # What is deleted here, or half deleted, would not be there for the others.
            gone = {"job_id": new_id(), "upload_id": new_id()} if route.method == "DELETE" else {}
            answer = ana.request(**with_body(route, {**ids, **gone}))
            seen[str(route)] = answer.status_code
            assert answer.status_code not in (500, 502, 504), (str(route), answer.text)
            if answer.status_code == 503 and "json" in answer.headers["content-type"] and "code" in answer.json():
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["detail"].endswith((".", "?")), answer.text
    assert fault.hits or service == "ecs", seen
    if service == "dynamodb":
        assert seen["GET /jobs"] == 503
    if service == "s3":
        assert seen["POST /uploads"] == 503
    if service == "cognito":
        assert seen["POST /login"] == 503
    for route in READING:
        answer = ana.request(**with_body(route, ids))
        assert answer.status_code < 500, (str(route), answer.text)


def with_body(route: Route, ids: dict[str, Any]) -> dict[str, Any]:
    """A request, with whatever else its body needs."""
    words = {"refresh_token": "a.b.c.d.e", "session": "s", "answer": "a", "email": "ana@example.org", "code": "123456"}
    return route.request({**words, **ids})


def test_the_dispatcher_has_outlived_all_of_it(deployment: AwsDeployment, warm: SharedSparkTasks) -> None:
    """A job that is submitted now is started and finished."""
    job = deployment.ana.ended(
        deployment.ana.submit("after.csv", deployment.content + b"99,After all of that it works,5\r\n"), LONG
    )
    assert job["state"] == "succeeded", job
    assert warm.started
