"""How jobs start, end and are taken up again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reviewlens.contracts.job_spec import scratch_dir
from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.keys import JobKeys
from reviewlens.contracts.stages import JobStage
from reviewlens.errors import ConfigurationError, ConflictError, TransientError
from reviewlens.ids import now
from reviewlens.jobs import dispatcher as module
from reviewlens.jobs.interface import JobState
from reviewlens.launch.interface import TaskState, TaskStatus
from tests.jobs.conftest import CSV, JobHarness
from tests.summaries import summary_of
from tests.timing import wait_until


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 0.0)


def test_one_job_runs_at_a_time_oldest_first(harness):
    first, second = harness.submit("u1"), harness.submit("u2")
    harness.dispatcher.tick()
    harness.dispatcher.tick()
    assert (harness.state(first, "u1"), harness.state(second, "u2")) == (JobState.RUNNING, JobState.QUEUED)
    assert harness.launcher.specs == [harness.store.uri(JobKeys("u1", first).spec)]
    harness.launcher.end("task 1", 2)
    harness.dispatcher.tick()
    assert (harness.state(first, "u1"), harness.state(second, "u2")) == (JobState.FAILED, JobState.RUNNING)


@pytest.mark.parametrize(
    ("code", "written", "state", "error_code"),
    [
        (0, {"summary": summary_of(rows_read=9)}, JobState.SUCCEEDED, ""),
        (None, {"summary": summary_of(rows_read=9)}, JobState.SUCCEEDED, ""),
        (-9, {"summary": summary_of(rows_read=9)}, JobState.SUCCEEDED, ""),
        (0, {}, JobState.FAILED, "job-failed"),
        (2, {"error": {"code": "empty-file", "message": "Empty."}}, JobState.FAILED, "empty-file"),
        (None, {"error": {"code": "empty-file", "message": "Empty."}}, JobState.FAILED, "empty-file"),
        (1, {}, JobState.FAILED, "job-failed"),
        (1, {"error": {"message": "Ours."}}, JobState.FAILED, "job-failed"),
        (3, {}, JobState.CANCELLED, ""),
        (None, {"cancelled": {"at": "x"}}, JobState.CANCELLED, ""),
        (4, {}, JobState.INTERRUPTED, ""),
        (-9, {}, JobState.INTERRUPTED, ""),
        (137, {}, JobState.INTERRUPTED, ""),
        (None, {}, JobState.INTERRUPTED, ""),
    ],
)
def test_an_end_is_told_by_what_stands_in_the_store_and_the_exit_code(harness, code, written, state, error_code):
    job, handle = harness.run()
    for name, content in written.items():
        harness.write(getattr(JobKeys("u1", job), name), content)
    harness.launcher.end(handle, code)
    harness.dispatcher.tick()
    row = harness.table.get("u1", job)
    assert (row.state, row.error_code) == (state, error_code)
    assert bool(row.error) == (state is JobState.FAILED)
    assert [job.state for job in harness.finished] == ([] if state is JobState.INTERRUPTED else [state])


@pytest.mark.parametrize("code", [4, -15, None])
def test_an_interruption_while_cancelling_is_the_cancellation(harness, code):
    job, handle = harness.run()
    harness.service.cancel("u1", job)
    harness.launcher.end(handle, code)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.CANCELLED


def test_a_job_that_was_done_before_the_cancellation_reached_it_has_succeeded(harness):
    job, handle = harness.run()
    harness.service.cancel("u1", job)
    harness.write(JobKeys("u1", job).summary, summary_of(rows_read=1))
    harness.launcher.end(handle, 0)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.SUCCEEDED


def test_a_task_killed_after_its_summary_leaves_no_checkpoints(harness, tmp_path):
    job, handle = harness.run()
    keys = JobKeys("u1", job)
    harness.write(keys.work + "plan.json", {})
    scratch = scratch_dir(tmp_path, "u1", job)
    scratch.mkdir(parents=True)
    harness.write(keys.summary, summary_of(rows_read=1))
    harness.launcher.end(handle, -9)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.SUCCEEDED
    assert [key for key in harness.stored() if key.startswith(keys.work)] == []
    assert harness.store.head(keys.summary) is not None
    assert not scratch.exists()


def test_a_task_that_does_not_heed_its_cancellation_is_stopped(harness, monkeypatch):
    job, handle = harness.run()
    harness.service.cancel("u1", job)
    harness.dispatcher.tick()
    assert harness.launcher.stopped == []
    monkeypatch.setattr(module, "CANCEL_GRACE_SECONDS", -1.0)
    harness.dispatcher.tick()
    assert harness.launcher.stopped == [handle]


def test_a_task_that_heeds_nothing_is_ended_and_the_next_job_starts(harness, monkeypatch):
    job, handle = harness.run()
    waiting = harness.submit()
    harness.service.cancel("u1", job)
    monkeypatch.setattr(module, "KILL_GRACE_SECONDS", -1.0)
    harness.dispatcher.tick()
    assert harness.launcher.killed == [handle]
    harness.dispatcher.tick()
    assert (harness.state(job), harness.state(waiting)) == (JobState.CANCELLED, JobState.RUNNING)


def test_an_interrupted_job_is_taken_up_again_until_it_has_failed_too_often(harness, no_pause):
    job, _handle = harness.run()
    for attempt in range(1, 6):
        assert harness.table.get("u1", job).attempts == attempt
        harness.launcher.end(harness.table.get("u1", job).handle, -9)
        harness.dispatcher.tick()
    row = harness.table.get("u1", job)
    assert (row.state, row.error_code, len(harness.launcher.specs)) == (JobState.FAILED, "interrupted-too-often", 5)


def test_an_attempt_that_committed_rows_does_not_count(harness, no_pause):
    job, _handle = harness.run()
    progress = JobKeys("u1", job).progress
    for attempt in range(8):
        harness.write(progress, Progress(stage=JobStage.INFER, rows_kept=100 + attempt).model_dump(mode="json"))
        harness.launcher.end(harness.table.get("u1", job).handle, -9)
        harness.dispatcher.tick()
        assert (harness.state(job), harness.table.get("u1", job).attempts) == (JobState.RUNNING, 1)
    for _ in range(5):  # from here on the attempts end before they write progress
        harness.launcher.end(harness.table.get("u1", job).handle, -9)
        harness.dispatcher.tick()
    assert harness.state(job) is JobState.FAILED
    assert len(harness.launcher.specs) == 13


def test_an_attempt_that_repeated_only_what_was_done_counts(harness, no_pause):
    job, _handle = harness.run()
    for _ in range(5):
        progress = Progress(stage=JobStage.PUBLISH, rows_done=100, rows_total=100)
        harness.write(JobKeys("u1", job).progress, progress.model_dump(mode="json"))
        harness.launcher.end(harness.table.get("u1", job).handle, -9)
        harness.dispatcher.tick()
    assert harness.state(job) is JobState.FAILED


def test_leaving_in_good_order_does_not_count_as_an_attempt(harness, no_pause):
    job, _handle = harness.run()
    for _ in range(8):
        harness.launcher.end(harness.table.get("u1", job).handle, 4)
        harness.dispatcher.tick()
    assert (harness.state(job), harness.table.get("u1", job).attempts) == (JobState.RUNNING, 1)


def test_a_pause_comes_before_the_next_attempt(harness, monkeypatch):
    job, handle = harness.run()
    harness.launcher.end(handle, -9)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.INTERRUPTED

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(seconds=3)

    monkeypatch.setattr(module, "datetime", Later)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.RUNNING
    assert harness.table.get("u1", job).attempts == 2


class _Yesterday(datetime):
    """A clock that was set back by a day."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(UTC) - timedelta(days=1)


