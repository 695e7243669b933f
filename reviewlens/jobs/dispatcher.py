"""Starts queued jobs, records how tasks ended, and restarts interrupted jobs."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.contracts.job_status import Progress
from reviewlens.contracts.keys import JobKeys
from reviewlens.errors import ConflictError, ReviewLensError, TransientError
from reviewlens.ids import now, seconds_since
from reviewlens.jobs.backlog import Backlog
from reviewlens.jobs.interface import CLAIM, LIVE, UNLIMITED, Job, Jobs, JobState
from reviewlens.jobs.outcome import Outcome, outcome_of, read_document
from reviewlens.jobs.service import JobService
from reviewlens.jobs.watch import Watch
from reviewlens.launch.interface import NO_MACHINE, Launcher, TaskState, TaskStatus

_log = logging.getLogger(__name__)
_GONE = TaskStatus(TaskState.GONE)
_LOST = TaskStatus(TaskState.GONE, reason="The task stopped without reporting a result.", code="task-lost")
CANCEL_GRACE_SECONDS = 60.0
KILL_GRACE_SECONDS = 120.0
MISSED_LEASES = 4
"""A task of unknown state counts as lost after this many `lease_seconds` without a heartbeat."""
UNREADABLE_SECONDS = 600.0
"""Seconds for which the result of a task may be unreadable because the store does not respond."""
STOPPED_ORDERLY = 4
"""Exit code of a task that was asked to stop or found another task working on its job; the attempt is not counted."""
_LONGEST_PAUSE_SECONDS = 60.0
_LOCAL_PAUSE, _REMOTE_PAUSE = 0.5, 5.0


class Dispatcher:
    """`tick()` does everything that is due. `start()` calls it in a thread, which also wakes when a job is submitted.

    `on_finish` is called with every job that this dispatcher brings to an end. The dispatcher keeps no state that
    matters: after a restart, the table and the launcher's handles say which tasks still run.

    Backends that share a table each have a dispatcher, and every dispatcher handles all jobs. The one that moves a row
    from `queued` to `running` starts its task; until it has a handle, the row holds its claim instead. Every later move
    is conditional on the row as it was read. Other dispatchers can neither tell whether the owner of a claim died nor
    query processes on another machine. They settle such jobs by the results in the store, or when there has been no
    heartbeat for `MISSED_LEASES` times `lease_seconds`. If that is wrong and two tasks run, the lease lets only one of
    them work.
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
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
        self._thread.start()

    def stop(self, *, wait_seconds: float = 15.0) -> None:
        """Stop the thread. Where the settings say so, interrupt running tasks (resumably), wait for them up to
        `wait_seconds` and kill those that still run."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._settings.interrupts_jobs_on_exit:
            self._interrupt_all(wait_seconds)

    def _run(self) -> None:
        local = self._settings.launcher == "subprocess" and not self._shared
        pause = self._settings.poll_seconds or (_LOCAL_PAUSE if local else _REMOTE_PAUSE)
        due = 0.0
        while not self._stopping.is_set():
            self._wake.clear()
            full = time.monotonic() >= due
            due = time.monotonic() + pause if full else due
            try:
                self._round(full)
            except Exception:  # noqa: BLE001 - if this thread ended, no job would start again
                _log.exception("a dispatcher round failed; it is retried")
            self._wake.wait(max(0.0, due - time.monotonic()))

    def _round(self, full: bool) -> None:
        if not full:
            self._start_queued()
            return
        self.tick()
        if self._shared:
            self._backlog.log()

    # -- one round ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """One round. A job that raises an error is logged and does not hold up the others."""
        self._watch.keep(self._each(LIVE, self._check_task))
        self._each([JobState.INTERRUPTED], self._requeue)
        self._start_queued()

    def _start_queued(self) -> None:
        """Start the oldest queued jobs, up to `max_concurrent_jobs` running ones."""
        self._each([JobState.QUEUED], self._start_if_room, limit=self._settings.max_concurrent_jobs + 10)

    def _each(
        self, states: Collection[JobState], act: Callable[[Job], bool | None], *, limit: int = UNLIMITED
    ) -> Jobs | None:
        """Call `act` for every job in these states until it returns False.

        Returns the jobs, or None if the table cannot be read.
        """
        table = self._service.table
        try:
            jobs = table.in_states(states, limit=limit)
        except ReviewLensError as error:
            _log.warning("the job table cannot be read: %s", error.code)
            return None
        for job in jobs:
            try:
                with self._service.lock_of(job.user):
                    fresh = table.get(job.user, job.id)
                    if fresh.state in states and act(fresh) is False:
                        break
            except ReviewLensError as error:
                _log.warning("job %s could not be handled: %s", job.id, error.code)
            except Exception:  # noqa: BLE001 - one job must not stop the thread that handles all
                _log.exception("job %s could not be handled", job.id)
        return jobs

    def _check_task(self, job: Job) -> None:
        status, certain = self._status(job)
        if status.state is TaskState.RUNNING:
            if job.state is JobState.CANCELLING:
                self._stop_cancelled(job)
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
        self._settle(job, outcome, counts=status.counts and status.exit_code != STOPPED_ORDERLY)

    def _status(self, job: Job) -> tuple[TaskStatus, bool]:
        """The status of the job's task, and whether it is certain."""
        if not job.handle or job.handle.startswith(CLAIM):
            return (_LOST, False) if self._shared else (_GONE, True)
        try:
            status = self._launcher.status(job.handle)
        except ReviewLensError as error:
            _log.warning("the status of the task of job %s is unknown: %s", job.id, error.code)
            return TaskStatus(TaskState.GONE, reason=error.message, code=error.code), False
        if status.state is TaskState.GONE and self._shared:
            return (status if status.code else _LOST), False
        return status, True

    def _is_lost(self, job: Job) -> bool:
        return self._watch.unheard_seconds(job) > MISSED_LEASES * self._settings.lease_seconds

    def _stop_cancelled(self, job: Job) -> None:
        """Signal, then kill, a task that ignores its cancellation and would hold up the queue."""
        waited = _seconds_since(job.updated_at)
        if waited > KILL_GRACE_SECONDS:
            self._launcher.kill(job.handle)
        elif not 0 <= waited <= CANCEL_GRACE_SECONDS:  # below 0: the clock was set back
            self._launcher.stop(job.handle)

    def _end_if_stuck(self, job: Job) -> None:
        """Kill a task without progress, which would hold up the queue. Its job is interrupted and resumes from its last
        checkpoint, as often as `max_attempts` allows."""
        silent = self._watch.silent_seconds(job)
        if silent > self._settings.stuck_job_seconds:
            _log.warning("job %s made no progress for %.0f seconds; its task is killed", job.id, silent)
            self._launcher.kill(job.handle)

    def _settle(self, job: Job, outcome: Outcome, *, counts: bool = True) -> None:
        state = outcome.state
        if state is JobState.INTERRUPTED and job.state is JobState.CANCELLING:
            state = JobState.CANCELLED
        if state is JobState.INTERRUPTED:
            # Waiting for capacity does not count as an attempt, up to a limit.
            waits = outcome.error_code in NO_MACHINE and self._waited(job) < self._settings.stuck_job_seconds
            counts = counts and not waits and not self._has_advanced(job)
            attempts = job.attempts if counts else max(0, job.attempts - 1)
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
        # A cancelled job keeps no error from its task.
        self._finish(job, state, Outcome(state) if state is JobState.CANCELLED else outcome)

    def _has_advanced(self, job: Job) -> bool:
        """Whether the attempt committed rows. Then it does not count: a job has a limited number of rows to commit.

        Forgets the rows, so that they are not taken for those of a later attempt that ends before it writes progress.
        False where the store cannot tell.
        """
        key = JobKeys(job.user, job.id).progress
        try:
            progress = read_document(self._service.store, key, Progress)
            if progress is None or not progress.rows_kept:
                return False
            forgotten = progress.model_copy(update={"rows_kept": 0})
            self._service.store.put(key, forgotten.model_dump_json().encode())
        except ReviewLensError as error:
            _log.warning("the progress of job %s is unknown: %s", job.id, error.code)
            return False
        return True

    def _waited(self, job: Job) -> float:
        """Seconds since the job was first started, or since its last progress."""
        progress = read_document(self._service.store, JobKeys(job.user, job.id).progress, Progress)
        stamps = (job.started_at, progress.updated_at or job.started_at) if progress else (job.started_at,)
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

    def _requeue(self, job: Job) -> None:
        """Queue an interrupted job again after a pause that doubles with each attempt; fail it after too many attempts.

        If the clock was set back, the pause ends at once.
        """
        if job.attempts >= self._settings.max_attempts:
            reason = f"The job was interrupted {job.attempts} times. Retry it when the machine is less busy."
            outcome = Outcome(JobState.FAILED, reason, "interrupted-too-often")
            if job.error_code:  # the cause of the last interruption is known
                message = f"{job.error} The job was tried {job.attempts} times."
                outcome = Outcome(JobState.FAILED, message, job.error_code)
            self._finish(job, JobState.FAILED, outcome)
        elif not 0 <= _seconds_since(job.updated_at) < min(2.0**job.attempts, _LONGEST_PAUSE_SECONDS):
            self._service.table.move(job.user, job.id, JobState.QUEUED, if_version=job.version)

    def _start_if_room(self, job: Job) -> bool:
        """Set the row to `running` before the task starts: a crash in between interrupts the job, and never leads to
        two tasks."""
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
            spec = read_document(store, key, JobSpec)
            handle = self._launcher.start(store.uri(key), input_bytes=spec.input_bytes if spec else 0)
        except ReviewLensError as error:
            state = JobState.INTERRUPTED if isinstance(error, TransientError) else JobState.FAILED
            _log.warning("job %s could not be started: %s", job.id, error.code)
            self._settle(self._still_claimed(running), Outcome(state, error.message, error.code))
            return True
        self._save_handle(running, handle)
        _log.info("job %s started (attempt %d)", job.id, running.attempts)
        return True

    def _save_handle(self, running: Job, handle: str) -> None:
        """Save the task's handle in the row; stop the task if its claim was given up meanwhile."""
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
                continue  # a request has just cancelled it

    def _still_claimed(self, running: Job) -> Job:
        """The current row; ConflictError if another dispatcher gave up our claim."""
        job = self._service.table.get(running.user, running.id)
        if job.handle != running.handle or job.state not in LIVE:
            raise ConflictError("Another backend has taken over this job.", code="job-state")
        return job

    # -- an orderly stop ----------------------------------------------------------------------------------------------

    def _interrupt_all(self, wait_seconds: float) -> None:
        table = self._service.table
        live = table.in_states(LIVE)
        if self._shared:  # leave the tasks of other backends alone
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
                _log.warning("job %s did not stop in time and was killed; it repeats some rows when it resumes", job.id)
                self._launcher.kill(job.handle)
            try:
                outcome = outcome_of(self._service.store, JobKeys(job.user, job.id), status)
                self._settle(table.get(job.user, job.id), outcome, counts=False)
            except ConflictError:
                pass  # a request that was still in progress moved it


def _seconds_since(stamp: str) -> float:
    return seconds_since(stamp, datetime.now(UTC))
