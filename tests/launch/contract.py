"""The contract of launchers; each adapter has a test class that inherits from this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewlens.launch.interface import Launcher, TaskState, TaskStatus
from tests.timing import wait_until

PROGRAM = """
import json, pathlib, signal, sys, time
from urllib.parse import unquote, urlsplit
assert sys.argv[1] == "--spec"
spec = pathlib.Path(unquote(urlsplit(sys.argv[2]).path))
wanted = json.loads(spec.read_text())
def leave(*_):
    (spec.parent / "stopped").write_text("")
    sys.exit(4)
signal.signal(signal.SIGTERM, leave)
print("working on it", flush=True)
(spec.parent / "begun").write_text("")
time.sleep(wanted["seconds"])
sys.exit(wanted["exit"])
"""
"""A task that reads its spec, works for some seconds and exits with the code in the spec, or with 4 on SIGTERM."""


class LauncherContract(ABC):
    """Adapters give `launcher`, which runs PROGRAM; `again` is a second launcher, as after a restart of the caller.

    `kills_at_once`: whether `kill` does not let the task handle SIGTERM; `remembers`: whether a second launcher also
    knows the exit code of a task.
    """

    kills_at_once = True
    remembers = False

    @pytest.fixture
    @abstractmethod
    def launcher(self) -> Launcher: ...

    @pytest.fixture
    @abstractmethod
    def again(self) -> Launcher: ...

    @pytest.fixture
    def spec(self, tmp_path) -> Callable[..., str]:
        def write(seconds: float = 0.0, exit: int = 0, name: str = "job 1") -> str:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            (folder / "spec.json").write_text(f'{{"seconds": {seconds}, "exit": {exit}}}')
            return (folder / "spec.json").as_uri()

        return write

    @pytest.fixture
    def begun(self, tmp_path) -> Path:
        return tmp_path / "job 1" / "begun"

    def test_the_file_size_is_accepted(self, launcher, spec):
        handle = launcher.start(spec(exit=2), input_bytes=5_000_000)
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
        assert launcher.status(handle).exit_code == 2

    @pytest.mark.parametrize("code", [0, 1, 2, 3, 4])
    def test_the_exit_code_is_reported(self, launcher, spec, code):
        handle = launcher.start(spec(exit=code))
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
        assert launcher.status(handle).exit_code == code
        assert launcher.status(handle).exit_code == code

    def test_it_runs_until_it_is_stopped(self, launcher, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        assert launcher.status(handle) == TaskStatus(TaskState.RUNNING)
        launcher.stop(handle)
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
        assert launcher.status(handle).exit_code == 4
        launcher.stop(handle)

    def test_a_task_that_ignores_stop_is_killed(self, launcher, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        launcher.kill(handle)
        wait_until(lambda: launcher.status(handle).state is not TaskState.RUNNING)
        assert self.kills_at_once is not (begun.parent / "stopped").exists()
        launcher.kill(handle)

    def test_the_handle_survives_a_restart_of_the_caller(self, launcher, again, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        assert isinstance(handle, str)
        assert again.status(handle) == TaskStatus(TaskState.RUNNING)
        again.stop(handle)
        wait_until((begun.parent / "stopped").exists)
        wait_until(lambda: again.status(handle).state is not TaskState.RUNNING)
        assert again.status(handle).state is (TaskState.EXITED if self.remembers else TaskState.GONE)
        again.stop(handle)

    @pytest.mark.parametrize(
        "handle", ["", "nonsense", "{}", "[]", "7", '{"pid": "x"}', '{"pid": -1}', '{"cluster": "x", "task": 7}']
    )
    def test_an_unknown_handle_is_gone_and_stopping_it_is_fine(self, launcher, handle):
        assert launcher.status(handle).state is TaskState.GONE
        launcher.stop(handle)
        launcher.kill(handle)

    def test_two_tasks_are_distinguished(self, launcher, spec):
        one, other = launcher.start(spec(exit=2, name="one")), launcher.start(spec(seconds=60, name="other"))
        wait_until(lambda: launcher.status(one).state is TaskState.EXITED)
        assert launcher.status(other).state is TaskState.RUNNING
        launcher.stop(other)
        wait_until(lambda: launcher.status(other).state is TaskState.EXITED)