def test_a_clock_that_was_set_back_does_not_hold_up_an_interrupted_job(harness, monkeypatch):
    job, handle = harness.run()
    harness.launcher.end(handle, -9)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.INTERRUPTED
    monkeypatch.setattr(module, "datetime", _Yesterday)
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.RUNNING


def test_a_clock_that_was_set_back_does_not_hold_up_a_cancellation(harness, monkeypatch):
    job, handle = harness.run()
    harness.service.cancel("u1", job)
    monkeypatch.setattr(module, "datetime", _Yesterday)
    harness.dispatcher.tick()
    assert (harness.launcher.stopped, harness.launcher.killed) == ([handle], [])


def test_a_clock_that_was_set_back_gives_no_negative_duration(harness, monkeypatch):
    job, handle = harness.run()
    harness.launcher.end(handle, 2)
    monkeypatch.setattr(module, "datetime", _Yesterday)
    harness.dispatcher.tick()
    assert (harness.state(job), harness.table.get("u1", job).seconds) == (JobState.FAILED, 0.0)


def test_a_finished_job_is_never_moved_by_a_late_message(harness):
    job = harness.succeed()
    handle = harness.table.get("u1", job).handle
    for code in (1, 2, 3, 4, -9, None):
        harness.launcher.end(handle, code)
        harness.write(JobKeys("u1", job).error, {"code": "late", "message": "late"})
        harness.dispatcher.tick()
        assert harness.state(job) is JobState.SUCCEEDED
    for late in JobState:
        with pytest.raises(ConflictError):
            harness.table.move("u1", job, late)


