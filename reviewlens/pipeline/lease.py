"""One task per job: a lease object with a heartbeat, taken over by a conditional write when its owner is gone."""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import threading
import time
from pathlib import Path

import psutil

from reviewlens.errors import ConflictError, NotFoundError, ReviewLensError
from reviewlens.pipeline.control import Interrupted, LeaseLost
from reviewlens.storage.interface import ObjectInfo, ObjectStore

log = logging.getLogger(__name__)


class Lease:
    """A job's lease. `acquire` or `with`; `confirm` before every commit; `release` at the end."""

    def __init__(self, store: ObjectStore, key: str, seconds: float) -> None:
        self._store = store
        self._key = key
        self._seconds = seconds
        self._owner = secrets.token_hex(8)
        self._beats = 0
        self._etag = ""
        self._lost = False
        self._beat_at = 0.0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lease. Errors: Interrupted (`job-leased`) while another task holds it.

        A holder on this machine is gone if its process is. One elsewhere is gone if its lease does not change while we
        watch it for `seconds`, so no clocks are compared.
        """
        while True:
            try:
                self._etag = self._store.put(self._key, self._content(), if_none_match=True).etag
                break
            except ConflictError:
                pass
            current = self._store.head(self._key)
            if current is None:
                continue
            if not self._holder_is_gone(current):
                raise Interrupted("Another task works on this job; this one stops.", code="job-leased")
            try:
                self._etag = self._store.put(self._key, self._content(), if_match=current.etag).etag
                log.warning("took over the lease of a task that has gone")
                break
            except ConflictError:
                continue
        self._beat_at = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def confirm(self) -> None:
        """Raise LeaseLost unless the lease is ours; a lease that expired while this process slept is renewed first."""
        with self._lock:
            if not self._lost and time.monotonic() - self._beat_at > self._seconds:
                self._renew()
            if self._lost:
                raise LeaseLost("Another task has taken over this job; this one stops.")

    def release(self) -> None:
        """Give up the lease if it is still ours."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if not self._lost and self._thread is not None:
            self._store.delete(self._key)

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds / 3):
            with self._lock:
                try:
                    self._renew()
                except ReviewLensError as error:
                    log.warning("the lease could not be renewed: %s", error.code)
                if self._lost:
                    return

    def _renew(self) -> None:
        self._beats += 1
        try:
            self._etag = self._store.put(self._key, self._content(), if_match=self._etag).etag
            self._beat_at = time.monotonic()
        except ConflictError:
            self._lost = True

    def _content(self) -> bytes:
        me = psutil.Process()
        return json.dumps(
            {
                "owner": self._owner,
                "machine": _machine(),
                "pid": me.pid,
                "started": me.create_time(),
                "beats": self._beats,
            }
        ).encode()

    def _holder_is_gone(self, lease: ObjectInfo) -> bool:
        try:
            holder = json.loads(self._store.get(self._key))
        except (NotFoundError, ValueError):
            holder = {}
        if holder.get("machine") == _machine():
            return not _is_alive(int(holder["pid"]), float(holder["started"]))
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            time.sleep(min(0.2, self._seconds / 10))
            now = self._store.head(self._key)
            if now is None or now.etag != lease.etag:
                return now is None
        return True


def _machine() -> str:
    """This machine and its process namespace: within both, a process id is unique."""
    try:
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        namespace = ""
    return f"{platform.node()}/{namespace}/{os.getuid()}"


def _is_alive(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - started) < 1.0)
    except psutil.Error:
        return False
