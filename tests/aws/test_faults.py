"""Each call to AWS made to fail, once and for ever, at each point of a job; the points are those of one left alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from reviewlens.errors import ReviewLensError
from reviewlens.jobs.interface import UNFINISHED, JobState
from tests.aws.account import AwsAccount, reviews
from tests.aws.in_process import InProcessBackend
from tests.aws.proxy import Fault, How

pytestmark = [pytest.mark.spark]

CONTENT = reviews(30)
WHEN_DONE = {"inference_summary.json", "progress.json", "rejected.csv", "served.csv", "spec.json"}
STAGES = {
    "clear": r"DeleteObject .*/_work/(?!lease)",
    "upload": r"uploads/",
    "begin": r"/(spec|error|cancelled)\.json|/cancel$",
    "lease": r"lease\.json",
    "tell": r"progress\.json|timings\.json",
    "read": r"_work/(raw|raw-rejected|read)/|plan\.json",
    "clean": r"_work/clean/",
    "deduplicate": r"duplicates",
    "infer": r"_work/scores/|engine|identity",
    "assemble": r"_work/parts/|reused",
    "publish": r"(served|processed|rejected|inference_summary)",
}
"""The parts of a job by the objects that they read and write."""
READS = {"GetObject", "HeadObject", "ListObjectsV2"}


@pytest.fixture(scope="module")
def undisturbed(account: AwsAccount, machine: InProcessBackend) -> tuple[list[str], dict[str, bytes]]:
    """The points of a job, from the upload to its end, and what it makes."""
    whole_job(machine)  # the first one loads what is loaded once
    account.proxy.forget()
    job_id = whole_job(machine)
    points = [point for point in account.proxy.points() if "GetBucketEncryption" not in point]
    return points, machine.outputs(job_id)


def whole_job(machine: InProcessBackend) -> str:
    job_id = machine.submit(machine.upload(CONTENT))
    job = machine.turn(job_id)
    assert job.state is JobState.SUCCEEDED, job
    assert machine.left(job_id) >= WHEN_DONE
    return job_id


def test_there_are_points_in_every_part_of_a_job(undisturbed: tuple[list[str], dict[str, bytes]]) -> None:
    points, outputs = undisturbed
    assert len(points) >= 40, points
    assert all(outputs.values())
    for part in ("original", "spec.json", "lease.json", "progress.json", "/read/", "/clean/", "/scores/", "/parts/"):
        assert [point for point in points if part in point], part
    assert {point.split()[0] for point in points} == {"s3", "dynamodb"}


@pytest.mark.parametrize("how", ["refuse", "lose-answer", "break-off"])
def test_every_call_failing_once_goes_unnoticed(
    account: AwsAccount, machine: InProcessBackend, undisturbed: tuple[list[str], dict[str, bytes]], how: How
) -> None:
    """The first attempt of every single call fails as passing faults do: refused, done but its answer lost, cut off."""
    every = Fault(lambda call: call.attempt == 1, times=None, how=how, retryable=True, code="InternalError")
    with account.proxy.failing(every):
        job_id = whole_job(machine)
    assert every.hits >= 100
    assert machine.outputs(job_id) == undisturbed[1]
    assert machine.now(job_id).attempts == 1


def stage_of(point: str) -> str:
    """The part of a job that a point belongs to; S3's alone have one."""
    return next((name for name, pattern in STAGES.items() if re.search(pattern, point)), "other")


def representatives(points: Sequence[str]) -> list[str]:
    """One point of each kind: each use of the job table, each operation of S3, and in each part of a job the first
    that reads, the first that writes and the first that deletes."""
    seen: set[tuple[str, ...]] = set()
    chosen = []
    for point in points:
        service, operation, *_ = point.split()
        kinds = {(point,)} if service != "s3" else {(operation,), (stage_of(point), kind_of(point))}
        if not kinds <= seen:
            chosen.append(point)
        seen |= kinds
    return chosen


def kind_of(point: str) -> str:
    """Whether a point reads, writes or deletes."""
    operation = point.split()[1]
    return "reads" if operation in READS else "deletes" if operation == "DeleteObject" else "writes"


