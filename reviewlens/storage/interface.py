"""The interface of an object store; adapters: local (a folder) and s3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object: `size` in bytes, `etag` changes with the content, `modified` in seconds since 1970 (UTC).

    Comparison ignores `modified`: after a write it may differ by a second from what `head` returns later.
    """

    key: str
    size: int
    etag: str
    modified: float = field(compare=False)


@dataclass(frozen=True)
class PostForm:
    """A multipart/form-data form that uploads one object directly to the store.

    Send `fields` and then the file, as the field `file`, to `url` within `expires_in` seconds.
    """

    url: str
    fields: dict[str, str]
    expires_in: int


class ObjectStore(Protocol):
    """Keys are '/'-separated relative paths (see contracts/keys.py). InputError for keys with an empty part, '.', '..',
    a NUL or a backslash, and for keys below '.store'.

    Writes are atomic: a reader sees the old object or the new one, never a part, even after a kill.
    Errors: NotFoundError for a missing key, ConflictError for a lost conditional write, TransientError when the disk
    or the network fails, ConfigurationError when access is denied.
    """

    def uri(self, key: str) -> str:
        """Return the URI of a key, e.g. 'file:///data/objects/a/b', which `store_for_uri` can open."""
        ...

    def put(
        self,
        key: str,
        data: bytes | BinaryIO | Iterable[bytes],
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        """Write an object with constant memory.

        `if_none_match`: only if the object does not exist; `if_match`: only if it has this etag; else ConflictError.
        If the iterable raises, nothing is stored and the exception propagates.
        """
        ...

    def put_file(self, path: Path, key: str) -> ObjectInfo:
        """Store a complete local file, which may be moved."""
        ...

    def get(self, key: str) -> bytes:
        """Return the whole object."""
        ...

    def open(self, key: str) -> BinaryIO:
        """Open the object as a readable binary stream."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Describe one object; None when it does not exist."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield all objects whose key starts with `prefix`, in key order."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object; does nothing when it does not exist."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Delete all objects whose key starts with `prefix` (which must end with '/'); returns their number."""
        ...

    def copy(self, source: str, target: str) -> ObjectInfo:
        """Copy an object within the store."""
        ...

    def fetch(self, key: str, into: Path) -> Path:
        """Return a read-only local file with the object's content: the stored file, or a download below `into`."""
        ...

    def fetch_prefix(self, prefix: str, into: Path) -> Path:
        """Like `fetch`, for all objects below `prefix` (ends with '/'); returns a folder with their relative paths."""
        ...

    def post_form(self, key: str, *, size: int, expires_in: int, public_endpoint: str = "") -> PostForm | None:
        """Create a form that permits uploading exactly `size` bytes to this key for `expires_in` seconds.

        None when the store does not support direct uploads (a folder). `public_endpoint`: the store's URL for a
        browser, if it differs from the one that this process uses.
        """
        ...
