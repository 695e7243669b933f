"""Starts queued jobs, settles those whose task has ended, and takes interrupted ones up again."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import ConflictError, ReviewLensError, TransientError
from reviewlens.ids import now, seconds_since
from reviewlens.jobs.backlog import Backlog
from reviewlens.jobs.interface import CLAIM, LIVE, UNLIMITED, Job, Jobs, JobState
from reviewlens.jobs.outcome import Outcome, outcome_of, read_json
from reviewlens.jobs.service import JobService
from reviewlens.jobs.watch import Watch
from reviewlens.launch.interface import NO_CAPACITY, Launcher, TaskState, TaskStatus

_log = logging.getLogger(__name__)
_GONE = TaskStatus(TaskState.GONE)
_LOST = TaskStatus(TaskState.GONE, reason="Its task ended without a word.", code="task-lost")
CANCEL_GRACE_SECONDS = 60.0
KILL_GRACE_SECONDS = 120.0
MISSED_LEASES = 4
"""So many `lease_seconds` without a sign of life, and a task that nobody can answer for is given up."""
UNREADABLE_SECONDS = 600.0
"""How long the end of a task may be unreadable because the store does not answer."""
LEFT_IN_GOOD_ORDER = 4
"""The exit code of a task that was asked to stop, or found another at work on its job: no attempt was lost."""
_LONGEST_PAUSE_SECONDS = 60.0
_PAUSE_HERE, _PAUSE_ELSEWHERE = 0.5, 5.0


class Dispatcher:
    """`tick()` does what is due; one thread calls it, and starts queued jobs whenever something was submitted.

    `on_finish` hears of every job that reached an end here. Nothing that matters is kept in memory: after a restart the
    table and the launcher's handles say which tasks still run.

    Where backends share a table each has a dispatcher and all look after all jobs. Whoever moves a row from `queued` to
    `running` starts its task, with a claim of its own in place of the handle until it has one; every later move is
    conditional on the row as it was read. Nobody else can tell a claim whose owner died from one whose task is being
    started, nor ask after processes of another machine: such jobs are settled by what their tasks wrote, or when no
    sign of life has come for `MISSED_LEASES` times `lease_seconds`. Should that be wrong, and two tasks run, the lease
    lets one of them work.
    """

    def __init__(
        self, service: JobService, launcher: Launcher, *, on_finish: Callable[[Job], None] = lambda job: None
    ) -> None:
        self._service = service
        self._launcher = launcher
        self._on_finish = on_finish
        self._settings = service.settings
        self._shared = bool(self._settings.jobs_table)
        self._watch = Watch(service.store)
        self._backlog = Backlog(service.table)
        self._wake = service.changed
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # -- the thread ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to tick in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    def stop(self, *, wait_seconds: float = 20.0) -> None:
        """Stop ticking; where the settings say so, interrupt (resumably) the tasks that run, wait for them and end
        those that are still there."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._settings.interrupts_jobs_on_exit:
            self._interrupt_all(wait_seconds)

    def _run(self) -> None:
        here = self._settings.launcher == "subprocess" and not self._shared
        pause = self._settings.poll_seconds or (_PAUSE_HERE if here else _PAUSE_ELSEWHERE)
        due = 0.0
        while not self._stopping.is_set():
            self._wake.clear()
            whole = time.monotonic() >= due
            due = time.monotonic() + pause if whole else due
            try:
                self._round(whole)
            except Exception:  # noqa: BLE001 - without this thread no job would ever start again, and nobody would know
                _log.exception("looking after the jobs broke off; it is done again in a moment")
            self._wake.wait(max(0.0, due - time.monotonic()))

    def _round(self, whole: bool) -> None:
        if not whole:
            self._start_queued()
            return
        self.tick()
        if self._shared:
            self._backlog.tell()

    # -- one round ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """One round; a job that makes trouble is logged and does not hold up the others."""
        self._watch.keep(self._each(LIVE, self._look_after))
        self._each([JobState.INTERRUPTED], self._take_up)
        self._start_queued()

    def _start_queued(self) -> None:
        """The oldest that there may be room for."""
        self._each([JobState.QUEUED], self._start_if_room, limit=self._settings.max_concurrent_jobs + 10)

    def _each(
        self, states: Collection[JobState], act: Callable[[Job], bool | None], *, limit: int = UNLIMITED
    ) -> Jobs | None:
        """Do it to every job in these states until it answers False; these jobs, None where that is not known."""
        table = self._service.table
        try:
            jobs = table.in_states(states, limit=limit)
        except ReviewLensError as error:
            _log.warning("the job table cannot be read now: %s", error.code)
            return None
        for job in jobs:
            try:
                with self._service.lock_of(job.user):
                    fresh = table.get(job.user, job.id)
                    if fresh.state in states and act(fresh) is False:
                        break
            except ReviewLensError as error:
                _log.warning("job %s could not be handled now: %s", job.id, error.code)
            except Exception:  # noqa: BLE001 - one job must not stop the thread that serves all
                _log.exception("job %s could not be handled", job.id)
        return jobs

    def _look_after(self, job: Job) -> None:
        status, certain = self._status(job)
        if status.state is TaskState.RUNNING:
            if job.state is JobState.CANCELLING:
                self._press(job)
            else:
                self._end_if_stuck(job)
            return
        try:
            outcome = outcome_of(self._service.store, JobKeys(job.user, job.id), status)
            if not certain and outcome.state is JobState.INTERRUPTED and not self._is_lost(job):
                return
            self._watch.readable(job)
        except ReviewLensError as error:
            if self._watch.unreadable_seconds(job) <= UNREADABLE_SECONDS:
                raise
            outcome = Outcome(JobState.INTERRUPTED, error.message, error.code)
        self._watch.forget(job)
        self._settle(job, outcome, counts=status.counts and status.exit_code != LEFT_IN_GOOD_ORDER)

    def _status(self, job: Job) -> tuple[TaskStatus, bool]:
        """What the launcher says of the job's task, and whether that is certain."""
        if not job.handle or job.handle.startswith(CLAIM):
            return (_LOST, False) if self._shared else (_GONE, True)
        try:
            status = self._launcher.status(job.handle)
        except ReviewLensError as error:
            _log.warning("the task of job %s cannot be asked after: %s", job.id, error.code)
            return TaskStatus(TaskState.GONE, reason=error.message, code=error.code), False
        if status.state is TaskState.GONE and self._shared:
            return (status if status.code else _LOST), False
        return status, True

    def _is_lost(self, job: Job) -> bool:
        return self._watch.unheard_seconds(job) > MISSED_LEASES * self._settings.lease_seconds

    def _press(self, job: Job) -> None:
        """A task that heeds neither its cancellation nor a signal would hold up the queue for ever."""
        waited = _seconds_since(job.updated_at)
        if waited > KILL_GRACE_SECONDS:
            self._launcher.kill(job.handle)
        elif not 0 <= waited <= CANCEL_GRACE_SECONDS:  # below 0: the clock was set back
            self._launcher.stop(job.handle)

    def _end_if_stuck(self, job: Job) -> None:
        """A task that hangs would hold up the queue for ever; killed, its job is interrupted and goes on from what it
        had committed, as often as `max_attempts` allows."""
        silent = self._watch.silent_seconds(job)
        if silent > self._settings.stuck_job_seconds:
            _log.warning("job %s has not got on for %.0f seconds; its task is ended", job.id, silent)
            self._launcher.kill(job.handle)

    def _settle(self, job: Job, outcome: Outcome, *, counts: bool = True) -> None:
        state = outcome.state
        if state is JobState.INTERRUPTED and job.state is JobState.CANCELLING:
            state = JobState.CANCELLED
        if state is JobState.INTERRUPTED:
            # Waiting for a machine is no failed attempt, but it does not go on for ever either.
            waits = outcome.error_code == NO_CAPACITY and self._waited(job) < self._settings.stuck_job_seconds
            attempts = job.attempts if counts and not waits else max(0, job.attempts - 1)
            self._service.table.move(
                job.user,
                job.id,
                state,
                if_version=job.version,
                handle="",
                attempts=attempts,
                error=outcome.error,
                error_code=outcome.error_code,
            )
            _log.info("job %s was interrupted (attempt %d)", job.id, job.attempts)
            return
        # Whoever cancelled a job need not be told how its task went.
        self._finish(job, state, Outcome(state) if state is JobState.CANCELLED else outcome)

    def _waited(self, job: Job) -> float:
        """Seconds since the job was first started, or last worked on."""
        progress = read_json(self._service.store, JobKeys(job.user, job.id).progress) or {}
        stamps = (job.started_at, str(progress.get("updated_at") or job.started_at))
        return min(_seconds_since(stamp) for stamp in stamps)

    def _finish(self, job: Job, state: JobState, outcome: Outcome) -> None:
        finished = now()
        moved = self._service.table.move(
            job.user,
            job.id,
            state,
            if_version=job.version,
            finished_at=finished,
            error=outcome.error,
            error_code=outcome.error_code,
            rows_read=outcome.rows_read,
            seconds=max(0.0, round(_seconds_since(job.started_at), 3)) if job.started_at else 0.0,
        )
        facts = {"job": job.id, "job_state": str(state), "error_code": outcome.error_code}
        _log.info("job %s %s", job.id, state, extra={"facts": facts})
        self._on_finish(moved)
        if state is JobState.SUCCEEDED:
            self._service.drop_checkpoints(moved)

    def _take_up(self, job: Job) -> None:
        """Queue an interrupted job again after a pause that doubles with each attempt; give up after too many.

        A clock that was set back cuts the pause short: a job must not wait until it has caught up.
        """
        if job.attempts >= self._settings.max_attempts:
            reason = f"It was interrupted {job.attempts} times; try again when the machine is calmer."
            outcome = Outcome(JobState.FAILED, reason, "interrupted-too-often")
            if job.error_code:  # the surroundings have said why
                told = f"{job.error} It was tried {job.attempts} times."
                outcome = Outcome(JobState.FAILED, told, job.error_code)
            self._finish(job, JobState.FAILED, outcome)
        elif not 0 <= _seconds_since(job.updated_at) < min(2.0**job.attempts, _LONGEST_PAUSE_SECONDS):
            self._service.table.move(job.user, job.id, JobState.QUEUED, if_version=job.version)

    def _start_if_room(self, job: Job) -> bool:
        """The row says `running` before the task starts: a crash in between is an interruption, never two tasks."""
        running = self._service.table.claim(
            job.user,
            job.id,
            at_most=self._settings.max_concurrent_jobs,
            started_at=job.started_at or now(),
            attempts=job.attempts + 1,
            handle=CLAIM + secrets.token_hex(8),
            error="",
            error_code="",
        )
        if running is None:
            return False
        store, key = self._service.store, JobKeys(job.user, job.id).spec
        try:
            size = int((read_json(store, key) or {}).get("input_bytes", 0))
            handle = self._launcher.start(store.uri(key), input_bytes=size)
        except ReviewLensError as error:
            state = JobState.INTERRUPTED if isinstance(error, TransientError) else JobState.FAILED
            _log.warning("job %s could not be started: %s", job.id, error.code)
            self._settle(self._still_claimed(running), Outcome(state, error.message, error.code))
            return True
        self._note(running, handle)
        _log.info("job %s started (attempt %d)", job.id, running.attempts)
        return True

    def _note(self, running: Job, handle: str) -> None:
        """Write down who works on the job; a task whose claim was given up meanwhile is asked to stop again."""
        while True:
            try:
                job = self._still_claimed(running)
            except ConflictError:
                self._launcher.stop(handle)
                raise
            try:
                self._service.table.update(job.user, job.id, if_version=job.version, handle=handle)
                return
            except ConflictError:
                continue  # cancelled this moment

    def _still_claimed(self, running: Job) -> Job:
        """The job as it stands; ConflictError when others gave our claim up, thinking us dead."""
        job = self._service.table.get(running.user, running.id)
        if job.handle != running.handle or job.state not in LIVE:
            raise ConflictError("Others have gone on with this job.", code="job-state")
        return job

    # -- an orderly stop ----------------------------------------------------------------------------------------------

    def _interrupt_all(self, wait_seconds: float) -> None:
        table = self._service.table
        live = table.in_states(LIVE)
        if self._shared:  # others' tasks are theirs
            live = [job for job in live if self._launcher.status(job.handle).state is TaskState.RUNNING]
        for job in live:
            self._launcher.stop(job.handle)
        deadline = time.monotonic() + wait_seconds
        for job in live:
            status = self._launcher.status(job.handle)
            while status.state is TaskState.RUNNING and time.monotonic() < deadline:
                time.sleep(0.05)
                status = self._launcher.status(job.handle)
            if status.state is TaskState.RUNNING:
                _log.warning("job %s did not stop in time and was ended; it repeats a little when it goes on", job.id)
                self._launcher.kill(job.handle)
            try:
                outcome = outcome_of(self._service.store, JobKeys(job.user, job.id), status)
                self._settle(table.get(job.user, job.id), outcome, counts=False)
            except ConflictError:
                pass  # a request that was still being answered moved it


def _seconds_since(stamp: str) -> float:
    return seconds_since(stamp, datetime.now(UTC))
