"""What the operating system says about files, in the project's own errors."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from reviewlens.errors import ConfigurationError, InputError, NotFoundError, TransientError


def no_such_object(key: str) -> NotFoundError:
    """What is raised for a key that is not there."""
    return NotFoundError("There is no such object.", details={"key": key})


@contextlib.contextmanager
def plain_disk_errors(missing: str | None = None) -> Iterator[None]:
    """Say in the project's own errors what the operating system said. `missing`: the key that may not be there."""
    try:
        yield
    except OSError as error:
        # A folder where the object should be, or an object where a folder should be, is no object under that key.
        if missing is not None and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            raise no_such_object(missing) from error
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY):
            raise InputError("A name in the store cannot be both a file and a folder.", code="invalid-key") from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TransientError("The disk is full: free some space and try again.", code="disk-full") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ConfigurationError(
                "The data folder cannot be read or written: check its permissions.", code="storage-not-permitted"
            ) from error
        raise TransientError(f"The data folder does not answer: {error.strerror}.", code="storage-failed") from error
