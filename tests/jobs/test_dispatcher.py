"""How jobs start, end and are taken up again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reviewlens.contracts.job_spec import scratch_dir
from reviewlens.contracts.keys import JobKeys
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


def test_one_job_runs_at_a_time_oldest_first(bench):
    first, second = bench.submit("u1"), bench.submit("u2")
    bench.dispatcher.tick()
    bench.dispatcher.tick()
    assert (bench.state(first, "u1"), bench.state(second, "u2")) == (JobState.RUNNING, JobState.QUEUED)
    assert bench.launcher.specs == [bench.store.uri(JobKeys("u1", first).spec)]
    bench.launcher.end("task 1", 2)
    bench.dispatcher.tick()
    assert (bench.state(first, "u1"), bench.state(second, "u2")) == (JobState.FAILED, JobState.RUNNING)


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
def test_an_end_is_told_by_what_stands_in_the_store_and_the_exit_code(bench, code, written, state, error_code):
    job, handle = bench.run()
    for name, content in written.items():
        bench.write(getattr(JobKeys("u1", job), name), content)
    bench.launcher.end(handle, code)
    bench.dispatcher.tick()
    row = bench.table.get("u1", job)
    assert (row.state, row.error_code) == (state, error_code)
    assert bool(row.error) == (state is JobState.FAILED)
    assert [job.state for job in bench.finished] == ([] if state is JobState.INTERRUPTED else [state])


@pytest.mark.parametrize("code", [4, -15, None])
def test_an_interruption_while_cancelling_is_the_cancellation(bench, code):
    job, handle = bench.run()
    bench.service.cancel("u1", job)
    bench.launcher.end(handle, code)
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.CANCELLED


def test_a_job_that_was_done_before_the_cancellation_reached_it_has_succeeded(bench):
    job, handle = bench.run()
    bench.service.cancel("u1", job)
    bench.write(JobKeys("u1", job).summary, summary_of(rows_read=1))
    bench.launcher.end(handle, 0)
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.SUCCEEDED


def test_a_task_killed_after_its_summary_leaves_no_checkpoints(bench, tmp_path):
    job, handle = bench.run()
    keys = JobKeys("u1", job)
    bench.write(keys.work + "plan.json", {})
    scratch = scratch_dir(tmp_path, "u1", job)
    scratch.mkdir(parents=True)
    bench.write(keys.summary, summary_of(rows_read=1))
    bench.launcher.end(handle, -9)
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.SUCCEEDED
    assert [key for key in bench.stored() if key.startswith(keys.work)] == []
    assert bench.store.head(keys.summary) is not None
    assert not scratch.exists()


def test_a_task_that_does_not_heed_its_cancellation_is_stopped(bench, monkeypatch):
    job, handle = bench.run()
    bench.service.cancel("u1", job)
    bench.dispatcher.tick()
    assert bench.launcher.stopped == []
    monkeypatch.setattr(module, "CANCEL_GRACE_SECONDS", -1.0)
    bench.dispatcher.tick()
    assert bench.launcher.stopped == [handle]


def test_a_task_that_heeds_nothing_is_ended_and_the_next_job_starts(bench, monkeypatch):
    job, handle = bench.run()
    waiting = bench.submit()
    bench.service.cancel("u1", job)
    monkeypatch.setattr(module, "KILL_GRACE_SECONDS", -1.0)
    bench.dispatcher.tick()
    assert bench.launcher.killed == [handle]
    bench.dispatcher.tick()
    assert (bench.state(job), bench.state(waiting)) == (JobState.CANCELLED, JobState.RUNNING)


def test_an_interrupted_job_is_taken_up_again_until_it_has_failed_too_often(bench, no_pause):
    job, _handle = bench.run()
    for attempt in range(1, 6):
        assert bench.table.get("u1", job).attempts == attempt
        bench.launcher.end(bench.table.get("u1", job).handle, -9)
        bench.dispatcher.tick()
    row = bench.table.get("u1", job)
    assert (row.state, row.error_code, len(bench.launcher.specs)) == (JobState.FAILED, "interrupted-too-often", 5)


def test_leaving_in_good_order_does_not_count_as_an_attempt(bench, no_pause):
    job, _handle = bench.run()
    for _ in range(8):
        bench.launcher.end(bench.table.get("u1", job).handle, 4)
        bench.dispatcher.tick()
    assert (bench.state(job), bench.table.get("u1", job).attempts) == (JobState.RUNNING, 1)


def test_a_pause_comes_before_the_next_attempt(bench, monkeypatch):
    job, handle = bench.run()
    bench.launcher.end(handle, -9)
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.INTERRUPTED

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(seconds=3)

    monkeypatch.setattr(module, "datetime", Later)
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.RUNNING
    assert bench.table.get("u1", job).attempts == 2


class _Yesterday(datetime):
    """A clock that was set back by a day."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(UTC) - timedelta(days=1)


