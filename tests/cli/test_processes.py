"""The pieces of `up`: ports, leftovers of a crash."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from reviewlens.cli.processes import RunFile, Service, free_port, stop, wait_until_ready
from reviewlens.errors import TransientError


def test_a_busy_port_gives_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port("127.0.0.1", port)
        assert found > port
        assert free_port("127.0.0.1", found, frozenset({found})) > found


def _service(tmp_path: Path, code: str) -> Service:
    return Service("thing", [sys.executable, "-c", code], "http://127.0.0.1:9/", tmp_path / "thing.log", {})


def test_a_service_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    service = _service(tmp_path, "import sys; sys.exit('no such luck')")
    service.start(tmp_path)
    with pytest.raises(TransientError, match="no such luck"):
        wait_until_ready([service], 20, lambda: None)


def test_a_service_that_never_answers_is_given_up(tmp_path: Path) -> None:
    service = _service(tmp_path, "import time; time.sleep(60)")
    service.start(tmp_path)
    assert service.process
    try:
        with pytest.raises(TransientError, match="did not respond"):
            wait_until_ready([service], 0.3, lambda: None)
    finally:
        stop([service.process.pid], 5)
    assert not psutil.pid_exists(service.process.pid)


def test_leftovers_of_a_crash_are_found_and_a_reused_process_id_is_not(tmp_path: Path) -> None:
    service = _service(tmp_path, "import time; time.sleep(60)")
    service.start(tmp_path)
    assert service.process
    run_file = RunFile(tmp_path / "up.json")
    run_file.write([service], frontend="http://here")
    assert run_file.read()["frontend"] == "http://here"
    assert run_file.survivors() == [service.process.pid]
    stop(run_file.survivors(), 5)
    assert run_file.survivors() == []
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "up.json").write_text(f'{{"pids": {{"{other.pid}": 1.0}}}}')
        assert run_file.survivors() == []
    finally:
        other.kill()
        other.wait()


def test_a_broken_run_file_is_no_run_file(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text("{")
    assert RunFile(tmp_path / "up.json").survivors() == []
    assert RunFile(tmp_path / "none.json").read() == {}


def test_what_ignores_the_orderly_stop_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    stop([process.pid, 2**22 - 1], 0.5)
    assert not psutil.pid_exists(process.pid)
