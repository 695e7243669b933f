"""Recognises workbooks, and checks their archives before they are parsed."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from typing import IO, BinaryIO
from xml.parsers import expat

from reviewlens.contracts.tables import FileFormat
from reviewlens.errors import InputError, LimitError
from reviewlens.reading.records import ReadLimits
from reviewlens.reading.sheet_scan import FREE_CELLS, SheetFacts, check_text, is_sheet, read_pieces, scan_sheet
from reviewlens.reading.sources import human_size

OLE2 = b"\xd0\xcf\x11\xe0"
"""The first bytes of an .xls workbook, of other old Office documents, and of workbooks with a password."""

_ODS_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
_ENCRYPTED = "EncryptedPackage\0".encode("utf-16-le")
_DIRECTORY_SECTORS = 64  # that are searched; a workbook with a password has about three


def check_archive(source: BinaryIO, limits: ReadLimits) -> tuple[FileFormat, dict[str, SheetFacts]]:
    """Decompress every part once without storing it, to check size and integrity before the workbook is parsed.

    Returns the format of the workbook, and for XLSX what each part with a sheet holds. Resets the source to its start.
    """
    sheets: dict[str, SheetFacts] = {}
    total = 0
    kind = workbook_format(source)

    def counted(stream: IO[bytes]) -> Iterator[bytes]:
        nonlocal total
        for piece in read_pieces(stream):
            total += len(piece)
            _check_size(total, packed, limits)
            yield piece

    try:
        with zipfile.ZipFile(source) as archive:
            declared = sum(part.file_size for part in archive.infolist())
            packed = sum(part.compress_size for part in archive.infolist())
            _check_size(declared, packed, limits)
            if kind is None:
                raise InputError(
                    "This is a ZIP archive, not a workbook. Unpack it and upload the file inside.",
                    code="zip-archive",
                )
            for part in archive.infolist():
                with archive.open(part) as stream:
                    pieces = counted(stream)
                    if kind is FileFormat.XLSX and is_sheet(part.filename):
                        sheets[part.filename] = scan_sheet(pieces, limits)
                    elif kind is FileFormat.ODS and part.filename == "content.xml":
                        grid = _OdsGrid()
                        for piece in pieces:
                            if grid.feed(piece) > max(FREE_CELLS, limits.max_compression_ratio * grid.written):
                                raise _too_compressed(limits)
                    else:
                        deque(pieces, maxlen=0)
            check_text(archive, sheets)
            return kind, sheets
    except (
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ) as error:
        raise damaged(kind or FileFormat.XLSX) from error
    finally:
        source.seek(0)


def _check_size(unpacked: int, packed: int, limits: ReadLimits) -> None:
    if unpacked > limits.max_unpacked_bytes:
        raise LimitError(
            f"The workbook has more than {human_size(limits.max_unpacked_bytes)} of decompressed data. Split it, or"
            " raise max_unpacked_bytes.",
            code="unpacked-too-large",
            details={"limit": "max_unpacked_bytes", "allowed": limits.max_unpacked_bytes},
        )
    if unpacked > max(1 << 20, limits.max_compression_ratio * packed):
        raise _too_compressed(limits)


def _too_compressed(limits: ReadLimits) -> LimitError:
    return LimitError(
        f"The workbook decompresses to more than {limits.max_compression_ratio} times its size, as malicious files"
        " do. Save it as CSV, or raise max_compression_ratio.",
        code="compression-ratio",
        details={"limit": "max_compression_ratio", "allowed": limits.max_compression_ratio},
    )


def is_locked(source: BinaryIO) -> bool:
    """Whether a compound file (OLE2) holds a workbook with a password: its directory names the encrypted package.

    The layout is that of [MS-CFB]. Resets the source to its start.
    """
    try:
        header = source.read(512)
        size = 1 << int.from_bytes(header[30:32], "little")
        if size not in (512, 4096):
            return False
        tables = struct.unpack("<109I", header[76:512])
        sector = int.from_bytes(header[48:52], "little")
        for _ in range(_DIRECTORY_SECTORS):
            source.seek((sector + 1) * size)
            names = source.read(size)
            if any(names[start : start + 64].startswith(_ENCRYPTED) for start in range(0, len(names), 128)):
                return True
            table, place = divmod(sector, size // 4)
            if not names or table >= len(tables):  # the end of the chain, or a place beyond the tables in the header
                return False
            source.seek((tables[table] + 1) * size + 4 * place)
            sector = int.from_bytes(source.read(4), "little")
        return False
    except (struct.error, OSError, OverflowError):
        return False
    finally:
        source.seek(0)


class _OdsGrid:
    """Counts the cells of OpenDocument sheets, which write repeated rows and cells only once.

    `written`: cells in the file.
    """

    def __init__(self) -> None:
        self.written = 0
        self._cells = 0  # of finished sheets
        self._sheet = [0, 0, 0]  # rows, rows up to the last value, columns up to the last value
        self._row = [1, 0, 0]  # repeats, columns, columns up to the last value
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def feed(self, piece: bytes) -> int:
        """Parse a piece of `content.xml`; returns the cells so far, those of each sheet as a full rectangle."""
        self._parser.Parse(piece)
        return self._cells + self._sheet[1] * self._sheet[2]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name.endswith(":table-row"):
            self._row = [int(attributes.get("table:number-rows-repeated", 1)), 0, 0]
        elif name.endswith("table-cell"):
            self.written += 1
            self._row[1] += int(attributes.get("table:number-columns-repeated", 1))
            if any(key.endswith(("value-type", "formula")) for key in attributes):
                self._row[2] = self._row[1]

    def _end(self, name: str) -> None:
        if name.endswith(":table-row"):
            self._sheet[0] += self._row[0]
            if self._row[2]:
                self._sheet = [self._sheet[0], self._sheet[0], max(self._sheet[2], self._row[2])]
        elif name.endswith(":table"):
            self._cells += self._sheet[1] * self._sheet[2]
            self._sheet = [0, 0, 0]


def workbook_format(source: BinaryIO) -> FileFormat | None:
    """Return the format of a workbook in a ZIP archive; None for other archives. Resets the source to its start."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = set(archive.namelist())
            if "xl/workbook.bin" in names:
                return FileFormat.XLSB
            if "xl/workbook.xml" in names:
                return FileFormat.XLSX
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
                return FileFormat.ODS if archive.read("mimetype").startswith(_ODS_TYPE) else None
            return None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError):
        return FileFormat.XLSX  # `check_archive` says that it is damaged
    finally:
        source.seek(0)


def locked_workbook() -> InputError:
    """Return the error for a workbook with a password."""
    return InputError(
        "The workbook is protected with a password. Save it without one and upload it again.", code="locked-workbook"
    )


def damaged(kind: FileFormat) -> InputError:
    """Return the error for a damaged workbook."""
    if kind is FileFormat.ODS:
        return InputError(
            "This is a damaged OpenDocument workbook. Open it, save it as .xlsx or CSV, and upload it again.",
            code="corrupt-ods",
        )
    if kind is FileFormat.XLS:
        return InputError(
            "The file cannot be read as an old Excel workbook (.xls). It is damaged, or it is another kind of Office "
            "document. Open it, save it as .xlsx or CSV, and upload it again.",
            code="old-excel",
        )
    return InputError(
        "The workbook is damaged or incomplete. Open it, save it as .xlsx or CSV, and upload it again.",
        code="corrupt-xlsx",
    )