def test_a_clock_that_was_set_back_does_not_hold_up_an_interrupted_job(bench, monkeypatch):
    job, handle = bench.run()
    bench.launcher.end(handle, -9)
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.INTERRUPTED
    monkeypatch.setattr(module, "datetime", _Yesterday)
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.RUNNING


def test_a_clock_that_was_set_back_does_not_hold_up_a_cancellation(bench, monkeypatch):
    job, handle = bench.run()
    bench.service.cancel("u1", job)
    monkeypatch.setattr(module, "datetime", _Yesterday)
    bench.dispatcher.tick()
    assert (bench.launcher.stopped, bench.launcher.killed) == ([handle], [])


def test_a_clock_that_was_set_back_gives_no_negative_duration(bench, monkeypatch):
    job, handle = bench.run()
    bench.launcher.end(handle, 2)
    monkeypatch.setattr(module, "datetime", _Yesterday)
    bench.dispatcher.tick()
    assert (bench.state(job), bench.table.get("u1", job).seconds) == (JobState.FAILED, 0.0)


def test_a_finished_job_is_never_moved_by_a_late_message(bench):
    job = bench.succeed()
    handle = bench.table.get("u1", job).handle
    for code in (1, 2, 3, 4, -9, None):
        bench.launcher.end(handle, code)
        bench.write(JobKeys("u1", job).error, {"code": "late", "message": "late"})
        bench.dispatcher.tick()
        assert bench.state(job) is JobState.SUCCEEDED
    for late in JobState:
        with pytest.raises(ConflictError):
            bench.table.move("u1", job, late)


def test_after_a_restart_jobs_are_found_again(bench, tmp_path):
    running, handle = bench.run()
    waiting = bench.submit()
    again = JobHarness(tmp_path, bench.settings, launcher=bench.launcher)
    again.dispatcher.tick()
    assert (again.state(running), again.state(waiting)) == (JobState.RUNNING, JobState.QUEUED)
    assert len(bench.launcher.specs) == 1
    again.write(JobKeys("u1", running).summary, summary_of())
    bench.launcher.end(handle, None)
    again.dispatcher.tick()
    assert (again.state(running), again.state(waiting)) == (JobState.SUCCEEDED, JobState.RUNNING)
    again.table.close()


def test_a_job_whose_start_was_cut_short_is_taken_up_again(bench, no_pause):
    job = bench.submit()
    bench.table.move("u1", job, JobState.RUNNING, attempts=1, started_at="2026-01-01T00:00:00+00:00")
    bench.dispatcher.tick()
    assert (bench.state(job), len(bench.launcher.specs)) == (JobState.RUNNING, 1)


def test_a_machine_that_cannot_start_it_now_will_later(bench, no_pause):
    job = bench.submit()
    bench.launcher.refusal = TransientError("No memory right now.")
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.INTERRUPTED
    bench.launcher.refusal = None
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.RUNNING


def test_a_machine_that_can_never_start_it_says_so(bench):
    job = bench.submit()
    bench.launcher.refusal = ConfigurationError("The program is missing.", code="launch-impossible")
    bench.dispatcher.tick()
    view = bench.service.get("u1", job)
    assert (view.state, view.error, view.error_code) == (
        JobState.FAILED,
        "The program is missing.",
        "launch-impossible",
    )


