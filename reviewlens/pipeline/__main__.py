"""`python -m reviewlens.pipeline --spec URI`: run one job; see runner.run_spec for the exit codes."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from types import FrameType

from pydantic import ValidationError

from reviewlens.logs import JsonFormatter
from reviewlens.pipeline.runner import DONE, OURS, Stage, run_spec
from reviewlens.private import UMASK
from reviewlens.settings import Settings


def main(arguments: list[str] | None = None, *, stage: Stage = "all") -> int:
    """Run a job and return its exit code. After SIGTERM or SIGINT the slices in progress are finished first."""
    parser = argparse.ArgumentParser(prog="reviewlens.pipeline", description="Run one ReviewLens job.")
    parser.add_argument("--spec", required=True, metavar="URI", help="address of the job's spec.json")
    parser.add_argument("--stage", choices=("all", "clean", "infer"), default=stage, help="part of the job to run")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as exit_:  # argparse exits with 2, the code for a fault in the input
        return OURS if exit_.code else DONE
    try:
        settings = Settings()
    except ValidationError as error:
        parser.exit(OURS, f"Invalid settings: {error}\n")
    os.umask(UMASK)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    stop = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    return run_spec(options.spec, settings, stage=options.stage, stop=stop)


if __name__ == "__main__":
    sys.exit(main())
