"""`python -m reviewlens.pipeline --spec URI`: run one job; see runner.run_spec for the exit codes."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from datetime import UTC, datetime
from types import FrameType

from pydantic import ValidationError

from reviewlens.pipeline.runner import OURS, Stage, run_spec
from reviewlens.settings import Settings


def main(arguments: list[str] | None = None, *, stage: Stage = "all") -> int:
    """Parse, run, return the exit code. SIGTERM and SIGINT let the slices in hand finish."""
    parser = argparse.ArgumentParser(prog="reviewlens.pipeline", description="Run one ReviewLens job.")
    parser.add_argument("--spec", required=True, metavar="URI", help="address of the job's spec.json")
    parser.add_argument("--stage", choices=("all", "clean", "infer"), default=stage, help="part of the job to run")
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        parser.exit(OURS, f"A setting is wrong: {error}\n")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.getLogger("py4j").setLevel(logging.ERROR)
    stop = threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    return run_spec(chosen.spec, settings, stage=chosen.stage, stop=stop)


class JsonFormatter(logging.Formatter):
    """One JSON object a line. A traceback is never printed: its message could hold what a review says."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        if places := getattr(record, "places", None):
            line["places"] = places
        return json.dumps(line)


if __name__ == "__main__":
    sys.exit(main())
