"""Where a model comes from: the shipped bundle, a local path, or an address that is downloaded once and cached."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from reviewlens.errors import ConfigurationError, InputError, TransientError
from reviewlens.model.archive import MIB, sha256_file

log = logging.getLogger(__name__)

DEFAULT_BUNDLE = "reviewlens-4"
MAX_DOWNLOAD_BYTES = 4096 * MIB
"""Largest model archive that is downloaded."""

_TIMEOUT_SECONDS = 60
_SHA256 = re.compile(r"sha256=([0-9a-f]{64})")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FORM = "https://host/model.tar.gz#sha256=… or s3://bucket/key#sha256=…"


def default_bundle_path() -> Path:
    """The shipped model.tar.gz."""
    return Path(__file__).parent / "bundles" / DEFAULT_BUNDLE / "model.tar.gz"


def models_dir() -> Path:
    """The folder for unpacked and downloaded models: in the user's cache folder, else a private temporary one."""
    try:
        return _own_folder(Path.home() / ".cache" / "reviewlens" / "models")
    except (OSError, RuntimeError):  # a container's user may have no home, or a read-only one
        pass
    try:
        return _own_folder(Path(tempfile.gettempdir()) / f"reviewlens-models-{os.getuid()}")
    except OSError:
        return Path(tempfile.mkdtemp(prefix="reviewlens-models-"))


def _own_folder(folder: Path) -> Path:
    """The folder, created if missing; OSError unless it is writable and belongs to this user alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o022:
        raise PermissionError(f"{folder} is writable by other users")
    with tempfile.TemporaryFile(dir=folder):
        return folder


def is_remote(model: str) -> bool:
    """Whether a model is named by an address, not by a path or file URI."""
    return bool(_REMOTE.match(model)) and not model.startswith("file://")


def absolute(model: str) -> str:
    """The model's name in a form that holds in any working directory: an address as it is, a path made absolute."""
    return model if not model or "://" in model else str(Path(model).absolute())


def local_model(model: str, cache_dir: Path | None = None) -> Path | None:
    """The local file or folder of a model; None for '', the shipped one.

    `model`: a path, a file URI, or an address as https://host/model.tar.gz#sha256=… or s3://bucket/key#sha256=…
    (http:// on this machine only). An address is downloaded once into `cache_dir` (else `models_dir()`) and checked
    against its SHA-256; processes that need it at the same time wait for one download. Raises ConfigurationError
    (codes `no-bundle`, `model-hash`, `model-too-large`) and, where trying again may help, TransientError
    (`model-download`).
    """
    if not model:
        return None
    if not is_remote(model):
        return Path(unquote(urlsplit(model).path)) if model.startswith("file://") else Path(model)
    url, sha256 = split_address(model)
    folder = cache_dir or models_dir()
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{sha256}.tar.gz"
    if not _holds(archive, sha256):
        with FileLock(folder / f".{sha256}.lock"):
            if not _holds(archive, sha256):
                _download(url, sha256, archive)
    return archive


def split_address(model: str) -> tuple[str, str]:
    """An address without its fragment, and the SHA-256 in the fragment; ConfigurationError (`no-bundle`) else."""
    url, _, fragment = model.partition("#")
    _check_url(url)
    match = _SHA256.fullmatch(fragment.lower())
    if match is None:
        raise _unusable(f"it needs the archive's SHA-256 (64 hex digits) at its end: {_FORM}")
    return url, match[1]


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise _unusable(f"it is not a valid address: {_FORM}") from None
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise _unusable("http:// is accepted for this machine only; use https://")
    if parts.scheme not in {"http", "https", "s3"} or not parts.hostname or not parts.path.strip("/"):
        raise _unusable(f"use a path, or an address such as {_FORM}")
    if parts.username or parts.password or not port_is_valid:
        raise _unusable("it must not hold a user name or password")


def _holds(archive: Path, sha256: str) -> bool:
    """Whether the cached archive has this SHA-256; read once per process while the file stays the same."""
    try:
        status = archive.stat()
    except FileNotFoundError:
        return False
    return _sha256_of(archive, status.st_mtime_ns, status.st_size) == sha256


@lru_cache(maxsize=16)
def _sha256_of(archive: Path, _mtime_ns: int, _size: int) -> str:
    return sha256_file(archive)


def _download(url: str, sha256: str, archive: Path) -> None:
    log.info("downloading the model from %s", url)
    digest = hashlib.sha256()
    descriptor, scratch = tempfile.mkstemp(dir=archive.parent, prefix=".download-")
    try:
        with os.fdopen(descriptor, "wb") as file, _opened(url) as source:
            received = 0
            while chunk := source.read(MIB):
                received += len(chunk)
                if received > MAX_DOWNLOAD_BYTES:
                    raise ConfigurationError(
                        f"The model at {url} is larger than {MAX_DOWNLOAD_BYTES // MIB} MiB; use a smaller archive.",
                        code="model-too-large",
                    )
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != sha256:
            raise ConfigurationError(
                f"The model at {url} has the SHA-256 {digest.hexdigest()}, but REVIEWLENS_MODEL names {sha256}. "
                "Correct the address or the hash.",
                code="model-hash",
            )
        Path(scratch).rename(archive)
    finally:
        Path(scratch).unlink(missing_ok=True)


@contextmanager
def _opened(url: str) -> Iterator[BinaryIO]:
    if url.startswith("s3://"):
        with _s3_object(url) as source:
            yield source
        return
    try:
        with urllib.request.build_opener(_CheckedRedirects).open(url, timeout=_TIMEOUT_SECONDS) as response:
            yield response
            if response.length:
                raise _failed(url, "the connection closed early")
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code in {408, 429}:
            raise _failed(url, f"the server answered {error.code}") from error
        raise _unusable(f"{url} answers {error.code}; check the address and that it needs no log-in") from error
    except (OSError, HTTPException) as error:
        raise _failed(url, str(error)) from error


@contextmanager
def _s3_object(url: str) -> Iterator[BinaryIO]:
    from reviewlens.storage.s3 import S3ObjectStore  # loads boto3

    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        store = S3ObjectStore(bucket)
        if store.head(key) is None:
            raise _unusable(f"there is no object at {url}")
        with store.open(key) as source:
            yield source
    except InputError as error:
        raise _unusable(error.message) from error


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an address that would be accepted itself."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_url(newurl)
        if urlsplit(newurl).scheme == "s3":
            raise _unusable("it redirects to s3://")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _unusable(reason: str) -> ConfigurationError:
    return ConfigurationError(f"REVIEWLENS_MODEL cannot be used: {reason}.", code="no-bundle")


def _failed(url: str, reason: str) -> TransientError:
    return TransientError(f"The model at {url} could not be downloaded ({reason}); try again.", code="model-download")
