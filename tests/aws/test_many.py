"""A thousand submissions at once, or 200, to two backends of an account: each taken once or told to wait, none lost."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from reviewlens import aws
from reviewlens.contracts.keys import JobKeys, UploadKeys
from reviewlens.ids import new_id
from reviewlens.jobs.dynamodb import DynamoJobTable, create_table
from tests.aws.account import AwsAccount, backend, log_in, reviews
from tests.frontend.running import Backend

USERS = ("one", "two", "three", "four")
ENGINES = ("textblob", "openvino", "openvino-small", "openvino-bf16", "openvino-fp32")
UPLOADS = [5, pytest.param(25, marks=pytest.mark.minutes)]
"""Of each user, each asked for with every engine and of both backends: 200 submissions, and a thousand."""
WAITING = [sys.executable, "-S", "-c", "import time; time.sleep(900)"]


@dataclass(frozen=True)
class Answer:
    """What came back to one submission."""

    user: str
    wanted: tuple[str, str]
    status: int
    body: dict[str, Any]
    retry_after: str


@dataclass(frozen=True)
class Crowd:
    """Two backends with a table of their own, on which nothing else works, and what each user has uploaded."""

    backends: tuple[Backend, Backend]
    table: DynamoJobTable
    bucket: str
    subjects: dict[str, str]
    tokens: dict[str, str]
    uploads: dict[str, list[str]]
    allowed: int


@pytest.fixture(scope="module", params=UPLOADS, ids=lambda number: f"{number} uploads each")
def crowd(
    account: AwsAccount, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Crowd]:
    count: int = request.param
    allowed = 4 * count  # of the five engines' worth that each asks for
    name = f"{account.table}-many-{count}"
    create_table(aws.client("dynamodb"), name)
    names = {user: f"{user}-of-{count}" for user in USERS}
    subjects = {user: account.add_user(names[user]) for user in USERS}
    settings = {"jobs_table": name, "max_queued_jobs_per_user": str(allowed)}
    account.instead.append(WAITING)
    folders = [tmp_path_factory.mktemp("many") for _ in range(2)]
    with (
        pytest.MonkeyPatch.context() as patch,
        beside_the_proxy(account, patch),
        backend(account, folders[0], **settings) as first,
        backend(account, folders[1], **settings) as second,
    ):
        people = {user: log_in(first, names[user]) for user in USERS}
        uploads = {user: copies(account, people[user], subjects[user], count) for user in USERS}
        tokens = {user: one.access for user, one in people.items()}
        yield Crowd((first, second), DynamoJobTable(name), account.bucket, subjects, tokens, uploads, allowed)
    account.instead.pop()


@contextmanager
def beside_the_proxy(account: AwsAccount, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """The proxy, which shares this process with a thousand requests, would be what is measured."""
    patch.setenv("AWS_ENDPOINT_URL", account.emulator.url)
    yield


def copies(account: AwsAccount, person: Backend, subject: str, count: int) -> list[str]:
    """One file uploaded, and the same again as the store would hold it after further uploads."""
    s3, content = aws.client("s3"), reviews(6)
    first = person.call("POST", "/uploads", params={"filename": "reviews.csv"}, content=content)["upload_id"]
    info = s3.get_object(Bucket=account.bucket, Key=UploadKeys(subject, first).info)["Body"].read().decode()
    ids = [first, *(new_id() for _ in range(count - 1))]

    def put(upload: str) -> None:
        keys = UploadKeys(subject, upload)
        s3.put_object(Bucket=account.bucket, Key=keys.original, Body=content)
        s3.put_object(Bucket=account.bucket, Key=keys.info, Body=info.replace(first, upload).encode())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, ids[1:]))
    return ids


async def submit_all(crowd: Crowd) -> list[Answer]:
    """Each user's every upload with every engine, each asked for twice at once: of the one backend and of the other."""
    limits = httpx.Limits(max_connections=250, max_keepalive_connections=250)
    clients = [
        httpx.AsyncClient(base_url=each.url, timeout=httpx.Timeout(300, pool=None), limits=limits, trust_env=False)
        for each in crowd.backends
    ]

    async def submit(client: httpx.AsyncClient, user: str, upload: str, engine: str) -> Answer:
        headers = {"Authorization": f"Bearer {crowd.tokens[user]}"}
        body = {"upload_id": upload, "engine": engine}
        answer = await client.post("/trigger_pipeline", json=body, headers=headers)
        return Answer(user, (upload, engine), answer.status_code, answer.json(), answer.headers.get("retry-after", ""))

    asked = [
        submit(client, user, upload, engine)
        for uploads in zip(*(crowd.uploads[user] for user in USERS), strict=True)
        for engine in ENGINES
        for user, upload in zip(USERS, uploads, strict=True)
        for client in clients
    ]
    try:
        return list(await asyncio.gather(*asked))
    finally:
        for client in clients:
            await client.aclose()


def test_of_a_thousand_submissions_at_once_each_is_taken_once_or_told_to_wait(crowd: Crowd) -> None:
    answers = asyncio.run(submit_all(crowd))
    assert len(answers) == 2 * len(ENGINES) * sum(map(len, crowd.uploads.values())) >= 200
    told = Counter((answer.status, answer.body.get("code", "")) for answer in answers)
    assert {status for status, _ in told} <= {200, 202, 429}, told
    for answer in answers:
        if answer.status == 429:
            assert int(answer.retry_after) >= 1, answer
    for user in USERS:
        mine = [answer for answer in answers if answer.user == user]
        new = [answer.body["job_id"] for answer in mine if answer.status == 202]
        again = [answer.body["job_id"] for answer in mine if answer.status == 200]
        assert len(new) == len(set(new)), "no job is new twice"
        assert set(again) <= set(new)
        by_wanted: dict[tuple[str, str], set[str]] = {}
        for answer in mine:
            if answer.status != 429:
                by_wanted.setdefault(answer.wanted, set()).add(answer.body["job_id"])
        assert all(len(ids) == 1 for ids in by_wanted.values()), "the same asked for twice is one job"
        kept = crowd.table.list(crowd.subjects[user], limit=10_000)
        assert sorted(job.id for job in kept) == sorted(new), "none is lost and none is there that nobody was told of"
        assert len(new) == crowd.allowed
    s3 = aws.client("s3")
    for user in USERS:
        some = crowd.table.list(crowd.subjects[user], limit=5)
        for job in some:
            assert s3.head_object(Bucket=crowd.bucket, Key=JobKeys(job.user, job.id).spec)
