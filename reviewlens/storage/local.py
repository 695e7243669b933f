"""An object store in a folder: atomic, durable, with conditional writes across processes (Linux, macOS, WSL2)."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from reviewlens.contracts.keys import RESERVED, check_key, check_prefix
from reviewlens.errors import ConflictError, NotFoundError
from reviewlens.private import FILE_MODE, make_private_folder, private_folder, private_opener
from reviewlens.storage.disk import no_such_object, translate_disk_errors
from reviewlens.storage.interface import ObjectInfo, PostForm
from reviewlens.storage.parts import chunks

_LOCKS = 64
_STALE_SECONDS = 24 * 3600


class LocalObjectStore:
    """An ObjectStore in `root` (created if missing). InputError for a key that is a folder of another key.

    Only the owner can read its files (mode 600) and folders (700), whatever the umask is.

    A write goes to `root/.store/tmp`, is synced and renamed under one of 64 file locks, which depends on the key.
    Every change of a key takes its lock, so that a condition still holds when the write takes effect.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._temporary = self._root / RESERVED / "tmp"
        self._locks = self._root / RESERVED / "locks"
        with translate_disk_errors():
            for folder in (self._root, self._temporary, self._locks):
                private_folder(folder)
            self._remove_stale()

    @property
    def root(self) -> Path:
        """The absolute path of the folder."""
        return self._root

    def uri(self, key: str) -> str:
        """Return `file://` and the percent-encoded absolute path."""
        return "file://" + quote(str(self._path(key)))

    def put(
        self,
        key: str,
        data: bytes | BinaryIO | Iterable[bytes],
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        """See ObjectStore.put."""
        target = self._path(key)
        temporary = self._new_temporary()
        try:
            with translate_disk_errors():
                file = open(temporary, "xb", opener=private_opener)  # noqa: SIM115 - closed below
            try:
                for chunk in chunks(data):
                    with translate_disk_errors():
                        file.write(chunk)
                with translate_disk_errors():
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                with translate_disk_errors():  # writes what is left in the buffer
                    file.close()
            return self._commit(temporary, key, target, if_none_match, if_match)
        finally:
            temporary.unlink(missing_ok=True)

    def put_file(self, path: Path, key: str) -> ObjectInfo:
        """See ObjectStore.put_file; the file is moved, or copied and removed if it is on another disk."""
        target = self._path(key)
        temporary = self._new_temporary()
        try:
            with translate_disk_errors():
                if not path.is_file():
                    raise NotFoundError(f"The file {path.name} does not exist.")
                shutil.move(path, temporary)
                temporary.chmod(FILE_MODE)
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
            return self._commit(temporary, key, target, False, None)
        finally:
            temporary.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """See ObjectStore.get."""
        with self.open(key) as file, translate_disk_errors():
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """See ObjectStore.open; the stream is not affected when the object is replaced or deleted."""
        path = self._path(key)
        with translate_disk_errors(missing=key):
            return path.open("rb")

    def head(self, key: str) -> ObjectInfo | None:
        """See ObjectStore.head."""
        return self._info(key, self._path(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See ObjectStore.list; objects that are created or deleted during the iteration may or may not be included."""
        folder, _, start = check_prefix(prefix).rpartition("/")
        yield from self._walk(folder, start)

    def delete(self, key: str) -> None:
        """See ObjectStore.delete; also removes folders that become empty."""
        self._remove(key, self._path(key))

    def delete_prefix(self, prefix: str) -> int:
        """See ObjectStore.delete_prefix."""
        objects = list(self.list(check_prefix(prefix, whole=True)))
        return sum(self._remove(info.key, self._path(info.key)) for info in objects)

    def copy(self, source: str, target: str) -> ObjectInfo:
        """See ObjectStore.copy."""
        with self.open(source) as file:
            return self.put(target, file)

    def post_form(self, key: str, *, size: int, expires_in: int, public_endpoint: str = "") -> PostForm | None:
        """Return None: a folder does not support direct uploads."""
        check_key(key)
        return None

    def fetch(self, key: str, into: Path) -> Path:
        """Return the path of the stored file, which must not be modified; `into` is not used."""
        path = self._path(key)
        if self._info(key, path) is None:
            raise no_such_object(key)
        return path

    def fetch_prefix(self, prefix: str, into: Path) -> Path:
        """Return the stored folder, which must not be modified; `into` is not used."""
        folder = self._root / check_prefix(prefix, whole=True)
        if next(self.list(prefix), None) is None:
            raise no_such_object(prefix)
        return folder

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _new_temporary(self) -> Path:
        return self._temporary / secrets.token_hex(12)

    def _remove_stale(self) -> None:
        """Remove temporary files of writers that were killed."""
        oldest = time.time() - _STALE_SECONDS
        for entry in os.scandir(self._temporary):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime < oldest:
                    Path(entry.path).unlink()

    def _info(self, key: str, path: Path) -> ObjectInfo | None:
        try:
            with translate_disk_errors(missing=key):
                status = path.stat()
        except NotFoundError:
            return None
        return None if stat.S_ISDIR(status.st_mode) else _describe(key, status)

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        number = hashlib.sha256(key.encode()).digest()[0] % _LOCKS
        with translate_disk_errors():
            handle = os.open(self._locks / f"{number:02d}", os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            with translate_disk_errors():
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _commit(self, temporary: Path, key: str, target: Path, if_none_match: bool, if_match: str | None) -> ObjectInfo:
        with self._locked(key):
            existing = self._info(key, target)
            if if_none_match and existing is not None:
                raise ConflictError("The object already exists.", details={"key": key})
            if if_match is not None and (existing is None or existing.etag != if_match):
                raise ConflictError("The object has changed in the meantime.", details={"key": key})
            with translate_disk_errors():
                # The kernel's file times have a resolution of milliseconds; one in nanoseconds keeps the etag unique.
                now = time.time_ns()
                os.utime(temporary, ns=(now, now))
                status = temporary.stat()
                self._rename(temporary, target)
            return _describe(key, status)

    def _rename(self, temporary: Path, target: Path) -> None:
        attempts_left = 100
        while True:
            try:
                if not target.parent.is_dir():
                    make_private_folder(target.parent)
                temporary.replace(target)
                break
            except FileNotFoundError:
                # A concurrent delete has just removed the empty folder.
                attempts_left -= 1
                if not attempts_left:
                    raise
        _sync_folder(target.parent)

    def _remove(self, key: str, path: Path) -> int:
        with self._locked(key):
            if self._info(key, path) is None:
                return 0
            with translate_disk_errors():
                path.unlink()
        folder = path.parent
        with contextlib.suppress(OSError):  # not empty
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent
        return 1

    def _walk(self, folder: str, start: str) -> Iterator[ObjectInfo]:
        """Yield the objects below `folder` whose next path segment begins with `start`, in key order."""
        try:
            with translate_disk_errors(missing=folder), os.scandir(self._root / folder) as entries:
                names = sorted(
                    entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
                    for entry in entries
                    if entry.name.startswith(start) and not (folder == "" and entry.name == RESERVED)
                )
        except NotFoundError:
            return
        base = folder + "/" if folder else ""
        for name in names:
            if name.endswith("/"):
                yield from self._walk(base + name[:-1], "")
            elif (info := self._info(base + name, self._root / base / name)) is not None:
                yield info


def _describe(key: str, status: os.stat_result) -> ObjectInfo:
    etag = f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"
    return ObjectInfo(key, status.st_size, etag, status.st_mtime)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable across a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
