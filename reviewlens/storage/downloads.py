"""Copies of stored objects on this machine: whole or not there at all, kept by what the object was."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from reviewlens.storage.disk import plain_disk_errors

_PARTIAL = ".partial-"
_STALE_SECONDS = 24 * 3600


def downloaded(into: Path, identity: Iterable[str], name: str, write: Callable[[Path], None]) -> Path:
    """The file or folder `name` below `into`, made by `write` unless it is there; its path depends on `identity`.

    `write` is given a path of its own, which is moved into place when it is finished: nobody sees half of it, and of
    several that make the same one, each gets a whole one. What killed processes left is removed after a day.
    """
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]
    target = into / digest / name
    if target.exists():
        return target
    draft = into / f"{_PARTIAL}{secrets.token_hex(12)}"
    with plain_disk_errors():
        into.mkdir(parents=True, exist_ok=True)
        _sweep(into)
    try:
        write(draft)
        with plain_disk_errors():
            target.parent.mkdir(exist_ok=True)
            _place(draft, target)
    finally:
        _remove(draft)
    return target


def _place(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():  # a folder that another process has put there meanwhile is the same
            raise


def _sweep(into: Path) -> None:
    limit = time.time() - _STALE_SECONDS
    for entry in into.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if entry.name.startswith(_PARTIAL) and entry.stat().st_mtime < limit:
                _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
