"""Opens the object store at a URI."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from reviewlens.errors import ConfigurationError
from reviewlens.storage.interface import ObjectStore
from reviewlens.storage.local import LocalObjectStore


def store_for_uri(uri: str) -> ObjectStore:
    """Open the store with the root `uri`: `file:///folder`, a plain path, or `s3://bucket/prefix`.

    Raises ConfigurationError for any other URI.
    """
    parts = urlsplit(uri)
    if parts.scheme == "s3" and parts.netloc:
        from reviewlens.storage.s3 import S3ObjectStore  # boto3 is imported only if S3 is used

        return S3ObjectStore(parts.netloc, parts.path.strip("/"))
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return LocalObjectStore(Path(unquote(parts.path)))
    if not parts.scheme:
        return LocalObjectStore(Path(uri))
    raise ConfigurationError(
        f"A store cannot have a URI that begins with '{parts.scheme}:'; use file:///folder or s3://bucket."
    )
