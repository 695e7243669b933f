"""Writes small workbooks of every format for the tests."""

from __future__ import annotations

import io
import struct
import zipfile
from html import escape

import xlsxwriter

Cell = str | float | None
Sheets = dict[str, list[list[Cell]]]


def xlsx(sheets: Sheets, *, hidden: str = "", merged: tuple[str, str, str] | None = None) -> bytes:
    """Write an XLSX workbook. `hidden`: a hidden sheet; `merged`: (sheet, range, value)."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
            if merged and merged[0] == name:
                sheet.merge_range(merged[1], merged[2])
        if hidden:
            shown = next(name for name in sheets if name != hidden)
            book.get_worksheet_by_name(shown).activate()
            book.get_worksheet_by_name(shown).set_first_sheet()
            book.get_worksheet_by_name(hidden).hide()
    return out.getvalue()


def ods(sheets: Sheets) -> bytes:
    """Write an OpenDocument workbook."""

    def cell(value: Cell) -> str:
        if value is None:
            return "<table:table-cell/>"
        if isinstance(value, str):
            return f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'

    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        + "".join(f"<table:table-row>{''.join(map(cell, row)) or cell(None)}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    names = "".join(
        f' xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"'
        for prefix in ("office", "table", "text")
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    return archive(
        {
            "mimetype": kind,
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{manifest}"/>',
            "content.xml": f"<office:document-content{names}><office:body><office:spreadsheet>{tables}"
            "</office:spreadsheet></office:body></office:document-content>",
        }
    )


def archive(parts: dict[str, str | bytes]) -> bytes:
    """Write a ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in parts.items():
            packed.writestr(name, part)
    return out.getvalue()


def xlsb(sheets: Sheets) -> bytes:
    """Write a binary Excel workbook, as [MS-XLSB] describes it."""

    def record(kind: int, data: bytes = b"") -> bytes:
        return varint(kind) + varint(len(data)) + data

    def varint(number: int) -> bytes:
        return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)

    def string(text: str) -> bytes:
        return struct.pack("<I", len(text)) + text.encode("utf-16-le")

    relations, bundle = "", b""
    parts: dict[str, str | bytes] = {}
    for number, (name, rows) in enumerate(sheets.items(), 1):
        target = f"worksheets/sheet{number}.bin"
        kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
        relations += f'<Relationship Id="rId{number}" Type="{kind}" Target="{target}"/>'
        bundle += record(0x9C, struct.pack("<II", 0, number) + string(f"rId{number}") + string(name))
        width = max(1, *map(len, rows))
        data = record(0x81) + record(0x94, struct.pack("<IIII", 0, len(rows) - 1, 0, width - 1)) + record(0x91)
        for index, row in enumerate(rows):
            data += record(0x00, struct.pack("<II", index, 0) + bytes(9))
            for column, value in enumerate(row):
                place = struct.pack("<II", column, 0)
                if isinstance(value, str):
                    data += record(0x06, place + string(value))
                elif value is not None:
                    data += record(0x05, place + struct.pack("<d", value))
        parts[f"xl/{target}"] = data + record(0x92) + record(0x82)
    parts["xl/workbook.bin"] = record(0x83) + record(0x8F) + bundle + record(0x90) + record(0x84)
    start = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    parts["xl/_rels/workbook.bin.rels"] = f"{start}{relations}</Relationships>"
    return archive(parts)


def xls(sheets: Sheets) -> bytes:
    """Write an Excel 97 workbook: BIFF8 records ([MS-XLS]) in a compound file ([MS-CFB])."""

    def record(kind: int, data: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    tables = []
    for rows in sheets.values():
        data = begin(0x10)
        for index, row in enumerate(rows):
            for column, value in enumerate(row):
                place = struct.pack("<HHH", index, column, 0)
                if isinstance(value, str):
                    data += record(0x0204, place + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
                elif value is not None:
                    data += record(0x0203, place + struct.pack("<d", value))
        tables.append(data + record(0x0A))

    def globals_(offsets: list[int]) -> bytes:
        bounds = b"".join(
            record(0x85, struct.pack("<IBBBB", offset, 0, 0, len(name), 1) + name.encode("utf-16-le"))
            for offset, name in zip(offsets, sheets, strict=True)
        )
        return begin(0x05) + bounds + record(0x0A)

    offsets, offset = [], len(globals_([0] * len(tables)))
    for table in tables:
        offsets.append(offset)
        offset += len(table)
    stream = (globals_(offsets) + b"".join(tables)).ljust(4096, b"\x00")
    stream += bytes(-len(stream) % 512)
    return compound_file(stream)


def compound_file(stream: bytes, name: str = "Workbook", *, others: int = 0) -> bytes:
    """Write a compound file of one stream, whose size is a multiple of 512, below `others` empty ones."""
    end, free, sectors = 0xFFFFFFFE, 0xFFFFFFFF, len(stream) // 512
    directories = (2 + others + 3) // 4
    first = 1 + directories
    chain = [0xFFFFFFFD, *range(2, first), end, *range(first + 1, first + sectors), end]
    table = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = name.encode("utf-16-le")
        data = text.ljust(64, b"\x00") + struct.pack("<HBBIII", len(text) + 2, kind, 1, free, free, child)
        return data + bytes(36) + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1 + others, end, 0) + entry("Other", 2, free, end, 0) * others
    directory += entry(name, 2, free, first, len(stream))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0, 0) + struct.pack("<I", free) * 108
    return header.ljust(512, b"\xff") + table + directory.ljust(512 * directories, b"\x00") + stream
