"""JSON logs, one object per line, on standard output and in a file; they never contain users' content."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from reviewlens.private import PrivateLogHandler

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the current request; every log line includes it."""

_MAX_BYTES, _BACKUPS = 10_000_000, 5


class JsonFormatter(logging.Formatter):
    """Formats records as JSON. Exceptions are logged without their message, which may quote what a user wrote."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON; `extra={"facts": {...}}` adds fields."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line.update(getattr(record, "facts", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe_exception(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def describe_exception(error: BaseException) -> dict[str, object]:
    """Return the types of an exception and its causes, and its stack frames, without any message."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "types": [type(link).__qualname__ for link in chain],
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }


def configure_logging(file: Path, level: str) -> None:
    """Send all logs of this process to standard output and to `file`, which is rotated at 10 MB and private."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in (
        logging.StreamHandler(sys.stdout),
        PrivateLogHandler(file, max_bytes=_MAX_BYTES, backups=_BACKUPS),
    ):
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # uvicorn's access log contains query strings; the backend logs requests itself.
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("httpx", "httpx2", "httpcore", "httpcore2", "multipart", "python_multipart"):
        logging.getLogger(name).setLevel(logging.WARNING)
