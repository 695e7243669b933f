"""Several backends on one DynamoDB table and one store: nothing happens twice, nothing is lost."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reviewlens import aws as reviewlens_aws
from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import ConfigurationError, ConflictError, LimitError, TransientError
from reviewlens.jobs import dispatcher as module
from reviewlens.jobs import watch as watch_module
from reviewlens.jobs.dynamodb import DynamoJobTable
from reviewlens.jobs.interface import CLAIM, Counts, JobState
from reviewlens.launch.interface import TaskState, TaskStatus
from reviewlens.launch.subprocess import SubprocessLauncher
from reviewlens.settings import Settings
from reviewlens.storage.local import LocalObjectStore
from reviewlens.uploads.service import Overrides
from tests.jobs.conftest import JobHarness
from tests.jobs.faults import Faults
from tests.jobs.tables import another, new_table
from tests.summaries import summary_of
from tests.timing import FakeClock, wait_until

# Notes down that it began, works a little, and leaves a summary as a job does.
TASK = f"""
import json, os, pathlib, sys, time, urllib.parse
folder = pathlib.Path(urllib.parse.unquote(sys.argv[-1].removeprefix("file://"))).parent
with (folder / "begun").open("a") as file:
    file.write(f"{{os.getpid()}}\\n")
time.sleep(0.2)
written = folder / "summary.tmp"
written.write_text(json.dumps({summary_of()!r}))
written.rename(folder / "inference_summary.json")
"""
LEASE = 2


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(watch_module, "time", clock)
    return clock


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def backends(aws, tmp_path):
    """Two of them, with everything of their own but table, store and the place where tasks run."""
    return pair(tmp_path, new_table())


def pair(folder: Path, table: DynamoJobTable, **changes) -> tuple[JobHarness, JobHarness]:
    one = backend(folder, "one", table, **changes)
    two = backend(folder, "two", another(table), launcher=one.launcher, **changes)
    return one, two


def backend(folder: Path, name: str, table: DynamoJobTable, *, launcher=None, **changes) -> JobHarness:
    settings = Settings(
        **{
            "data_dir": folder / name,
            "engine": "textblob",
            "jobs_table": table.name,
            "lease_seconds": LEASE,
            "max_queued_jobs_per_user": 50,
            **changes,
        }
    )
    harness = JobHarness(folder / name, settings, table=table, **({"launcher": launcher} if launcher else {}))
    store = LocalObjectStore(folder / "objects")
    harness.store = harness.service.store = harness.uploads._store = harness.dispatcher._watch._store = store
    return harness


def succeed(harness: JobHarness, job: str, user: str = "u1") -> None:
    harness.write(JobKeys(user, job).summary, summary_of())
    harness.launcher.end(harness.table.get(user, job).handle, 0)


# -- starting ---------------------------------------------------------------------------------------------------------


def test_of_two_dispatchers_one_starts_a_job_and_no_more_run_than_allowed(aws, tmp_path):
    one, two = pair(tmp_path, new_table(), max_concurrent_jobs=2)
    jobs = [one.submit() for _ in range(7)]
    ended = set()
    with ThreadPoolExecutor(2) as threads:
        while len(ended) < len(jobs):
            list(threads.map(lambda harness: harness.dispatcher.tick(), (one, two)))
            running = one.table.in_states([JobState.RUNNING])
            assert len(running) <= 2
            for job in running:
                succeed(one, job.id)
            ended |= {job for job in jobs if one.state(job) is JobState.SUCCEEDED}
    assert sorted(one.launcher.specs) == sorted(one.store.uri(JobKeys("u1", job).spec) for job in jobs)
    assert sorted(job.id for job in one.finished + two.finished) == sorted(jobs)


def test_real_tasks_of_two_backends_run_once_each_and_are_settled_by_either(aws, tmp_path):
    script = tmp_path / "task.py"
    script.write_text(TASK)
    command = [sys.executable, "-S", str(script)]
    table = new_table()
    more = {"max_concurrent_jobs": 3, "poll_seconds": 0.1}
    one = backend(tmp_path, "one", table, launcher=SubprocessLauncher(tmp_path / "one" / "logs", command), **more)
    two = backend(
        tmp_path, "two", another(table), launcher=SubprocessLauncher(tmp_path / "two" / "logs", command), **more
    )
    for harness in (one, two):
        harness.dispatcher.start()
    jobs = [harness.submit() for _ in range(3) for harness in (one, two)]
    wait_until(lambda: all(one.state(job) is JobState.SUCCEEDED for job in jobs))
    for harness in (one, two):
        harness.dispatcher.stop()
    for job in jobs:
        assert len(one.store.get(JobKeys("u1", job).output_prefix + "begun").split()) == 1
        assert one.table.get("u1", job).attempts == 1
    assert sorted(job.id for job in one.finished + two.finished) == sorted(jobs)


def test_a_list_that_is_behind_does_no_harm(backends):
    one, two = backends
    job = one.submit()
    stale = two.table.in_states([JobState.QUEUED])
    one.dispatcher.tick()
    two.table.in_states = lambda states, **_: stale if JobState.QUEUED in states else []
    two.dispatcher.tick()
    assert len(one.launcher.specs) == 1
    assert one.state(job) is JobState.RUNNING


# -- claims whose owner may be dead -----------------------------------------------------------------------------------


def claimed(harness: JobHarness) -> str:
    """A job that some backend is about to start, or was when it died."""
    job = harness.submit()
    harness.table.claim(
        "u1", job, at_most=1, attempts=1, started_at="2026-01-01T00:00:00+00:00", handle=CLAIM + "other"
    )
    return job


def test_a_start_in_progress_elsewhere_is_not_taken_for_a_task_that_is_gone(backends, clock):
    one, _ = backends
    job = claimed(one)
    for _ in range(3):
        one.dispatcher.tick()
        clock.now += module.MISSED_LEASES * LEASE / 3
    assert (one.state(job), one.launcher.specs) == (JobState.RUNNING, [])


def test_a_claim_whose_owner_died_is_given_up_after_a_while(backends, clock, no_pause):
    one, _ = backends
    job = claimed(one)
    one.dispatcher.tick()
    clock.now += module.MISSED_LEASES * LEASE + 1
    one.dispatcher.tick()
    row = one.table.get("u1", job)
    assert (row.state, row.attempts, row.handle) == (JobState.RUNNING, 2, "task 1")
    succeed(one, job)
    one.dispatcher.tick()
    assert one.state(job) is JobState.SUCCEEDED


def test_a_task_without_a_handle_is_left_alone_as_long_as_it_is_heard_of(backends, clock):
    one, _ = backends
    job = claimed(one)
    for beat in range(4):
        one.write(JobKeys("u1", job).lease, {"beats": beat})
        one.dispatcher.tick()
        clock.now += module.MISSED_LEASES * LEASE
    assert (one.state(job), one.launcher.specs) == (JobState.RUNNING, [])
    one.write(JobKeys("u1", job).summary, summary_of())
    one.dispatcher.tick()
    assert one.state(job) is JobState.SUCCEEDED


def test_a_cancelled_claim_whose_owner_died_ends_as_cancelled(backends, clock):
    one, _ = backends
    job = claimed(one)
    assert one.service.cancel("u1", job).state is JobState.CANCELLING
    one.dispatcher.tick()
    clock.now += module.MISSED_LEASES * LEASE + 1
    one.dispatcher.tick()
    row = one.table.get("u1", job)
    assert (row.state, row.error, row.error_code) == (JobState.CANCELLED, "", "")


def test_a_backend_forgets_what_it_saw_of_a_job_that_another_one_settled(backends):
    one, two = backends
    job = one.submit()
    one.dispatcher.tick()
    for harness in (one, two):
        harness.dispatcher.tick()
        assert harness.dispatcher._watch._observations
    succeed(one, job)
    for harness in (one, two):
        harness.dispatcher.tick()
        assert harness.dispatcher._watch._observations == {}


def test_a_task_that_was_started_too_late_is_stopped_again(backends):
    one, two = backends
    job = one.submit()
    start = one.launcher.start

    def slowly(uri, *, input_bytes=0):
        two.table.move("u1", job, JobState.INTERRUPTED)  # the others have waited long enough
        return start(uri, input_bytes=input_bytes)

    one.launcher.start = slowly
    one.dispatcher.tick()
    assert one.launcher.stopped == ["task 1"]
    row = one.table.get("u1", job)
    assert (row.state, row.handle.startswith(CLAIM)) == (JobState.INTERRUPTED, True)


def test_a_start_that_fails_too_late_does_not_touch_what_others_did(backends):
    one, two = backends
    job = one.submit()

    def slowly(uri, *, input_bytes=0):
        two.table.move("u1", job, JobState.FAILED, error="others")
        raise TransientError("No machine now.")

    one.launcher.start = slowly
    one.dispatcher.tick()
    assert (one.state(job), one.table.get("u1", job).error) == (JobState.FAILED, "others")


def test_a_cancellation_while_the_task_is_being_started_reaches_it(backends):
    one, two = backends
    job = one.submit()
    update = one.table.update

    def late(*arguments, **changes):
        one.table.update = update
        two.service.cancel("u1", job)  # between the look at the row and the handle's being noted
        return update(*arguments, **changes)

    one.table.update = late
    one.dispatcher.tick()
    row = one.table.get("u1", job)
    assert (row.state, row.handle) == (JobState.CANCELLING, "task 1")
    one.launcher.end("task 1", 3)
    two.dispatcher.tick()
    assert two.state(job) is JobState.CANCELLED


# -- tasks that died without a word -----------------------------------------------------------------------------------


def test_a_task_that_nobody_knows_any_more_is_settled_when_it_is_silent(backends, clock):
    one, two = backends
    job = one.submit()
    one.dispatcher.tick()
    one.launcher.statuses.clear()
    keys = JobKeys("u1", job)
    for beat in range(3):
        one.write(keys.lease, {"beats": beat})
        two.dispatcher.tick()
        clock.now += module.MISSED_LEASES * LEASE
        assert two.state(job) is JobState.RUNNING
    two.dispatcher.tick()
    clock.now += 1
    two.dispatcher.tick()
    row = two.table.get("u1", job)
    assert (row.state, row.error_code, row.handle) == (JobState.INTERRUPTED, "task-lost", "")


def test_what_a_lost_task_wrote_last_counts_at_once(backends):
    one, two = backends
    job = one.submit()
    one.dispatcher.tick()
    one.launcher.statuses.clear()
    one.write(JobKeys("u1", job).error, {"code": "empty-file", "message": "Empty."})
    two.dispatcher.tick()
    assert two.table.get("u1", job).error_code == "empty-file"


def test_what_the_launcher_knows_of_a_task_that_is_gone_is_the_cause(backends, clock):
    one, two = backends
    job = one.submit()
    one.dispatcher.tick()
    one.launcher.statuses["task 1"] = TaskStatus(TaskState.GONE, reason="The image is not there.", code="task-image")
    two.dispatcher.tick()
    clock.now += module.MISSED_LEASES * LEASE + 1
    two.dispatcher.tick()
    assert two.table.get("u1", job).error_code == "task-image"


@pytest.mark.parametrize("shared", [True, False])
def test_a_launcher_that_cannot_say_is_not_believed_or_waited_for_without_end(
    backends, harness, clock, no_pause, monkeypatch, shared
):
    here = backends[0] if shared else harness
    job = here.submit()
    here.dispatcher.tick()

    def dumb(handle):
        raise TransientError("AWS does not answer.", code="aws-failed")

    monkeypatch.setattr(here.launcher, "status", dumb)
    silence = module.MISSED_LEASES * here.settings.lease_seconds
    for _ in range(here.settings.max_attempts):
        here.dispatcher.tick()
        clock.now += silence
        here.dispatcher.tick()
        assert here.state(job) is JobState.RUNNING
        clock.now += 1
        here.dispatcher.tick()
    row = here.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.FAILED, "aws-failed")
    assert row.error == "AWS does not answer. The job was tried 5 times."
    assert here.service.retry("u1", job).state is JobState.QUEUED


def test_a_store_that_does_not_say_how_a_task_ended_is_not_waited_for_without_end(backends, clock, monkeypatch):
    one, _ = backends
    job = one.submit()
    one.dispatcher.tick()
    one.launcher.end("task 1", 0)

    def broken(key):
        raise TransientError("S3 does not answer.", code="aws-failed")

    get = one.store.get
    one.store.get = broken
    one.dispatcher.tick()
    clock.now += module.UNREADABLE_SECONDS
    one.dispatcher.tick()
    one.store.get = get  # back for a moment, and nothing written yet by a task that is said to run
    one.launcher.statuses["task 1"] = TaskStatus(TaskState.GONE)
    one.dispatcher.tick()
    one.store.get = broken
    one.launcher.end("task 1", 0)
    one.dispatcher.tick()
    assert one.state(job) is JobState.RUNNING
    clock.now += module.UNREADABLE_SECONDS + 1
    one.dispatcher.tick()
    row = one.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.INTERRUPTED, "aws-failed")


# -- people at several backends ---------------------------------------------------------------------------------------


def test_many_submissions_at_once_are_accepted_once_or_refused_and_leave_nothing_else(aws, tmp_path):
    limit, users, uploads = 3, 4, 6
    one, two = pair(tmp_path, new_table(), max_queued_jobs_per_user=limit)
    wanted = [(f"u{user}", one.upload(f"u{user}")) for user in range(users) for _ in range(uploads)] * 4
    harnesses = threading.local()

    def submit(number: int) -> str:
        user, upload = wanted[number]
        harnesses.which = (one, two)[number % 2 if number < len(wanted) // 2 else (number + 1) % 2]
        try:
            view, created = harnesses.which.service.submit(user, upload)
        except LimitError as limited:
            assert limited.code == "too-many-unfinished-jobs"
            return "refused"
        return f"created {view.job_id}" if created else "known"

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(submit, range(len(wanted))))
    created = {answer.split()[1] for answer in answers if answer.startswith("created")}
    assert len(created) == len([answer for answer in answers if answer.startswith("created")]) == limit * users
    assert "refused" in answers
    for user in range(users):
        assert one.table.counts(f"u{user}") == Counts(limit, limit)
        assert {job.id for job in one.table.list(f"u{user}")} <= created
    assert {key.split("/")[2] for key in one.stored() if key.endswith("spec.json")} == created


def test_the_same_submitted_to_two_backends_at_once_is_one_job(backends, monkeypatch):
    one, two = backends
    upload = one.upload()
    found = []

    def nothing_yet(user, fingerprint):  # the other's is made right after this look
        monkeypatch.undo()
        found.append(two.service.submit(user, upload))

    monkeypatch.setattr(one.table, "find", nothing_yet)
    view, created = one.service.submit("u1", upload)
    assert (found[0][0].job_id, found[0][1], created) == (view.job_id, True, False)
    assert len([key for key in one.stored() if key.endswith("spec.json")]) == 1


def test_the_last_free_place_is_given_once(aws, tmp_path, monkeypatch):
    one, two = pair(tmp_path, new_table(), max_queued_jobs_per_user=1)
    upload = one.upload()
    find = one.table.find

    def not_yet(user, fingerprint):
        job = find(user, fingerprint)
        two.submit()
        return job

    one.table.find = not_yet
    with pytest.raises(LimitError) as full:
        one.service.submit("u1", upload)
    assert full.value.code == "too-many-unfinished-jobs"
    assert one.table.counts("u1") == Counts(1, 1)
    assert len([key for key in one.stored() if key.endswith("spec.json")]) == 1


def test_a_place_that_was_free_again_when_looked_for_is_refused_all_the_same(aws, tmp_path, monkeypatch):
    one, _ = pair(tmp_path, new_table(), max_queued_jobs_per_user=1)
    one.submit()
    monkeypatch.setattr(one.table, "counts", lambda user: Counts())
    with pytest.raises(LimitError) as full:
        one.submit()
    assert full.value.code == "limit-exceeded"
    assert len(one.table.list("u1")) == 1


def meanwhile(monkeypatch, table, act) -> None:
    """Somebody else acts right after the next time that this table has read a job."""
    read = table.get

    def get(user, job_id):
        job = read(user, job_id)
        monkeypatch.undo()
        act()
        return job

    monkeypatch.setattr(table, "get", get)


def test_a_cancellation_looks_again_at_what_became_of_the_job(backends, monkeypatch):
    one, two = backends
    job = one.submit()
    meanwhile(monkeypatch, one.table, two.dispatcher.tick)
    assert one.service.cancel("u1", job).state is JobState.CANCELLING
    assert one.store.head(JobKeys("u1", job).cancel)


def test_of_two_who_try_a_job_again_one_does(backends, monkeypatch):
    one, two = backends
    upload = one.upload()
    job = one.submit(upload=upload)
    one.service.cancel("u1", job)
    meanwhile(monkeypatch, one.table, lambda: two.service.retry("u1", job))
    with pytest.raises(ConflictError):
        one.service.retry("u1", job)
    assert one.state(job) is JobState.QUEUED
    one.service.cancel("u1", job)
    meanwhile(monkeypatch, one.table, lambda: two.service.retry("u1", job))
    view, created = one.service.submit("u1", upload)
    assert (view.job_id, view.state, created) == (job, JobState.QUEUED, False)


def test_a_job_that_is_being_deleted_is_not_tried_again(backends, monkeypatch):
    one, two = backends
    upload = one.upload()
    job = one.submit(upload=upload)
    one.service.cancel("u1", job)

    def breaks_off(prefix):
        raise TransientError("S3 does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(one.store, "delete_prefix", breaks_off)
        with pytest.raises(TransientError):
            one.service.delete("u1", job)
    for act in (lambda: two.service.retry("u1", job), lambda: two.service.submit("u1", upload)):
        with pytest.raises(ConflictError) as deleted:
            act()
        assert deleted.value.code == "being-deleted"
    two.service.delete("u1", job)
    assert one.stored() == []
    assert two.table.list("u1") == []


def test_a_deletion_does_not_hit_a_job_that_was_queued_again_meanwhile(backends, monkeypatch):
    one, two = backends
    job = one.submit()
    one.service.cancel("u1", job)
    meanwhile(monkeypatch, one.table, lambda: two.service.retry("u1", job))
    with pytest.raises(ConflictError):
        one.service.delete("u1", job)
    assert one.state(job) is JobState.QUEUED
    assert one.store.head(JobKeys("u1", job).spec)


def test_an_orderly_stop_leaves_the_tasks_of_others_alone(backends):
    one, two = backends
    two.launcher = type(one.launcher)()
    two.dispatcher._launcher = two.launcher
    job = one.submit()
    one.dispatcher.tick()
    two.dispatcher.stop()
    assert (two.launcher.stopped, one.state(job)) == ([], JobState.RUNNING)
    one.launcher.on_stop = lambda handle: one.launcher.end(handle, 4)
    one.dispatcher.stop()
    assert (one.launcher.stopped, one.state(job)) == (["task 1"], JobState.INTERRUPTED)


def test_corrections_make_another_job_wherever_they_are_submitted(backends):
    one, two = backends
    upload = one.upload()
    first, _ = one.service.submit("u1", upload)
    second, created = two.service.submit("u1", upload, Overrides(mapping={"text": 1}))
    assert created
    assert {job.id for job in one.table.list_all()} == {first.job_id, second.job_id}


# -- when the table fails ---------------------------------------------------------------------------------------------


def whole_life(harness: JobHarness, upload: str) -> str:
    """Submit a job and see it through, as often as it takes."""
    job = ""
    while True:
        try:
            job = job or harness.service.submit("u1", upload)[0].job_id
            row = harness.table.get("u1", job)
            if row.state is JobState.SUCCEEDED:
                return job
        except TransientError:
            pass
        harness.dispatcher.tick()
        for handle, status in list(harness.launcher.statuses.items()):
            if status.state is TaskState.RUNNING:
                place = int(handle.split()[1]) - 1
                key = harness.launcher.specs[place].split("/objects/", 1)[1]
                harness.write(key.replace("spec.json", "inference_summary.json"), summary_of())
                harness.launcher.end(handle, 0)


def test_requests_that_fail_once_each_change_nothing(aws, tmp_path, no_pause):
    made = new_table()
    client = reviewlens_aws.client("dynamodb", retries={"mode": "standard", "total_max_attempts": 2})
    harness = backend(tmp_path, "one", DynamoJobTable(made.name, client))
    faults = Faults(client)
    faults.break_every_other()
    job = whole_life(harness, harness.upload())
    assert (len(harness.launcher.specs), harness.table.get("u1", job).attempts) == (1, 1)
    assert [job.id for job in harness.finished] == [job]


def test_a_job_outlives_an_outage_of_the_table_at_any_moment(aws, tmp_path, no_pause, monkeypatch):
    monkeypatch.setattr(module, "MISSED_LEASES", 0)
    made = new_table()
    client = reviewlens_aws.client("dynamodb", retries={"mode": "standard", "total_max_attempts": 1})
    harness = backend(tmp_path, "one", DynamoJobTable(made.name, client))
    whole = Faults(client)
    whole_life(harness, harness.upload())
    requests = whole.requests
    whole.stop()
    assert requests > 15
    moments = range(1, requests + 1, 2)
    for first in moments:
        faults = Faults(client)
        faults.break_down(first, count=3)
        job = whole_life(harness, harness.upload())
        faults.stop()
        assert harness.table.get("u1", job).state is JobState.SUCCEEDED
    assert harness.table.counts("u1") == Counts(len(moments) + 1, 0)
    assert harness.table.in_states([JobState.RUNNING]) == []
    assert len({job.id for job in harness.table.list("u1")}) == len(moments) + 1


def test_a_table_that_refuses_does_not_end_the_dispatcher(aws, tmp_path):
    harness = backend(tmp_path, "one", new_table())
    harness.dispatcher._service.table.name = "no-such-table"
    harness.dispatcher.tick()
    with pytest.raises(ConfigurationError):
        harness.submit()


def test_what_is_submitted_elsewhere_is_started_at_the_next_look_and_what_is_submitted_here_at_once(aws, tmp_path):
    one, two = pair(tmp_path, new_table(), max_concurrent_jobs=5, poll_seconds=0.5)
    ticks = []
    tick = one.dispatcher.tick
    one.dispatcher.tick = lambda: (ticks.append(1), tick())
    one.dispatcher.start()
    wait_until(lambda: ticks)
    job = one.submit()
    wait_until(lambda: one.launcher.specs)
    other = two.submit()
    wait_until(lambda: two.table.get("u1", other).handle == "task 2")
    one.launcher.on_stop = lambda handle: one.launcher.end(handle, 4)
    one.dispatcher.stop()
    assert one.table.get("u1", job).state is JobState.INTERRUPTED
