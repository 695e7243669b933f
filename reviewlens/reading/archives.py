"""ZIP archives that hold text files of reviews."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from pydantic import TypeAdapter

from reviewlens.contracts.tables import CodedWarning, Dialect, MemberInfo, Sniffed
from reviewlens.errors import InputError

_ENDINGS = ("csv", "tsv", "tab", "psv", "txt", "dat", "json", "jsonl", "ndjson")
_PACKED = ("zip", "gz", "bz2", "xz", "7z", "rar", "zst", "tar", "tgz", "xlsx", "xls", "xlsb", "ods", "parquet")
_OFFICE = ("xl/workbook.xml", "xl/workbook.bin", "mimetype", "[Content_Types].xml")
_MAX_NAMED = 20
_MAX_NAME_CHARS = 1000  # as many as a dialect may have
_MAX_MEMBERS = 1000
_CHUNK = 1 << 20


def find_member(source: BinaryIO, chosen: str) -> str | None:
    """Return the name of the archive's text file; None for a damaged archive or an office document.

    Errors: InputError `zip-members` for several text files of which none is chosen (`details["members"]` has the
    fields of `MemberInfo` for each), `packed-twice` for an archive or workbook in the archive, `no-such-member`,
    `zip-archive` for an archive without a text file. Resets the source to its start.
    """
    visible = _visible_parts(source)
    if visible is None:
        return None
    members = _texts(visible)
    names = [member.name for member in members]
    listed = ", ".join(name[:100] for name in names[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
    if chosen:
        if chosen not in names:
            raise InputError(
                f"The ZIP archive has no text file {chosen[:100]!r}. It has: {listed}.", code="no-such-member"
            )
        return chosen
    if len(members) > 1:
        raise InputError(
            f"The ZIP archive has several files: {listed}. Choose the one with the reviews.",
            code="zip-members",
            details={"members": [member.model_dump() for member in members]},
        )
    if members:
        return names[0]
    if any(_ending(part) in _PACKED for part in visible):
        raise InputError(
            "The ZIP archive contains another compressed file or a workbook. Unpack it and upload the file inside.",
            code="packed-twice",
        )
    raise InputError(
        "The ZIP archive has no CSV, TSV or JSON file. Unpack it and upload the reviews.", code="zip-archive"
    )


def text_members(source: BinaryIO) -> list[MemberInfo]:
    """Return the first 1,000 text files of a ZIP archive; [] for a damaged one. Resets the source to its start."""
    return _texts(_visible_parts(source) or [])


def undecided(error: InputError, size_bytes: int) -> Sniffed:
    """Return what is known of a ZIP archive whose detection ended with `zip-members`: the files to choose from."""
    warning = CodedWarning(message=error.message, code=error.code)
    return Sniffed(
        dialect=Dialect(compression="zip"),
        columns=[],
        mapping=None,
        preview=[],
        warnings=[warning.message],
        coded_warnings=[warning],
        size_bytes=size_bytes,
        estimated_rows=0,
        members=TypeAdapter(list[MemberInfo]).validate_python(error.details["members"]),
    )


def _visible_parts(source: BinaryIO) -> list[zipfile.ZipInfo] | None:
    """Return the files that the archive shows; None for a damaged archive or an office document."""
    try:
        with zipfile.ZipFile(source) as archive:
            parts = {part.filename: part for part in archive.infolist() if not part.is_dir()}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        return None
    finally:
        source.seek(0)
    if any(name in _OFFICE for name in parts):
        return None
    return [
        part
        for name, part in parts.items()
        if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")
    ]


def _texts(parts: list[zipfile.ZipInfo]) -> list[MemberInfo]:
    texts = (part for part in parts if _ending(part) in _ENDINGS and len(part.filename) <= _MAX_NAME_CHARS)
    return [MemberInfo(name=part.filename, size_bytes=part.file_size) for part in islice(texts, _MAX_MEMBERS)]


def _ending(part: zipfile.ZipInfo) -> str:
    return part.filename.lower().rpartition(".")[2]


def member_chunks(source: BinaryIO, member: str) -> Iterator[tuple[bytes, int]]:
    """Yield the chunks of one file of an archive, and its compressed size; InputError `corrupt-zip`."""
    try:
        with zipfile.ZipFile(source) as archive:
            part = archive.getinfo(member)
            if part.flag_bits & 1:
                raise InputError(
                    "The ZIP archive is protected with a password. Unpack it first.", code="locked-archive"
                )
            with archive.open(part) as stream:
                while chunk := stream.read(_CHUNK):
                    yield chunk, part.compress_size
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(
            "The ZIP archive is damaged or compressed in an unusual way. Create it again, or upload the file inside.",
            code="corrupt-zip",
        ) from error
