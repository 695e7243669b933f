"""Secrets that are made once and kept in files which only their owner can read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def private_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's content; on first use it is made, mode 600, in one step (processes that race get the same content)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
                pass  # another process was first: its content counts
        finally:
            draft.unlink()
    return path.read_bytes()


def operator_key(secrets_dir: Path) -> str:
    """The key that proves access to the data folder: who can read it may make log-in links and users."""
    return private_file(secrets_dir / "operator.key", lambda: secrets.token_urlsafe(32).encode()).decode().strip()
