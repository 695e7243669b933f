"""ZIP archives that hold a text file of reviews."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from reviewlens.errors import InputError

_ENDINGS = ("csv", "tsv", "tab", "psv", "txt", "dat", "json", "jsonl", "ndjson")
_PACKED = ("zip", "gz", "bz2", "xz", "7z", "rar", "zst", "tar", "tgz", "xlsx", "xls", "xlsb", "ods", "parquet")
_OFFICE = ("xl/workbook.xml", "xl/workbook.bin", "mimetype", "[Content_Types].xml")
_MAX_NAMED = 20
_CHUNK = 1 << 20


def find_member(source: BinaryIO, chosen: str) -> str | None:
    """Return the name of the archive's text file; None for a damaged archive or an office document.

    Errors: InputError `zip-members` for several text files (`details["members"]` names them), `packed-twice` for an
    archive or workbook in the archive, `no-such-member`, `zip-archive` for an archive without a text file. Resets the
    source to its start.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            names = [part.filename for part in archive.infolist() if not part.is_dir()]
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        return None
    finally:
        source.seek(0)
    if any(name in _OFFICE for name in names):
        return None
    visible = [
        name for name in names if not name.startswith("__MACOSX/") and not name.rpartition("/")[2].startswith(".")
    ]
    texts = [name for name in visible if name.lower().rpartition(".")[2] in _ENDINGS]
    listed = ", ".join(name[:100] for name in texts[:_MAX_NAMED]) + (", …" if len(texts) > _MAX_NAMED else "")
    if chosen:
        if chosen not in texts:
            raise InputError(
                f"The ZIP archive has no text file {chosen[:100]!r}. It has: {listed}.", code="no-such-member"
            )
        return chosen
    if len(texts) > 1:
        raise InputError(
            f"The ZIP archive has several files: {listed}. Upload the one with the reviews alone.",
            code="zip-members",
            details={"members": [name[:200] for name in texts[:_MAX_NAMED]]},
        )
    if texts:
        return texts[0]
    if any(name.lower().rpartition(".")[2] in _PACKED for name in visible):
        raise InputError(
            "The ZIP archive contains another compressed file or a workbook. Unpack it and upload the file inside.",
            code="packed-twice",
        )
    raise InputError(
        "The ZIP archive has no CSV, TSV or JSON file. Unpack it and upload the reviews.", code="zip-archive"
    )


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