def test_one_job_that_makes_trouble_does_not_hold_up_the_others(tmp_path, bench, monkeypatch):
    settings = bench.settings.model_copy(update={"max_concurrent_jobs": 2})
    bench = JobHarness(tmp_path / "two", settings)
    troubled, handle = bench.run("u1")
    fine, fine_handle = bench.run("u2")
    status = bench.launcher.status

    def troublesome(asked: str) -> TaskStatus:
        if asked == handle:
            raise RuntimeError("nobody foresaw this")
        return status(asked)

    monkeypatch.setattr(bench.launcher, "status", troublesome)
    bench.write(JobKeys("u2", fine).summary, summary_of(rows_read=1))
    bench.launcher.end(fine_handle, 0)
    bench.dispatcher.tick()
    assert (bench.state(troubled, "u1"), bench.state(fine, "u2")) == (JobState.RUNNING, JobState.SUCCEEDED)
    bench.table.close()


def test_a_job_deleted_or_moved_between_looking_and_acting_is_left_alone(bench, monkeypatch):
    gone, moved = bench.submit(), bench.submit()
    stale = bench.table.in_states([JobState.QUEUED])
    for job in (gone, moved):
        bench.service.cancel("u1", job)
    bench.service.delete("u1", gone)
    monkeypatch.setattr(bench.table, "in_states", lambda states, **_: stale if JobState.QUEUED in tuple(states) else [])
    bench.dispatcher.tick()
    assert bench.launcher.specs == []
    assert bench.table.get("u1", moved).state is JobState.CANCELLED


def test_a_table_that_cannot_be_read_now_is_tried_again_later(bench):
    bench.submit()
    bench.table.close()
    bench.dispatcher.tick()
    assert bench.launcher.specs == []


def test_the_thread_outlives_what_nobody_foresaw(bench, monkeypatch, caplog):
    in_states, asked = bench.table.in_states, []

    def troublesome(states, **options):
        asked.append(states)
        if len(asked) < 3:
            raise RuntimeError("nobody foresaw this")
        return in_states(states, **options)

    monkeypatch.setattr(bench.table, "in_states", troublesome)
    job = bench.submit()
    bench.dispatcher.start()
    wait_until(lambda: bench.table.get("u1", job).handle.startswith("task"))
    bench.launcher.on_stop = lambda handle: bench.launcher.end(handle, 4)
    bench.dispatcher.stop()
    assert "a dispatcher round failed" in caplog.text


def test_the_thread_works_and_stops(bench):
    bench.dispatcher.start()
    job = bench.submit()
    wait_until(lambda: bench.state(job) is JobState.RUNNING and bench.table.get("u1", job).handle)
    bench.launcher.on_stop = lambda handle: bench.launcher.end(handle, 4)
    bench.dispatcher.stop()
    row = bench.table.get("u1", job)
    assert (row.state, row.attempts, row.handle) == (JobState.INTERRUPTED, 0, "")


def test_an_orderly_stop_waits_for_tasks_to_leave(bench):
    job, handle = bench.run()
    answers = iter([TaskStatus(TaskState.RUNNING)] * 3 + [TaskStatus(TaskState.EXITED, 4)])
    bench.launcher.status = lambda asked: next(answers)
    bench.dispatcher.stop()
    assert (bench.launcher.stopped, bench.launcher.killed) == ([handle], [])
    assert bench.state(job) is JobState.INTERRUPTED


def test_a_task_that_has_not_left_in_time_is_ended(bench):
    job, handle = bench.run()
    bench.dispatcher.stop(wait_seconds=0.1)
    assert (bench.launcher.stopped, bench.launcher.killed) == ([handle], [handle])
    assert (bench.state(job), bench.table.get("u1", job).attempts) == (JobState.INTERRUPTED, 0)