def test_after_a_restart_jobs_are_found_again(harness, tmp_path):
    running, handle = harness.run()
    waiting = harness.submit()
    again = JobHarness(tmp_path, harness.settings, launcher=harness.launcher)
    again.dispatcher.tick()
    assert (again.state(running), again.state(waiting)) == (JobState.RUNNING, JobState.QUEUED)
    assert len(harness.launcher.specs) == 1
    again.write(JobKeys("u1", running).summary, summary_of())
    harness.launcher.end(handle, None)
    again.dispatcher.tick()
    assert (again.state(running), again.state(waiting)) == (JobState.SUCCEEDED, JobState.RUNNING)
    again.table.close()


def test_a_job_whose_start_was_cut_short_is_taken_up_again(harness, no_pause):
    job = harness.submit()
    harness.table.move("u1", job, JobState.RUNNING, attempts=1, started_at="2026-01-01T00:00:00+00:00")
    harness.dispatcher.tick()
    assert (harness.state(job), len(harness.launcher.specs)) == (JobState.RUNNING, 1)


def test_a_machine_that_cannot_start_it_now_will_later(harness, no_pause):
    job = harness.submit()
    harness.launcher.refusal = TransientError("No memory right now.")
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.INTERRUPTED
    harness.launcher.refusal = None
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.RUNNING


def test_a_machine_that_can_never_start_it_says_so(harness):
    job = harness.submit()
    harness.launcher.refusal = ConfigurationError("The program is missing.", code="launch-impossible")
    harness.dispatcher.tick()
    view = harness.service.get("u1", job)
    assert (view.state, view.error, view.error_code) == (
        JobState.FAILED,
        "The program is missing.",
        "launch-impossible",
    )


def test_one_job_that_makes_trouble_does_not_hold_up_the_others(tmp_path, harness, monkeypatch):
    settings = harness.settings.model_copy(update={"max_concurrent_jobs": 2})
    harness = JobHarness(tmp_path / "two", settings)
    troubled, handle = harness.run("u1")
    fine, fine_handle = harness.run("u2")
    status = harness.launcher.status

    def troublesome(asked: str) -> TaskStatus:
        if asked == handle:
            raise RuntimeError("nobody foresaw this")
        return status(asked)

    monkeypatch.setattr(harness.launcher, "status", troublesome)
    harness.write(JobKeys("u2", fine).summary, summary_of(rows_read=1))
    harness.launcher.end(fine_handle, 0)
    harness.dispatcher.tick()
    assert (harness.state(troubled, "u1"), harness.state(fine, "u2")) == (JobState.RUNNING, JobState.SUCCEEDED)
    harness.table.close()


def test_a_job_deleted_or_moved_between_looking_and_acting_is_left_alone(harness, monkeypatch):
    gone, moved = harness.submit(), harness.submit()
    stale = harness.table.in_states([JobState.QUEUED])
    for job in (gone, moved):
        harness.service.cancel("u1", job)
    harness.service.delete("u1", gone)
    monkeypatch.setattr(
        harness.table, "in_states", lambda states, **_: stale if JobState.QUEUED in tuple(states) else []
    )
    harness.dispatcher.tick()
    assert harness.launcher.specs == []
    assert harness.table.get("u1", moved).state is JobState.CANCELLED


def test_a_table_that_cannot_be_read_now_is_tried_again_later(harness):
    harness.submit()
    harness.table.close()
    harness.dispatcher.tick()
    assert harness.launcher.specs == []


def test_the_thread_outlives_what_nobody_foresaw(harness, monkeypatch, caplog):
    in_states, asked = harness.table.in_states, []

    def troublesome(states, **options):
        asked.append(states)
        if len(asked) < 3:
            raise RuntimeError("nobody foresaw this")
        return in_states(states, **options)

    monkeypatch.setattr(harness.table, "in_states", troublesome)
    job = harness.submit()
    harness.dispatcher.start()
    wait_until(lambda: harness.table.get("u1", job).handle.startswith("task"))
    harness.launcher.on_stop = lambda handle: harness.launcher.end(handle, 4)
    harness.dispatcher.stop()
    assert "a dispatcher round failed" in caplog.text


def test_the_thread_works_and_stops(harness):
    harness.dispatcher.start()
    job = harness.submit()
    wait_until(lambda: harness.state(job) is JobState.RUNNING and harness.table.get("u1", job).handle)
    harness.launcher.on_stop = lambda handle: harness.launcher.end(handle, 4)
    harness.dispatcher.stop()
    row = harness.table.get("u1", job)
    assert (row.state, row.attempts, row.handle) == (JobState.INTERRUPTED, 0, "")


def test_an_orderly_stop_waits_for_tasks_to_leave(harness):
    job, handle = harness.run()
    answers = iter([TaskStatus(TaskState.RUNNING)] * 3 + [TaskStatus(TaskState.EXITED, 4)])
    harness.launcher.status = lambda asked: next(answers)
    harness.dispatcher.stop()
    assert (harness.launcher.stopped, harness.launcher.killed) == ([handle], [])
    assert harness.state(job) is JobState.INTERRUPTED


