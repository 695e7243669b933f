"""The UI's log: JSON lines in {data_dir}/logs/streamlit.log, without any text of a review."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from reviewlens.private import PrivateLogHandler

NAME = "reviewlens.frontend"
_UNCAUGHT = "streamlit.error_util"  # Streamlit's logger for uncaught exceptions; it does not propagate


class WordlessFormatter(logging.Formatter):
    """One JSON object per line.

    An exception is logged with its type and stack, but without its message, which may quote a review.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage() if record.name == NAME else str(record.msg)[:200],
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0]:
            entry["exception"] = record.exc_info[0].__name__
            entry["places"] = [
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])[-8:]
            ]
        return json.dumps(entry, ensure_ascii=False)


def start_log(data_dir: Path, level: str) -> logging.Logger:
    """Start logging to the file, for this module's logger and Streamlit's. Can be called again."""
    handler = PrivateLogHandler(data_dir / "logs" / "streamlit.log", max_bytes=10_000_000, backups=3)
    handler.setFormatter(WordlessFormatter())
    for name in (NAME, "streamlit", _UNCAUGHT):
        logger = logging.getLogger(name)
        logger.handlers = [old for old in logger.handlers if not isinstance(old, RotatingFileHandler)]
        for console in logger.handlers:
            console.setFormatter(WordlessFormatter())
        logger.addHandler(handler)
    own = logging.getLogger(NAME)
    own.setLevel(level)
    own.propagate = False
    own.info("the UI has started")
    return own