def test_an_orderly_stop_leaves_a_job_that_a_request_moved_meanwhile(bench):
    job, _handle = bench.run()

    def finish(asked: str) -> None:
        bench.launcher.end(asked, 4)
        bench.table.move("u1", job, JobState.FAILED)

    bench.launcher.on_stop = finish
    bench.dispatcher.stop()
    assert bench.state(job) is JobState.FAILED


def test_tasks_may_be_left_running_by_an_orderly_stop(tmp_path, bench):
    bench = JobHarness(tmp_path / "left", bench.settings.model_copy(update={"stop_jobs_on_exit": False}))
    job, _ = bench.run()
    bench.dispatcher.stop()
    assert bench.launcher.stopped == []
    assert bench.state(job) is JobState.RUNNING
    bench.table.close()


def test_the_launcher_hears_how_large_the_file_is(bench):
    bench.run()
    assert bench.launcher.sizes == [len(CSV)]


def test_what_keeps_ending_a_task_becomes_the_jobs_error(bench, no_pause):
    job, _handle = bench.run()
    for attempt in range(1, 6):
        row = bench.table.get("u1", job)
        assert (row.attempts, row.error_code) == (attempt, "")
        bench.launcher.end(row.handle, 137, reason="There was not enough memory.", code="task-out-of-memory")
        bench.dispatcher.tick()
    row = bench.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.FAILED, "task-out-of-memory")
    assert row.error == "There was not enough memory. The job was tried 5 times."
    assert bench.service.retry("u1", job).error is None


def test_a_task_that_ended_by_a_known_cause_is_not_our_fault_whatever_its_exit_code(bench, no_pause):
    job, handle = bench.run()
    bench.launcher.end(handle, 1, reason="There was not enough memory.", code="task-out-of-memory")
    bench.dispatcher.tick()
    assert bench.state(job) is JobState.RUNNING
    assert len(bench.launcher.specs) == 2


def test_a_task_that_was_taken_away_loses_no_attempt(bench, no_pause):
    job, _handle = bench.run()
    for _ in range(8):
        bench.launcher.end(bench.table.get("u1", job).handle, 137, counts=False)
        bench.dispatcher.tick()
    assert (bench.state(job), bench.table.get("u1", job).attempts) == (JobState.RUNNING, 1)


def test_a_launcher_that_never_can_now_ends_the_job_with_its_cause(bench, no_pause):
    job = bench.submit()
    bench.launcher.refusal = TransientError("AWS does not answer.", code="aws-failed")
    for _ in range(7):
        bench.dispatcher.tick()
    row = bench.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.FAILED, "aws-failed")
    assert row.error == "AWS does not answer. The job was tried 5 times."


def test_a_long_job_that_was_taken_away_waits_for_capacity_as_long_as_a_new_one(bench, no_pause):
    job, handle = bench.run()
    bench.table.update("u1", job, started_at="2026-01-01T00:00:00.000+00:00")  # it has worked for hours
    progress = {"stage": "infer", "rows_done": 5, "updated_at": now().replace("+00:00", "Z")}
    bench.write(JobKeys("u1", job).progress, progress)
    bench.launcher.end(handle, 4, reason="AWS took the task's machine back.", counts=False)
    bench.launcher.refusal = TransientError("There is no capacity now.", code="no-capacity")
    for _ in range(14):
        bench.dispatcher.tick()
    row = bench.table.get("u1", job)
    assert (row.state, row.attempts, row.error_code) == (JobState.INTERRUPTED, 0, "no-capacity")


def test_waiting_for_capacity_loses_no_attempt_until_it_took_too_long(bench, no_pause, monkeypatch):
    job = bench.submit()
    bench.launcher.refusal = TransientError("There is no capacity now.", code="no-capacity")
    for _ in range(12):
        bench.dispatcher.tick()
    row = bench.table.get("u1", job)
    assert (row.state, row.attempts, row.error) == (JobState.INTERRUPTED, 0, "There is no capacity now.")
    monkeypatch.setattr(module, "_seconds_since", lambda stamp: 7201.0)
    for _ in range(12):
        bench.dispatcher.tick()
    row = bench.table.get("u1", job)
    assert (row.state, row.error_code) == (JobState.FAILED, "no-capacity")
