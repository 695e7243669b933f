"""What an object store promises; adapters: local (a folder), s3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object: `size` in bytes, `etag` changes with the content, `modified` in seconds since 1970 (UTC).

    What a write answers may have `modified` a second off what a later look at the object tells, so two descriptions
    are equal without it.
    """

    key: str
    size: int
    etag: str
    modified: float = field(compare=False)


@dataclass(frozen=True)
class PostForm:
    """A form (multipart/form-data) that writes one object without passing through us.

    Send `fields` and then the file, in the field `file`, to `url` within `expires_in` seconds.
    """

    url: str
    fields: dict[str, str]
    expires_in: int


class ObjectStore(Protocol):
    """Keys are '/'-separated relative paths (see keys.py); '', '.', '..', '//', a '/' at either end, NUL, backslash
    and a first part '.store' are refused with InputError.

    Writes are atomic: a reader sees the old object or the new one, never part of one, also after a kill.
    Errors: NotFoundError for a missing key, ConflictError for a lost conditional write, TransientError when the
    surroundings fail, ConfigurationError when they refuse.
    """

    def uri(self, key: str) -> str:
        """The URI of a key, e.g. 'file:///data/objects/a/b'; `store_for_uri` finds the store again."""
        ...

    def put(
        self,
        key: str,
        data: bytes | BinaryIO | Iterable[bytes],
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        """Write an object at constant memory.

        `if_none_match`: only if absent; `if_match`: only if its etag is this; else ConflictError.
        An iterable that raises leaves nothing behind and the exception goes on to the caller.
        """
        ...

    def put_file(self, path: Path, key: str) -> ObjectInfo:
        """Store a finished local file (which may be moved away by this)."""
        ...

    def get(self, key: str) -> bytes:
        """The whole object."""
        ...

    def open(self, key: str) -> BinaryIO:
        """A readable binary stream over the object."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Facts about one object, or None."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, in key order."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object; absent is fine."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Delete all objects whose key starts with `prefix` (which must end with '/'); returns how many there were."""
        ...

    def copy(self, source: str, target: str) -> ObjectInfo:
        """Copy inside the store."""
        ...

    def fetch(self, key: str, into: Path) -> Path:
        """A read-only local file with the object's content: the object itself where it is local, else a download.

        Downloads lie under `into`.
        """
        ...

    def fetch_prefix(self, prefix: str, into: Path) -> Path:
        """The same for all objects below `prefix` (ending with '/'), as a folder that keeps their relative paths."""
        ...

    def post_form(self, key: str, *, size: int, expires_in: int, public_endpoint: str = "") -> PostForm | None:
        """A form with which whoever holds it writes this one key, with just `size` bytes, for `expires_in` seconds.

        None where a store has no address that others can write to (a folder). `public_endpoint`: where a browser
        reaches the store, if it differs from where this process does.
        """
        ...
