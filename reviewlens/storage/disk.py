"""Translates the operating system's file errors into ReviewLens errors."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from reviewlens.errors import ConfigurationError, InputError, NotFoundError, TransientError


def no_such_object(key: str) -> NotFoundError:
    """The error for a key without an object."""
    return NotFoundError("The object does not exist.", details={"key": key})


def disk_full() -> TransientError:
    """The error when nothing more can be written."""
    return TransientError("The disk is full: free some space and try again.", code="disk-full")


def check_free_space(folder: Path, least_bytes: int) -> None:
    """Check the disk of a folder. Errors: TransientError (`disk-full`) below `least_bytes`, ConfigurationError."""
    with translate_disk_errors():
        free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise disk_full()


@contextlib.contextmanager
def translate_disk_errors(missing: str | None = None) -> Iterator[None]:
    """Translate OSError into ReviewLens errors; with `missing`, a missing file becomes NotFoundError for that key."""
    try:
        yield
    except OSError as error:
        # A folder at the object's path, or an object at the path of one of its folders, also means: no such object.
        if missing is not None and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            raise no_such_object(missing) from error
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY):
            raise InputError("A key cannot be both an object and a folder.", code="invalid-key") from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full() from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ConfigurationError(
                "The data folder cannot be read or written: check its permissions.", code="storage-not-permitted"
            ) from error
        raise TransientError(f"The data folder is not available: {error.strerror}.", code="storage-failed") from error
