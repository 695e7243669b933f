"""Copies of stored objects on this machine: whole or not there at all, kept by what the object was."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable
from itertools import takewhile
from pathlib import Path

from reviewlens.storage.disk import plain_disk_errors

_PARTIAL = ".partial-"
_STALE_SECONDS = 24 * 3600
_COPY = re.compile(r"[0-9a-f]{32}")
_lock = threading.Lock()
"""Held while a copy is found or let go, so that none goes in the moment in which somebody is given it."""


def downloaded(into: Path, identity: Iterable[str], name: str, write: Callable[[Path], None]) -> Path:
    """The file or folder `name` below `into`, made by `write` unless it is there; its path depends on `identity`.

    `write` is given a path of its own, which is moved into place when it is finished: nobody sees half of it, and of
    several that make the same one, each gets a whole one. What killed processes left is removed after a day.
    """
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]
    target = into / digest / name
    if _found(target):
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


def drop_unused(root: Path, *, unused_seconds: float, idle_seconds: float, most_bytes: int) -> int:
    """Remove the copies below `root` that nobody has asked for in `unused_seconds`; say how many went.

    While there are more than `most_bytes`, also the least recently asked for, down to `idle_seconds`.
    """
    with plain_disk_errors():
        copies = [(_used(path), _size(path), path) for path in root.rglob("*") if _COPY.fullmatch(path.name)]
    left, dropped = sum(size for _, size, _ in copies), 0
    for used, size, path in sorted(copies):
        allowed = unused_seconds if left <= most_bytes else idle_seconds
        if time.time() - used > allowed and _let_go(path, used, root):
            left, dropped = left - size, dropped + 1
    return dropped


def _found(target: Path) -> bool:
    """Whether it is there; it counts as used now."""
    with _lock, contextlib.suppress(FileNotFoundError):
        if target.exists():
            os.utime(target.parent)
            return True
    return False


def _used(path: Path) -> float:
    """When it was last asked for, in seconds since 1970; now where it has just gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _size(path: Path) -> int:
    size = 0
    for file in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            facts = file.stat()
            size += facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    return size


def _let_go(path: Path, used: float, root: Path) -> bool:
    """Remove a copy unless somebody has asked for it since it was looked at, and folders that become empty."""
    gone = path.with_name(f"{_PARTIAL}{secrets.token_hex(12)}")
    with _lock:
        if _used(path) != used:
            return False
        with contextlib.suppress(FileNotFoundError):
            path.rename(gone)
    _remove(gone)
    with contextlib.suppress(OSError):  # not empty
        for folder in takewhile(lambda folder: folder != root, path.parents):
            folder.rmdir()
    return True


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