def test_the_representatives_leave_no_kind_out(undisturbed: tuple[list[str], dict[str, bytes]]) -> None:
    points, _ = undisturbed
    chosen = representatives(points)
    assert 20 <= len(chosen) < len(points)
    assert {point for point in points if point.startswith("dynamodb")} <= set(chosen)
    assert {point.split()[1] for point in points} == {point.split()[1] for point in chosen}
    kinds = {(stage_of(point), kind_of(point)) for point in points}
    assert {(stage_of(point), kind_of(point)) for point in chosen} == kinds
    assert {stage for stage, _ in kinds} >= set(STAGES)


@pytest.mark.minutes
@pytest.mark.parametrize("which", ["of each kind", "all"])
def test_a_job_that_fails_at_every_point_in_turn_ends_as_if_undisturbed(
    account: AwsAccount, machine: InProcessBackend, undisturbed: tuple[list[str], dict[str, bytes]], which: str
) -> None:
    """At each point all calls fail while the attempt lasts; then AWS is well again, and the person tries again."""
    points, expected = undisturbed
    points = points if which == "all" else representatives(points)
    upload = job_id = ""
    ends: dict[str, str] = {}
    for point in points:
        with account.proxy.failing(Fault(lambda call, at=point: call.point == at, times=None)) as fault:
            upload, job_id, ends[point] = attempt(machine, upload, job_id)
        if fault.hits == 0:
            ends[point] += " (not reached)"
        if not job_id:
            continue
        job = machine.now(job_id)
        if job.state is JobState.FAILED:
            machine.cause(job)
            machine.retry(job_id)
        elif job.state is JobState.SUCCEEDED:
            assert machine.outputs(job_id) == expected, point
            upload = job_id = ""
    if job_id:
        assert machine.turn(job_id).state is JobState.SUCCEEDED, ends
        assert machine.outputs(job_id) == expected
        assert machine.left(job_id) >= WHEN_DONE
    print("\n".join(f"{end:40} {point}" for point, end in ends.items()))
    assert sum("not reached" in end for end in ends.values()) <= len(points) // 10, ends


def attempt(machine: InProcessBackend, upload: str, job_id: str) -> tuple[str, str, str]:
    """One attempt of whoever uses it, from wherever things stand; what has come of it."""
    try:
        upload = upload or machine.upload(CONTENT)
        job_id = job_id or machine.submit(upload)
    except ReviewLensError as error:
        return upload, job_id, f"refused: {error.code}"
    job = machine.turn(job_id)
    return upload, job_id, f"{job.state} {job.error_code}"


@pytest.mark.minutes
@pytest.mark.parametrize("service", ["s3", "dynamodb"])
@pytest.mark.parametrize("at", ["/clean/", "PutObject output/{user}/{id}/served.csv"])
def test_a_service_that_fails_for_ever_from_some_point_on(
    account: AwsAccount,
    machine: InProcessBackend,
    undisturbed: tuple[list[str], dict[str, bytes]],
    service: str,
    at: str,
) -> None:
    """Nothing can be written down meanwhile; afterwards the job finishes, or says why not and can be tried again."""
    upload = machine.upload(CONTENT)
    job_id = machine.submit(upload)
    begun: list[Any] = []

    def down(call: Any) -> bool:
        if at in call.point:
            begun.append(call)
        return bool(begun) and call.service == service

    with account.proxy.failing(Fault(down, times=None, retryable=True, code="ServiceUnavailable")) as fault:
        machine.turn(job_id)
        assert fault.hits
    job = machine.turn(job_id)
    if job.state is JobState.FAILED:
        machine.cause(job)
        machine.retry(job_id)
        job = machine.turn(job_id)
    assert job.state is JobState.SUCCEEDED, job
    assert machine.outputs(job_id) == undisturbed[1]


def test_no_cause_was_left_out(machine: InProcessBackend) -> None:
    """Of all the failures above, each had a cause that a person can do something with."""
    assert set(machine.causes) <= {"aws-failed", "job-failed", "interrupted-too-often", "aws-unreachable"}
    assert UNFINISHED
