"""Telling what kind of file an upload is and how its text is encoded, from its bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO, Literal

from reviewlens.contracts.tables import FileFormat
from reviewlens.errors import InputError
from reviewlens.reviews.records import ReadLimits
from reviewlens.reviews.sources import Unpacked

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "cp1252"]
Compression = Literal["none", "gzip"]

_PACKERS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
}
_BINARIES = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"SQLite format 3\x00": "a database",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
}
_READABLE = (
    "CSV, TSV, JSON Lines, Parquet and Excel (.xlsx) files can be read, and the first three also packed with gzip."
)
_CONTROLS = bytes(set(range(32)) - set(b"\x00\t\n\x0b\x0c\r\x1a\x1b"))
_HIGH = bytes(range(0x80, 0x100))
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"  # in windows-1252
# A windows-1252 byte as it stands in real text: a letter beside a letter, or punctuation of its upper rows.
_PLAUSIBLE = re.compile(rb"(?<=[A-Za-z])[\xc0-\xff]|[\xc0-\xff](?=[a-z])|[\x80\x85\x8c\x91-\x97\x99\x9c\xa0-\xbf]")


def detect_format(source: BinaryIO, filename: str, limits: ReadLimits) -> tuple[FileFormat, Compression]:
    """Format and compression; InputError for an empty file and for kinds that are not read. Leaves the source at its
    start.
    """
    head = source.read(64)
    source.seek(0)
    if not head:
        raise InputError("The file is empty.", code="empty-file")
    compression: Compression = "none"
    if head.startswith(b"\x1f\x8b"):
        compression = "gzip"
        head = Unpacked(source, "gzip", limits).peek(1 << 16)
        source.seek(0)
        if not head:
            raise InputError("The file is empty: nothing is packed in it.", code="empty-file")
        if head.startswith((b"PAR1", b"PK\x03\x04", b"\x1f\x8b")):
            raise InputError(
                "Inside the gzip file is another packed file. Unpack it first and upload what is inside.",
                code="packed-twice",
            )
        filename = filename.removesuffix(".gz").removesuffix(".GZ")
    _refuse_others(head)
    if head.startswith(b"PAR1"):
        return FileFormat.PARQUET, "none"
    if head.startswith(b"PK\x03\x04"):
        return FileFormat.XLSX, "none"
    text = (
        head.removeprefix(codecs.BOM_UTF8)
        .replace(b"\x00", b"")
        .removeprefix(b"\xff\xfe")
        .removeprefix(b"\xfe\xff")
        .lstrip()
    )
    if filename.lower().endswith((".jsonl", ".ndjson", ".json")) or re.match(rb'\{\s*"|\[\s*\{\s*"', text):
        return FileFormat.JSONL, compression
    return FileFormat.CSV, compression


def _refuse_others(head: bytes) -> None:
    for magic, name in _PACKERS.items():
        if head.startswith(magic):
            raise InputError(
                f"The file is packed with {name}. Unpack it first, or pack it with gzip.", code="unknown-compression"
            )
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            "This is an old Excel or Word file, or one locked with a password. Save it as .xlsx or "
            "CSV without a password.",
            code="old-excel",
        )
    for magic, name in _BINARIES.items():
        if head.startswith(magic):
            raise InputError(f"This is {name} and holds no table of reviews. {_READABLE}", code="not-text")


@dataclass
class TextFacts:
    """What a walk through a whole text file found: sizes after unpacking."""

    encoding: Encoding
    size_bytes: int
    undecodable_lines: int


def examine_text(source: BinaryIO, compression: Compression, limits: ReadLimits) -> TextFacts:
    """Walk through the file once, in pieces: proves that it unpacks, and settles its encoding.

    UTF-16 by its byte-order mark (or the zero bytes of plain letters), else UTF-8 when the lines that are UTF-8 beyond
    ASCII outnumber those that are not, else windows-1252 when the odd bytes make sense in it, else UTF-8 with
    undecodable lines. InputError `not-text` when it is no text at all.
    """
    stream = Unpacked(source, compression, limits)
    head = stream.peek(1 << 16)
    _refuse_binary(head)
    wide = _utf16(head)
    good = bad = high = plausible = undefined = controls = 0
    carry = b""
    while data := stream.read():
        controls += len(data) - len(data.translate(None, _CONTROLS)) if wide is None else 0
        if wide is not None or (data.isascii() and not carry):
            continue
        data = carry + data
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 or (len(data) if len(data) > 1 << 22 else 0)
        piece, carry = data[:cut], data[cut:]
        counts = _count_lines(piece)
        good, bad, high, plausible, undefined = (
            a + b for a, b in zip((good, bad, high, plausible, undefined), counts, strict=True)
        )
    counts = _count_lines(carry)
    good, bad, high, plausible, undefined = (
        a + b for a, b in zip((good, bad, high, plausible, undefined), counts, strict=True)
    )
    if controls > 8 and controls > 0.02 * stream.total:
        raise _not_text()
    if wide is not None:
        return TextFacts(wide, stream.total, 0)
    if bad and bad >= good and plausible * 2 >= high:
        return TextFacts("cp1252", stream.total, undefined)
    if bad > 20 and high > 0.3 * stream.total:
        raise _not_text()
    return TextFacts("utf-8", stream.total, bad)


def _count_lines(piece: bytes) -> tuple[int, int, int, int, int]:
    """Lines beyond ASCII that are UTF-8, and that are not; of the latter their high bytes, the plausible ones, lines
    with undefined ones.
    """
    good = bad = high = plausible = undefined = 0
    if piece.isascii():
        return 0, 0, 0, 0, 0
    for line in piece.splitlines():
        if line.isascii():
            continue
        try:
            line.decode()
            good += 1
        except UnicodeDecodeError:
            bad += 1
            high += len(line) - len(line.translate(None, _HIGH))
            plausible += len(_PLAUSIBLE.findall(line))
            undefined += any(byte in line for byte in _UNDEFINED)
    return good, bad, high, plausible, undefined


def _utf16(head: bytes) -> Encoding | None:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise InputError("The file is written in UTF-32. Save it as UTF-8.", code="unknown-encoding")
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.35 * len(head) and even < 0.02 * len(head):
        return "utf-16-le"
    return "utf-16-be" if even > 0.35 * len(head) and odd < 0.02 * len(head) else None


def _refuse_binary(head: bytes) -> None:
    if _utf16(head) is not None:
        return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if (controls > 8 and controls > 0.05 * len(head)) or (head.count(0) > 8 and head.count(0) > 0.3 * len(head)):
        raise _not_text()


def _not_text() -> InputError:
    return InputError(f"The file is not text, so no reviews can be read from it. {_READABLE}", code="not-text")
