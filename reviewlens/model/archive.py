"""Reading a model archive that may be hostile: an allow-list of members, size caps, no links, no pickle."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from reviewlens.errors import ConfigurationError

MIB = 1024 * 1024
_CHUNK = MIB


class _Bounded:
    """A gzip stream with a limit on each read (a tar header can name any size) and on their total."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > 8 * _CHUNK or size > self._left:
            raise _bad("it unpacks to more than the limit")
        self._left -= size
        return self._stream.read(size)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()


def extract_allowed(archive: Path, into: Path, caps: Mapping[str, int]) -> dict[str, str]:
    """Write the archive's members into the folder and return their SHA-256 by name.

    `caps`: largest size in bytes of each allowed member. Raises ConfigurationError (code `bad-bundle`) for a member
    that is
    not listed, listed twice, too large or not a plain file, and for an archive that cannot be read.
    """
    return {name: _copy(source, into / name) for name, source in _members(archive, caps)}


def read_member(archive: Path, name: str, caps: Mapping[str, int]) -> bytes:
    """The content of one member; reads no further. Errors as for `extract_allowed`."""
    for member, source in _members(archive, caps):
        if member == name:
            return source.read()
    raise _bad(f"it holds no {name}")


def _members(archive: Path, caps: Mapping[str, int]) -> Iterator[tuple[str, BinaryIO]]:
    names: set[str] = set()
    try:
        with gzip.open(archive, "rb") as stream:
            bounded = cast(BinaryIO, _Bounded(cast(BinaryIO, stream), sum(caps.values()) + 16 * MIB))
            # As a stream: no seeking, and each member is read once.
            with tarfile.open(fileobj=bounded, mode="r|", bufsize=tarfile.RECORDSIZE) as tar:
                for member in tar:
                    _check(member, caps, names)
                    source = tar.extractfile(member)
                    assert source is not None  # it is a plain file
                    names.add(member.name)
                    yield member.name, cast(BinaryIO, source)
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise _bad("it cannot be read as a .tar.gz") from error


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(member: tarfile.TarInfo, caps: Mapping[str, int], names: Collection[str]) -> None:
    name = member.name
    if name not in caps:
        hint = "; save the weights as model.safetensors" if name.endswith((".bin", ".pt", ".pkl", ".pth")) else ""
        raise _bad(f"it holds {name[:80]!r}, which is not an allowed file{hint}")
    if name in names:
        raise _bad(f"it holds {name!r} twice")
    if not member.isreg() or member.issparse():
        raise _bad(f"{name!r} in it is not a plain file")
    if member.size > caps[name]:
        raise _bad(f"{name!r} in it is larger than {caps[name] // MIB} MiB")


def _copy(source: BinaryIO, target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _bad(reason: str) -> ConfigurationError:
    return ConfigurationError(f"This model archive is refused: {reason}.", code="bad-bundle")
