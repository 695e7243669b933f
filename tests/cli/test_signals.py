"""What ends a run in order, and what does not end it at all."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_WAITS = """
import signal, sys, time
from reviewlens.cli.signals import StopRequested, stop_on_signals
try:
    with stop_on_signals():
        print("waits", flush=True)
        time.sleep(float(sys.argv[1]))
    print("done")
except StopRequested:
    print("stopped")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(number: signal.Signals) -> None:
    assert _said([], number, seconds=60) == "stopped\n"


def test_a_closed_terminal_does_not_end_what_nohup_started() -> None:
    assert _said(["nohup"], signal.SIGHUP, seconds=1) == "done\n"
    assert _said(["nohup"], signal.SIGTERM, seconds=60) == "stopped\n"


def _said(before: list[str], number: signal.Signals, seconds: float) -> str:
    command = [*before, sys.executable, "-c", _WAITS, str(seconds)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout and process.stdout.readline() == "waits\n"
    process.send_signal(number)
    said, _ = process.communicate(timeout=120)
    return said
