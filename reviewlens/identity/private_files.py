"""Secrets that are created once and stored in files that only their owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from reviewlens.private import private_folder


def private_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the file's content; on first use create it (mode 600), atomically, so that racing processes agree."""
    private_folder(path.parent)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # another process was first; its content is used
        finally:
            draft.unlink()
    return path.read_bytes()


def operator_key(secrets_dir: Path) -> str:
    """Return the key that proves access to the data folder; it permits creating log-in links and users."""
    return private_file(secrets_dir / "operator.key", lambda: secrets.token_urlsafe(32).encode()).decode().strip()
