"""Detects the format, compression and text encoding of an upload from its bytes."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO, Literal

from reviewlens.contracts.tables import FileFormat
from reviewlens.errors import InputError
from reviewlens.reading.archives import find_member
from reviewlens.reading.encodings import MULTIBYTE, detect_encoding
from reviewlens.reading.json_search import is_json_lines
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.sources import Unpacked
from reviewlens.reading.workbook_checks import OLE2, workbook_format

Compression = Literal["none", "gzip", "zip"]

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
    "Supported formats: CSV, TSV, JSON Lines and JSON (also compressed with gzip or ZIP), Parquet, "
    "Excel (.xlsx, .xlsb, .xls) and OpenDocument (.ods)."
)
_HEAD_BYTES = 4096
_FIRST_LINES = 20
_JSON_HEAD_BYTES = 1 << 20
_MARKUP = (
    (re.compile(r"<!doctype html|<(?:html|head|body|meta|table|script)\b", re.I), "a web page (HTML)"),
    (re.compile(r"<\?xml|<!doctype|<!--|<(?!(?:br|p|b|i|em|strong)\b)[a-z][\w:.-]*(?:\s[^<>]*)?>\s*<\w", re.I), "XML"),
    (re.compile(r"\{\\rtf"), "a rich-text document (RTF)"),
    (re.compile(r"---[ \t]*\r?\n(?=[ \t]*[\w-]+:|[ \t]*- )|- [\w-]+: .*\r?\n  [\w-]+:"), "YAML"),
)
_MARKUP_ENDINGS = {
    ".html": "a web page (HTML)",
    ".htm": "a web page (HTML)",
    ".xml": "XML",
    ".rtf": "a rich-text document (RTF)",
    ".yaml": "YAML",
    ".yml": "YAML",
}
_MARKUP_ADVICE = {
    "a web page (HTML)": "Open it in a spreadsheet program and save the table as CSV or XLSX.",
    "XML": "Export the reviews as CSV or JSON, or open the file in a spreadsheet program and save it as CSV.",
    "a rich-text document (RTF)": "Save its text or its table as CSV, with one review per row.",
    "YAML": "Convert it to JSON or CSV.",
}
_CONTROLS = bytes(set(range(32)) - set(b"\x00\t\n\x0b\x0c\r\x1a\x1b"))
_HIGH = bytes(range(0x80, 0x100))
_SAMPLE_BYTES = 1 << 14  # of lines that are not UTF-8, in each chunk of the file
_MAX_SAMPLE_BYTES = 1 << 21


def detect_format(
    source: BinaryIO, filename: str, limits: ReadLimits, chosen_member: str = ""
) -> tuple[FileFormat, Compression, str]:
    """Return the format, the compression and the file in a ZIP archive; resets the source to its start.

    Errors: InputError for an empty or unsupported file.
    """
    head = source.read(_HEAD_BYTES)
    source.seek(0)
    if not head:
        raise InputError("The file is empty.", code="empty-file")
    compression: Compression = "none"
    member = ""
    if head.startswith(b"PK\x03\x04"):
        workbook = workbook_format(source)
        found = find_member(source, chosen_member) if workbook is None else None
        if found is None:
            return workbook or FileFormat.XLSX, "none", ""
        compression, member = "zip", found
        head = Unpacked(source, "zip", limits, member).peek(1 << 16)
        source.seek(0)
        if not head:
            raise InputError("The file in the ZIP archive is empty.", code="empty-file")
        if head.startswith((b"PAR1", b"PK\x03\x04", b"\x1f\x8b", OLE2)):
            raise InputError(
                "The ZIP archive contains another compressed file. Unpack it and upload the file inside.",
                code="packed-twice",
            )
        filename = member
    elif head.startswith(b"\x1f\x8b"):
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
        return FileFormat.PARQUET, "none", ""
    if head.startswith(OLE2):
        return FileFormat.XLS, "none", ""
    _reject_markup(head, filename)
    text = (
        head.removeprefix(codecs.BOM_UTF8)
        .replace(b"\x00", b"")
        .removeprefix(b"\xff\xfe")
        .removeprefix(b"\xfe\xff")
        .lstrip()
    )
    if filename.lower().endswith((".jsonl", ".ndjson", ".json")) or re.match(rb'\{\s*"|\[\s*[\[{]\s*"', text):
        start = Unpacked(source, compression, limits, member).peek(_JSON_HEAD_BYTES)
        source.seek(0)
        lines = is_json_lines(_decoded_head(start), filename, complete=len(start) < _JSON_HEAD_BYTES)
        return FileFormat.JSONL if lines else FileFormat.JSON, compression, member
    return FileFormat.CSV, compression, member


def _reject_markup(head: bytes, filename: str) -> None:
    """Refuse documents whose markup would be taken for reviews; InputError `markup`."""
    text = _decoded_head(head).lstrip()
    ending = "." + filename.lower().rpartition(".")[2]
    kind = next((name for pattern, name in _MARKUP if pattern.match(text)), None)
    if kind is None and (ending in (".yaml", ".yml") or (text.startswith("<") and ending in _MARKUP_ENDINGS)):
        kind = _MARKUP_ENDINGS[ending]
    if kind is not None:
        raise InputError(f"This is {kind}, not a table of reviews. {_MARKUP_ADVICE[kind]}", code="markup")


def _decoded_head(head: bytes) -> str:
    return head.decode(_wide_encoding(head[: 1 << 16]) or "utf-8", "replace").removeprefix("\ufeff")


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

    encoding: str
    fallback: str | None
    size_bytes: int
    undecodable_lines: int


def examine_text(source: BinaryIO, compression: Compression, limits: ReadLimits, member: str = "") -> TextFacts:
    """Read the file once in chunks to check that it decompresses, and detect its encoding.

    UTF-16 and UTF-32 by their byte-order mark (or the zero bytes of ASCII letters); else UTF-8 if all lines are valid;
    else the encoding that fits the other lines, for the whole file or, if it has both kinds, for these lines alone;
    else UTF-8 with undecodable lines. InputError `not-text` if the file is not text.
    """
    stream = Unpacked(source, compression, limits, member)
    head = stream.peek(1 << 16)
    _reject_binary(head)
    wide = _wide_encoding(head)
    control_bytes = _control_bytes(head)
    lines = _OtherLines()
    controls = 0
    decoder = codecs.getincrementaldecoder(wide)() if wide and wide.startswith("utf-32") else None
    carry = b""
    while data := stream.read():
        controls += len(data) - len(data.translate(None, control_bytes)) if wide is None else 0
        if decoder is not None:
            _check_utf32(decoder, data)
        if wide is not None or (data.isascii() and not carry):
            continue
        data = carry + data
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1 or (len(data) if len(data) > 1 << 22 else 0)
        piece, carry = data[:cut], data[cut:]
        lines.add(piece)
    lines.add(carry)
    if controls > 8 and controls > 0.02 * stream.total:
        raise _not_text()
    if decoder is not None:
        _check_utf32(decoder, b"", final=True)
    if wide is not None:
        return TextFacts(wide, None, stream.total, 0)
    other = detect_encoding(lines.sample) if lines.bad else None
    if other is not None:
        # Short words of a multi-byte encoding may happen to be valid UTF-8.
        mixed = lines.good > (0.05 * lines.bad if other in MULTIBYTE else 0)
        return TextFacts("utf-8" if mixed else other, other if mixed else None, stream.total, 0)
    if lines.bad > 20 and lines.high > 0.3 * stream.total:
        raise _not_text()
    return TextFacts("utf-8", None, stream.total, lines.bad)


class _OtherLines:
    """Counts the lines beyond ASCII that are valid UTF-8 (`good`) and those that are not (`bad`), and the bytes beyond
    ASCII of the latter (`high`), of which it keeps a sample from the whole file.
    """

    def __init__(self) -> None:
        self.good = self.bad = self.high = 0
        self.sample: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        if piece.isascii():
            return
        kept = 0
        for line in piece.splitlines():
            if line.isascii():
                continue
            try:
                line.decode()
                self.good += 1
            except UnicodeDecodeError:
                self.bad += 1
                self.high += len(line) - len(line.translate(None, _HIGH))
                if kept < _SAMPLE_BYTES and self._size < _MAX_SAMPLE_BYTES:
                    self.sample.append(line[:_SAMPLE_BYTES])
                    kept += len(self.sample[-1])
                    self._size += len(self.sample[-1])


def _check_utf32(decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool = False) -> None:
    try:
        decoder.decode(data, final)
    except UnicodeDecodeError as error:
        raise InputError(
            "The file starts as UTF-32 text, but has bytes that are no characters. Save it as UTF-8.",
            code="unknown-encoding",
        ) from error


def _wide_encoding(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF32_LE):
        return "utf-32-le"
    if head.startswith(codecs.BOM_UTF32_BE):
        return "utf-32-be"
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.35 * len(head) and even < 0.02 * len(head):
        return "utf-16-le"
    return "utf-16-be" if even > 0.35 * len(head) and odd < 0.02 * len(head) else None


def _reject_binary(head: bytes) -> None:
    if _wide_encoding(head) is not None:
        return
    controls = len(head) - len(head.translate(None, _control_bytes(head)))
    if (controls > 8 and controls > 0.05 * len(head)) or (head.count(0) > 8 and head.count(0) > 0.3 * len(head)):
        raise _not_text()


def _control_bytes(head: bytes) -> bytes:
    """Return the bytes that text has only by accident, without a control character that separates the first lines."""
    found = set(b"".join(line[:10_000] for line in head.splitlines()[:_FIRST_LINES])) & set(_CONTROLS)
    return bytes(set(_CONTROLS) - found) if len(found) == 1 else _CONTROLS


def _not_text() -> InputError:
    return InputError(f"The file is not text. {_SUPPORTED}", code="not-text")
