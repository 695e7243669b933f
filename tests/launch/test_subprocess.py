"""The subprocess launcher: the contract, and what is special about processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

import reviewlens
from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.launch import subprocess as module
from reviewlens.launch.interface import TaskState
from reviewlens.launch.subprocess import SubprocessLauncher, default_command
from tests.launch.contract import PROGRAM, LauncherContract
from tests.timing import wait_until


@pytest.fixture
def command(tmp_path):
    (tmp_path / "task.py").write_text(PROGRAM)
    return [sys.executable, "-S", str(tmp_path / "task.py")]


class TestContract(LauncherContract):
    @pytest.fixture
    def launcher(self, tmp_path, command):
        return SubprocessLauncher(tmp_path / "logs", command)

    @pytest.fixture
    def again(self, tmp_path, command):
        return SubprocessLauncher(tmp_path / "logs", command)

    def test_output_goes_to_a_file_named_by_the_job(self, launcher, spec, tmp_path):
        handle = launcher.start(spec())
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
        assert (tmp_path / "logs" / "job_201.log").read_text() == "working on it\n"

    def test_it_is_in_a_session_of_its_own(self, launcher, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        pid = json.loads(handle)["pid"]
        assert os.getsid(pid) == pid
        launcher.stop(handle)
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)

    def test_it_runs_at_a_low_priority(self, launcher, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        assert psutil.Process(json.loads(handle)["pid"]).nice() == max(module.NICENESS, psutil.Process().nice())
        launcher.stop(handle)
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)

    def test_a_killed_task_says_by_which_signal(self, launcher, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        os.kill(json.loads(handle)["pid"], signal.SIGKILL)
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
        assert launcher.status(handle).exit_code == -9
        assert "SIGKILL" in launcher.status(handle).reason

    def test_a_set_clock_does_not_lose_a_running_task(self, launcher, again, spec, begun):
        handle = launcher.start(spec(seconds=60))
        wait_until(begun.exists)
        shifted = json.dumps({**json.loads(handle), "started": json.loads(handle)["started"] - 5000})
        assert again.status(shifted).state is TaskState.RUNNING
        launcher.stop(handle)
        wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)


def test_another_program_with_the_same_process_id_is_gone_and_left_alone(tmp_path):
    bystander = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    try:
        handle = json.dumps({"pid": bystander.pid, "started": time.time() - 9000, "spec": "file:///x/spec.json"})
        launcher = SubprocessLauncher(tmp_path, ["unused"])
        assert launcher.status(handle).state is TaskState.GONE
        launcher.stop(handle)
        time.sleep(0.2)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_task_that_ended_but_was_not_waited_for_is_gone(tmp_path, command):
    (tmp_path / "spec.json").write_text('{"seconds": 0, "exit": 0}')
    child = subprocess.Popen([*command, "--spec", (tmp_path / "spec.json").as_uri()], stdout=subprocess.DEVNULL)
    started = psutil.Process(child.pid).create_time()
    handle = json.dumps({"pid": child.pid, "started": started, "spec": "x"})
    wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert SubprocessLauncher(tmp_path, command).status(handle).state is TaskState.GONE
    child.wait()


def test_processes_left_by_a_finished_task_are_terminated(tmp_path):
    script = (
        "import subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
    )
    launcher = SubprocessLauncher(tmp_path / "logs", [sys.executable, "-S", "-c", script])
    handle = launcher.start("file:///none/spec.json")
    wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
    left = int((tmp_path / "child").read_text())
    wait_until(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE)


def test_a_kill_includes_all_descendants(tmp_path):
    script = (
        "import subprocess, sys, time, pathlib\n"
        "command = [sys.executable, '-S', '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(command, start_new_session=True)\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).rename({str(tmp_path / 'begun')!r})\n"
        "time.sleep(600)\n"
    )
    launcher = SubprocessLauncher(tmp_path / "logs", [sys.executable, "-S", "-c", script])
    handle = launcher.start("file:///none/spec.json")
    wait_until((tmp_path / "begun").exists)
    helper = int((tmp_path / "begun").read_text())
    launcher.kill(handle)
    wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
    wait_until(lambda: not psutil.pid_exists(helper) or psutil.Process(helper).status() == psutil.STATUS_ZOMBIE)


def test_a_group_whose_leader_still_runs_is_left_alone():
    bystander = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        module._terminate_group(bystander.pid)
        time.sleep(0.2)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_stopping_a_task_that_just_exited_is_ignored(tmp_path, command, monkeypatch):
    launcher = SubprocessLauncher(tmp_path, command)

    class Going:
        def terminate(self):
            raise psutil.NoSuchProcess(1)

        def children(self, recursive):
            raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(module, "_running_process", lambda handle: Going())
    launcher.stop("any")
    launcher.kill("any")


def test_a_missing_program_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError) as missing:
        SubprocessLauncher(tmp_path, ["/no/such/program"]).start("file:///none/spec.json")
    assert missing.value.code == "launch-impossible"


def test_a_machine_without_resources_is_transient(tmp_path):
    (tmp_path / "logs").write_text("a file where the folder should be")
    with pytest.raises(TransientError) as failed:
        SubprocessLauncher(tmp_path / "logs", ["true"]).start("file:///none/spec.json")
    assert failed.value.code == "launch-failed"


def test_old_logs_are_deleted(tmp_path):
    for number in range(205):
        path = tmp_path / f"{number:03}.log"
        path.write_text("")
        os.utime(path, (number, number))
    launcher = SubprocessLauncher(tmp_path, ["true"])
    handle = launcher.start("file:///none/spec.json")
    wait_until(lambda: launcher.status(handle).state is TaskState.EXITED)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 201
    assert names[0] == "005.log"


def test_the_script_is_preferred_where_it_is_present(tmp_path, monkeypatch):
    (tmp_path / "reviewlens").mkdir()
    monkeypatch.setattr(reviewlens, "__file__", str(tmp_path / "reviewlens" / "__init__.py"))
    assert default_command() == [sys.executable, "-m", "reviewlens.pipeline"]
    script = tmp_path / "sentiment-pipeline" / "run_all.py"
    script.parent.mkdir()
    script.write_text("")
    assert default_command() == [sys.executable, str(script)]
    assert SubprocessLauncher(tmp_path)._command == default_command()