def test_a_task_that_has_not_left_in_time_is_ended(harness):
    job, handle = harness.run()
    harness.dispatcher.stop(wait_seconds=0.1)
    assert (harness.launcher.stopped, harness.launcher.killed) == ([handle], [handle])
    assert (harness.state(job), harness.table.get("u1", job).attempts) == (JobState.INTERRUPTED, 0)


def test_an_orderly_stop_leaves_a_job_that_a_request_moved_meanwhile(harness):
    job, _handle = harness.run()

    def finish(asked: str) -> None:
        harness.launcher.end(asked, 4)
        harness.table.move("u1", job, JobState.FAILED)

    harness.launcher.on_stop = finish
    harness.dispatcher.stop()
    assert harness.state(job) is JobState.FAILED


def test_tasks_may_be_left_running_by_an_orderly_stop(tmp_path, harness):
    harness = JobHarness(tmp_path / "left", harness.settings.model_copy(update={"stop_jobs_on_exit": False}))
    job, _ = harness.run()
    harness.dispatcher.stop()
    assert harness.launcher.stopped == []
    assert harness.state(job) is JobState.RUNNING
    harness.table.close()


def test_the_launcher_hears_how_large_the_file_is(harness):
    harness.run()
    assert harness.launcher.sizes == [len(CSV)]


def test_what_keeps_ending_a_task_becomes_the_jobs_error(harness, no_pause):
    job, _handle = harness.run()
    for attempt in range(1, 6):
        row = harness.table.get("u1", job)
        assert (row.attempts, row.error_code) == (attempt, "")
        harness.launcher.end(row.handle, 137, reason="There was not enough memory.", code="task-out-of-memory")
        harness.dispatcher.tick()
    row = harness.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.FAILED, "task-out-of-memory")
    assert row.error == "There was not enough memory. The job was tried 5 times."
    assert harness.service.retry("u1", job).error is None


def test_a_task_that_ended_by_a_known_cause_is_not_our_fault_whatever_its_exit_code(harness, no_pause):
    job, handle = harness.run()
    harness.launcher.end(handle, 1, reason="There was not enough memory.", code="task-out-of-memory")
    harness.dispatcher.tick()
    assert harness.state(job) is JobState.RUNNING
    assert len(harness.launcher.specs) == 2


def test_a_task_that_was_taken_away_loses_no_attempt(harness, no_pause):
    job, _handle = harness.run()
    for _ in range(8):
        harness.launcher.end(harness.table.get("u1", job).handle, 137, counts=False)
        harness.dispatcher.tick()
    assert (harness.state(job), harness.table.get("u1", job).attempts) == (JobState.RUNNING, 1)


def test_a_launcher_that_never_can_now_ends_the_job_with_its_cause(harness, no_pause):
    job = harness.submit()
    harness.launcher.refusal = TransientError("AWS does not answer.", code="aws-failed")
    for _ in range(7):
        harness.dispatcher.tick()
    row = harness.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.FAILED, "aws-failed")
    assert row.error == "AWS does not answer. The job was tried 5 times."


def test_a_long_job_that_was_taken_away_waits_for_capacity_as_long_as_a_new_one(harness, no_pause):
    job, handle = harness.run()
    harness.table.update("u1", job, started_at="2026-01-01T00:00:00.000+00:00")  # it has worked for hours
    progress = {"stage": "infer", "rows_done": 5, "updated_at": now().replace("+00:00", "Z")}
    harness.write(JobKeys("u1", job).progress, progress)
    harness.launcher.end(handle, 4, reason="AWS took the task's machine back.", counts=False)
    harness.launcher.refusal = TransientError("There is no capacity now.", code="no-capacity")
    for _ in range(14):
        harness.dispatcher.tick()
    row = harness.table.get("u1", job)
    assert (row.state, row.attempts, row.error_code) == (JobState.INTERRUPTED, 0, "no-capacity")


@pytest.mark.parametrize("code", ["no-capacity", "vcpu-quota"])
def test_waiting_for_capacity_loses_no_attempt_until_it_took_too_long(harness, no_pause, monkeypatch, code):
    job = harness.submit()
    harness.launcher.refusal = TransientError("There is no capacity now.", code=code)
    for _ in range(12):
        harness.dispatcher.tick()
    row = harness.table.get("u1", job)
    assert (row.state, row.attempts, row.error) == (JobState.INTERRUPTED, 0, "There is no capacity now.")
    monkeypatch.setattr(module, "_seconds_since", lambda stamp: 7201.0)
    for _ in range(12):
        harness.dispatcher.tick()
    row = harness.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.FAILED, code)
