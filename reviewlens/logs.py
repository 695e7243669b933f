"""Logs as one JSON object a line, to standard output and a file: facts about requests, never what was in them."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; part of every line logged meanwhile."""

_MAX_BYTES, _KEPT = 10_000_000, 5
_OWN_FIELDS = "facts"


class JsonFormatter(logging.Formatter):
    """An exception is logged as its type and where it arose: its message may quote what a person wrote."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON; `extra={"facts": {...}}` adds fields."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line.update(getattr(record, _OWN_FIELDS, {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe_exception(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def describe_exception(error: BaseException) -> dict[str, object]:
    """Type, chain and places of an exception, without any message."""
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
    """Send everything that is logged in this process to standard output and to `file`, which is rotated at 10 MB."""
    file.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in (
        logging.StreamHandler(sys.stdout),
        RotatingFileHandler(file, maxBytes=_MAX_BYTES, backupCount=_KEPT, encoding="utf-8"),
    ):
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger(
        "uvicorn.access"
    ).disabled = True  # it would write query strings; the backend logs requests itself
    for name in ("httpx", "httpx2", "httpcore", "httpcore2", "multipart", "python_multipart"):
        logging.getLogger(name).setLevel(logging.WARNING)
