"""Which keys an object store accepts; every adapter asks here, so that all refuse the same ones."""

from __future__ import annotations

from reviewlens.errors import InputError

MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
RESERVED = ".store"
"""First segment that adapters keep for themselves."""


def check_key(key: str) -> str:
    """The key itself; InputError (`invalid-key`) when it is not a plain relative path."""
    _check_characters(key)
    segments = key.split("/")
    _check_segments(segments)
    return key


def check_prefix(prefix: str, *, whole: bool = False) -> str:
    """A prefix to list by: '' or the beginning of a key. `whole`: it must name a folder, so end with '/'."""
    _check_characters(prefix)
    *folders, last = prefix.split("/")
    if whole and (not folders or last):
        raise _refused("it must end with '/'")
    if folders:
        _check_segments(folders)
    return prefix


def _check_characters(key: str) -> None:
    if "\0" in key or "\\" in key:
        raise _refused("it holds a NUL or a backslash")
    try:
        size = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        raise _refused("it is not valid Unicode") from None
    if size > MAX_KEY_BYTES:
        raise _refused(f"it is longer than {MAX_KEY_BYTES} bytes")


def _check_segments(segments: list[str]) -> None:
    for segment in segments:
        if segment in ("", ".", ".."):
            raise _refused("it has an empty, '.' or '..' part")
        if len(segment.encode("utf-8")) > MAX_SEGMENT_BYTES:
            raise _refused(f"a part of it is longer than {MAX_SEGMENT_BYTES} bytes")
    if segments[0] == RESERVED:
        raise _refused(f"names that begin with '{RESERVED}/' are kept for the store itself")


def _refused(why: str) -> InputError:
    return InputError(f"This name cannot be used in the store: {why}.", code="invalid-key")
