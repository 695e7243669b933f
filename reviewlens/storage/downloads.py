"""A cache of downloaded objects on the local disk, keyed by the objects' identity (URI and etag)."""

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

from reviewlens.storage.disk import translate_disk_errors

_PARTIAL = ".partial-"
_STALE_SECONDS = 24 * 3600
_ENTRY = re.compile(r"[0-9a-f]{32}")
_lock = threading.Lock()
"""Held while an entry is looked up or evicted, so that no entry is evicted at the moment of its use."""


def cached_download(into: Path, identity: Iterable[str], name: str, write: Callable[[Path], None]) -> Path:
    """Return the cached file or folder `name` for this identity below `into`; call `write` when it is not cached.

    `write` receives a temporary path, which is renamed when it is complete, so that readers never see a partial
    download and concurrent downloads of the same object do not interfere. Temporary files of killed processes are
    removed after a day.
    """
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:32]
    target = into / digest / name
    if _is_cached(target):
        return target
    draft = into / f"{_PARTIAL}{secrets.token_hex(12)}"
    with translate_disk_errors():
        into.mkdir(parents=True, exist_ok=True)
        _remove_stale(into)
    try:
        write(draft)
        with translate_disk_errors():
            target.parent.mkdir(exist_ok=True)
            _move_into_place(draft, target)
    finally:
        _remove(draft)
    return target


def evict_unused(root: Path, *, unused_seconds: float, idle_seconds: float, max_bytes: int) -> int:
    """Evict the entries below `root` that were not used for `unused_seconds`; returns the number of evicted entries.

    While the cache is larger than `max_bytes`, also evict the least recently used ones that were not used for
    `idle_seconds`.
    """
    with translate_disk_errors():
        entries = [(_last_used(path), _size(path), path) for path in root.rglob("*") if _ENTRY.fullmatch(path.name)]
    total, evicted = sum(size for _, size, _ in entries), 0
    for last_used, size, path in sorted(entries):
        max_age = unused_seconds if total <= max_bytes else idle_seconds
        if time.time() - last_used > max_age and _evict(path, last_used, root):
            total, evicted = total - size, evicted + 1
    return evicted


def _is_cached(target: Path) -> bool:
    """Whether the target exists; marks it as used now."""
    with _lock, contextlib.suppress(FileNotFoundError):
        if target.exists():
            os.utime(target.parent)
            return True
    return False


def _last_used(path: Path) -> float:
    """Return the time of the last use in seconds since 1970; the current time if the entry no longer exists."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _size(path: Path) -> int:
    size = 0
    for file in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = file.stat()
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return size


def _evict(path: Path, last_used: float, root: Path) -> bool:
    """Remove an entry and folders that become empty, unless the entry was used after `last_used`."""
    evicted = path.with_name(f"{_PARTIAL}{secrets.token_hex(12)}")
    with _lock:
        if _last_used(path) != last_used:
            return False
        with contextlib.suppress(FileNotFoundError):
            path.rename(evicted)
    _remove(evicted)
    with contextlib.suppress(OSError):  # not empty
        for folder in takewhile(lambda folder: folder != root, path.parents):
            folder.rmdir()
    return True


def _move_into_place(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():  # else another process has stored the same download
            raise


def _remove_stale(into: Path) -> None:
    oldest = time.time() - _STALE_SECONDS
    for path in into.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.name.startswith(_PARTIAL) and path.stat().st_mtime < oldest:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
