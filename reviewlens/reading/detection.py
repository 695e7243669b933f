"""Detects the format, compression and text encoding of an upload from its bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO, Literal

from reviewlens.contracts.tables import FileFormat
from reviewlens.errors import InputError
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.sources import Unpacked
from reviewlens.reading.xlsx import OLE2, workbook_format

Encoding = Literal["utf-8", "utf-16-le", "utf-16-be", "cp1252"]
Compression = Literal["none", "gzip"]

_COMPRESSIONS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
}
_BINARY_FORMATS = {
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
_SUPPORTED = (
    "Supported formats: CSV, TSV and JSON Lines (also compressed with gzip), Parquet, Excel (.xlsx, .xlsb, .xls) and "
    "OpenDocument (.ods)."
)
_CONTROLS = bytes(set(range(32)) - set(b"\x00\t\n\x0b\x0c\r\x1a\x1b"))
_HIGH = bytes(range(0x80, 0x100))
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"  # in windows-1252
# A windows-1252 byte that occurs in real text: a letter next to a letter, or punctuation above 0x7f.
_PLAUSIBLE = re.compile(rb"(?<=[A-Za-z])[\xc0-\xff]|[\xc0-\xff](?=[a-z])|[\x80\x85\x8c\x91-\x97\x99\x9c\xa0-\xbf]")


def detect_format(source: BinaryIO, filename: str, limits: ReadLimits) -> tuple[FileFormat, Compression]:
    """Return format and compression; InputError for an empty or unsupported file. Resets the source to its start."""
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
            raise InputError("The file is empty: the gzip archive has no content.", code="empty-file")
        if head.startswith((b"PAR1", b"PK\x03\x04", b"\x1f\x8b", OLE2)):
            raise InputError(
                "The gzip file contains another compressed file. Unpack it and upload the file inside.",
                code="packed-twice",
            )
        filename = filename.removesuffix(".gz").removesuffix(".GZ")
    _reject_unsupported(head)
    if head.startswith(b"PAR1"):
        return FileFormat.PARQUET, "none"
    if head.startswith(b"PK\x03\x04"):
        return workbook_format(source) or FileFormat.XLSX, "none"
    if head.startswith(OLE2):
        return FileFormat.XLS, "none"
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


def _reject_unsupported(head: bytes) -> None:
    for magic, name in _COMPRESSIONS.items():
        if head.startswith(magic):
            raise InputError(
                f"The file is compressed with {name}. Unpack it, or compress it with gzip.", code="unknown-compression"
            )
    for magic, name in _BINARY_FORMATS.items():
        if head.startswith(magic):
            raise InputError(f"This is {name}, not a table of reviews. {_SUPPORTED}", code="not-text")


@dataclass
class TextFacts:
    """What a walk through a whole text file found: sizes after unpacking."""

    encoding: Encoding
    size_bytes: int
    undecodable_lines: int


def examine_text(source: BinaryIO, compression: Compression, limits: ReadLimits) -> TextFacts:
    """Read the file once in chunks to check that it decompresses, and detect its encoding.

    UTF-16 by its byte-order mark (or the zero bytes of ASCII letters); else UTF-8 if, of the lines beyond ASCII, more
    are valid UTF-8 than not; else windows-1252 if the other bytes are plausible in it; else UTF-8 with undecodable
    lines. InputError `not-text` if the file is not text.
    """
    stream = Unpacked(source, compression, limits)
    head = stream.peek(1 << 16)
    _reject_binary(head)
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
    """Count the lines beyond ASCII that are valid UTF-8 and those that are not; and in the latter the high bytes, the
    plausible windows-1252 bytes and the lines with undefined bytes.
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
        raise InputError("The file is encoded in UTF-32. Save it as UTF-8.", code="unknown-encoding")
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.35 * len(head) and even < 0.02 * len(head):
        return "utf-16-le"
    return "utf-16-be" if even > 0.35 * len(head) and odd < 0.02 * len(head) else None


def _reject_binary(head: bytes) -> None:
    if _utf16(head) is not None:
        return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if (controls > 8 and controls > 0.05 * len(head)) or (head.count(0) > 8 and head.count(0) > 0.3 * len(head)):
        raise _not_text()


def _not_text() -> InputError:
    return InputError(f"The file is not text. {_SUPPORTED}", code="not-text")
