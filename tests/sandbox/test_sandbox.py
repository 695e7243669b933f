"""The sandbox with real processes: whatever a function does to its process, the caller gets an error of ours."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from reviewlens.errors import InputError, LimitError, NotFoundError, TransientError
from reviewlens.sandbox import pool as pool_module
from reviewlens.sandbox import worker as worker_module
from reviewlens.sandbox.pool import Sandbox
from tests.sandbox import victims
from tests.timing import wait_until

MEMORY = 600 << 20


def call(sandbox: Sandbox, function: Any, *, cpu_seconds: float = 60, seconds: float = 60, **arguments: Any) -> bytes:
    with sandbox.worker() as worker:
        name = f"{victims.__name__}:{function.__name__}"
        return b"".join(worker.call(name, seconds=seconds, cpu_seconds=cpu_seconds, **arguments))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with_one = Sandbox(size=1, memory_bytes=MEMORY, wait_seconds=0.1)
    with_one.start()
    yield with_one
    with_one.close()


def test_it_returns_what_a_function_returns_or_yields(sandbox):
    assert call(sandbox, victims.echo, text="ünï") == "ünï".encode()
    with sandbox.worker() as worker:
        messages = worker.call("tests.sandbox.victims:count", seconds=60, cpu_seconds=60, to=3)
        assert list(messages) == [b"0", b"1", b"2"]


def test_a_worker_serves_many_calls(sandbox):
    assert len({call(sandbox, victims.pid) for _ in range(5)}) == 1


def test_the_memory_of_a_large_parent_does_not_count_as_the_workers():
    ballast = bytearray(400 << 20)
    ballast[:: 1 << 12] = b"x" * len(ballast[:: 1 << 12])
    sandbox = Sandbox(size=1, memory_bytes=MEMORY)
    assert call(sandbox, victims.pid) == call(sandbox, victims.pid)
    with sandbox.worker() as worker:
        assert worker.peak_bytes < 100 << 20
    sandbox.close()


def test_errors_of_ours_arrive_as_they_are(sandbox):
    with pytest.raises(InputError, match="Not this file") as refused:
        call(sandbox, victims.refuse)
    assert (refused.value.code, refused.value.details) == ("not-text", {"line": 3})
    with pytest.raises(LimitError, match="Too long"):
        call(sandbox, victims.exceed)
    with pytest.raises(NotFoundError):
        call(sandbox, victims.open_missing, path="/no/such/file")


def test_any_other_error_says_that_the_file_is_damaged_and_does_not_repeat_it(sandbox, caplog):
    with pytest.raises(InputError) as error:
        call(sandbox, victims.stumble)
    assert error.value.code == "file-damaged"
    assert caplog.records[-1].facts["types"] == ["ZeroDivisionError"]
    assert "secret" not in caplog.text + str(caplog.records[-1].facts)


@pytest.mark.parametrize(
    ("function", "arguments", "code"),
    [
        (victims.fill_memory, {}, "file-too-complex"),
        (victims.use_processor, {"cpu_seconds": 1}, "file-too-complex"),
        (victims.hang, {"seconds": 0.2}, "file-too-complex"),
        (victims.end, {"number": signal.SIGKILL}, "file-too-complex"),
        (victims.end, {"number": signal.SIGSEGV}, "file-damaged"),
        (victims.end, {"number": signal.SIGABRT}, "file-damaged"),
    ],
)
def test_what_ends_a_worker_is_an_error_of_the_file_and_the_next_call_has_another(sandbox, function, arguments, code):
    before = call(sandbox, victims.pid)
    with pytest.raises(InputError) as error:
        call(sandbox, function, **arguments)
    assert error.value.code == code
    assert "save it as CSV" in error.value.message
    assert call(sandbox, victims.pid) != before


def test_a_worker_writes_no_large_files_and_opens_few(sandbox, tmp_path):
    with pytest.raises(InputError):
        call(sandbox, victims.write_a_large_file, path=str(tmp_path / "new"))
    assert (tmp_path / "new").stat().st_size == 0
    with pytest.raises(InputError):
        call(sandbox, victims.open_many, path=__file__)


def test_a_worker_has_no_secrets_no_core_dump_and_no_heavy_module(sandbox, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("REVIEWLENS_OPERATOR_KEY", "x")
    fresh = Sandbox(size=1, memory_bytes=1 << 30, preload=("reviewlens.reading.sniff", "reviewlens.reading.detected"))
    assert call(fresh, victims.facts) == b"(0, [], [])"
    fresh.close()


def test_what_a_library_prints_is_no_answer(sandbox):
    assert call(sandbox, victims.chatter) == b"said"


def test_a_caller_that_stops_in_the_middle_costs_the_worker(sandbox):
    before = call(sandbox, victims.pid)
    with sandbox.worker() as worker:
        messages = worker.call("tests.sandbox.victims:count", seconds=60, cpu_seconds=60, to=100_000)
        assert next(messages) == b"0"
    assert call(sandbox, victims.pid) != before


def test_a_worker_that_died_while_idle_is_replaced(sandbox):
    call(sandbox, victims.pid)
    (idle,) = sandbox._idle
    idle._process.kill()
    wait_until(lambda: not idle.alive)
    assert call(sandbox, victims.echo, text="again") == b"again"


def test_a_worker_is_replaced_after_many_calls_and_after_one_that_took_much_memory(sandbox, monkeypatch):
    before = call(sandbox, victims.pid)
    monkeypatch.setattr(pool_module, "MAX_CALLS", 1)
    call(sandbox, victims.echo, text="")
    monkeypatch.undo()
    after = call(sandbox, victims.pid)
    assert after != before
    with sandbox.worker() as worker:
        worker.peak_bytes = MEMORY
    assert call(sandbox, victims.pid) != after


def test_who_waits_too_long_for_a_worker_is_asked_to_try_again(sandbox):
    with sandbox.worker(), pytest.raises(TransientError) as error, sandbox.worker():
        pass
    assert error.value.code == "parsers-busy"


def test_several_workers_work_side_by_side():
    pair = Sandbox(size=2, memory_bytes=MEMORY)
    meeting = threading.Barrier(2, timeout=60)

    def meet() -> bytes:
        with pair.worker() as worker:
            meeting.wait()
            return b"".join(worker.call("tests.sandbox.victims:pid", seconds=60, cpu_seconds=60))

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(meet), threads.submit(meet)
        assert first.result() != second.result()
    pair.close()


def test_closing_ends_all_workers_also_busy_ones_and_the_next_call_starts_anew():
    sandbox = Sandbox(size=1, memory_bytes=MEMORY)
    running = psutil.Process(int(call(sandbox, victims.pid)))
    started = threading.Event()

    def hang() -> None:
        with sandbox.worker() as worker:
            messages = worker.call("tests.sandbox.victims:count_and_hang", seconds=60, cpu_seconds=60)
            next(messages)
            started.set()
            next(messages)

    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(hang)
        assert started.wait(60)
        sandbox.close()
        with pytest.raises(TransientError):
            hanging.result()
    wait_until(lambda: not running.is_running())
    assert call(sandbox, victims.echo, text="anew") == b"anew"
    sandbox.close()


def test_workers_end_with_their_parent_however_it_ends():
    program = (
        "import time\n"
        "from reviewlens.sandbox.pool import Sandbox\n"
        f"sandbox = Sandbox(size=1, memory_bytes={MEMORY})\n"
        "with sandbox.worker() as worker:\n"
        "    messages = worker.call('tests.sandbox.victims:count_and_hang', seconds=60, cpu_seconds=60)\n"
        "    next(messages)\n"
        "    print(worker.pid, flush=True)\n"
        "    next(messages)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_a_worker_that_cannot_start_is_a_failure_of_ours(monkeypatch):
    broken = Sandbox(size=1, memory_bytes=MEMORY, preload=("no.such.module",))
    with pytest.raises(TransientError) as error:
        call(broken, victims.echo, text="")
    assert error.value.code == "parsers-unavailable"
    broken.close()
    monkeypatch.setattr(worker_module.sys, "executable", "/no/such/python")
    with pytest.raises(TransientError, match="No process"):
        call(broken, victims.echo, text="")
