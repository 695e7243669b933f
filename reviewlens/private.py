"""Files and folders that only their owner can read, whatever the umask is."""

from __future__ import annotations

import os
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700
UMASK = 0o077
"""For processes that handle reviews: what libraries write is private too."""


def private_folder(path: Path) -> None:
    """Create a folder and its missing parents (mode 700), and close an existing one to others if it is ours."""
    if not path.is_dir():
        make_private_folder(path)
    elif path.stat().st_mode & 0o777 != FOLDER_MODE:
        with suppress(PermissionError):
            path.chmod(FOLDER_MODE)


def make_private_folder(path: Path) -> None:
    """Create a folder and its missing parents (mode 700); an existing one stays as it is."""
    missing = [path]
    while not missing[-1].parent.is_dir() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        try:
            folder.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            if not folder.is_dir():
                raise
        else:
            folder.chmod(FOLDER_MODE)


def private_opener(path: str, flags: int) -> int:
    """For `open(..., opener=private_opener)`: mode 600, also for a file that exists, if it is ours."""
    descriptor = os.open(path, flags, FILE_MODE)
    with suppress(PermissionError):
        os.fchmod(descriptor, FILE_MODE)
    return descriptor


class PrivateLogHandler(RotatingFileHandler):
    """A rotating log file, and its folder, for the owner alone."""

    def __init__(self, file: Path, *, max_bytes: int, backups: int) -> None:
        private_folder(file.parent)
        super().__init__(file, maxBytes=max_bytes, backupCount=backups, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        file = open(self.baseFilename, self.mode, encoding=self.encoding, opener=private_opener)  # noqa: SIM115
        assert isinstance(file, TextIOWrapper)  # it is not binary
        return file
