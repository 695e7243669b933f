"""Each call to ECS made to fail, once and for ever, while a job is started, watched and cancelled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from reviewlens.jobs.dispatcher import Dispatcher
from reviewlens.jobs.interface import UNFINISHED, Job, JobState
from reviewlens.launch.fargate import FargateLauncher
from tests.aws.account import AwsAccount, reviews
from tests.aws.in_process import InProcessBackend
from tests.aws.proxy import Fault, How
from tests.shared_spark import SharedSparkTasks
from tests.timing import wait_until

pytestmark = [pytest.mark.spark, pytest.mark.minutes]

CONTENT = reviews(20, " today")
CALLS = ("ListTasks", "RunTask", "DescribeTasks", "StopTask")


@dataclass
class Tasks:
    """The backend with a launcher that starts containers."""

    account: AwsAccount
    backend: InProcessBackend
    dispatcher: Dispatcher
    warm: SharedSparkTasks

    def submit(self) -> str:
        return self.backend.submit(self.backend.upload(CONTENT))

    def until(self, true: Callable[[], object], seconds: float = 900) -> None:
        def reached() -> object:
            self.dispatcher.tick()
            return true()

        wait_until(reached, seconds)

    def ended(self, job_id: str) -> Job:
        self.until(lambda: self.backend.now(job_id).state not in UNFINISHED)
        return self.backend.now(job_id)


@pytest.fixture(scope="module")
def tasks(account: AwsAccount, machine: InProcessBackend, warm: SharedSparkTasks) -> Tasks:
    settings = machine.platform.settings
    on_ecs = settings.model_copy(update={name: account.settings[name] for name in account.settings if "ecs" in name})
    launcher = FargateLauncher(on_ecs, poll_seconds=0.1)
    return Tasks(account, machine, Dispatcher(machine.platform.jobs, launcher), warm)


def test_the_calls_are_these(tasks: Tasks) -> None:
    """A job from its start to its end, and one that is cancelled and does not heed it: all that is asked of ECS."""
    tasks.account.proxy.forget()
    assert tasks.ended(tasks.submit()).state is JobState.SUCCEEDED
    asked = {call.operation for call in tasks.account.proxy.calls if call.service == "ecs"}
    assert asked | {"StopTask"} == set(CALLS)


@pytest.mark.parametrize("how", ["refuse", "lose-answer"])
def test_a_job_ends_well_when_each_call_fails_once(tasks: Tasks, how: How) -> None:
    """Not an attempt that the client repeats by itself, but the whole call, of each kind."""
    with ExitStack() as failing:
        faults = [
            failing.enter_context(tasks.account.proxy.failing(Fault(lambda c, name=name: c.operation == name, 1, how)))
            for name in CALLS
            if name != "StopTask"
        ]
        job = tasks.ended(tasks.submit())
        assert [fault.hits for fault in faults] == [1, 1, 1]
    assert job.state is JobState.SUCCEEDED, job


@pytest.mark.parametrize("operation", [name for name in CALLS if name != "StopTask"])
def test_a_job_whose_calls_fail_for_ever_goes_on_afterwards_or_says_why_not(tasks: Tasks, operation: str) -> None:
    before = tasks.warm.started
    with tasks.account.proxy.failing(Fault(lambda call: call.operation == operation, times=None)) as fault:
        job_id = tasks.submit()
        tasks.until(lambda: fault.hits >= 4 or tasks.backend.now(job_id).state not in UNFINISHED)
    job = tasks.ended(job_id)
    if job.state is JobState.FAILED:
        tasks.backend.cause(job)
        tasks.backend.retry(job_id)
        job = tasks.ended(job_id)
    assert job.state is JobState.SUCCEEDED, job
    assert tasks.warm.started - before == 1, "and it was never started twice"


@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
def test_a_task_that_cannot_be_stopped_now_is_stopped_later(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, for_ever: bool
) -> None:
    """A task that would heed no marker: its job is cancelled in the end, and never called finished before."""
    monkeypatch.setattr("reviewlens.jobs.dispatcher.CANCEL_GRACE_SECONDS", 0.2)
    monkeypatch.setattr("reviewlens.pipeline.control.Control.cancel_requested", lambda self: False)
    with tasks.warm.turn:  # it waits for its turn, and so is still at work when it is to stop
        job_id = tasks.submit()
        tasks.until(lambda: tasks.backend.now(job_id).handle)
        tasks.backend.platform.jobs.cancel(tasks.backend.user, job_id)
        fault = Fault(lambda call: call.operation == "StopTask", None if for_ever else 1)
        with tasks.account.proxy.failing(fault):
            tasks.until(lambda: fault.hits >= (3 if for_ever else 1))
            assert tasks.backend.now(job_id).state is JobState.CANCELLING
        tasks.until(lambda: [c for c in tasks.account.proxy.calls if c.operation == "StopTask"][fault.hits :])
    assert tasks.ended(job_id).state is JobState.CANCELLED


def test_nothing_was_left_running(tasks: Tasks) -> None:
    tasks.until(lambda: not [each for each in tasks.account.docker.containers.values() if each.state == "running"], 60)
