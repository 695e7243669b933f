"""Small files of every format, and damaged versions of them, always the same for the same seed."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from tests.reading import workbooks_help as workbooks

ROWS = [
    [f"Review number {row}: it {'works well' if row % 2 else 'broke at once'}, “sadly”", row % 5 + 1, "2024-01-02"]
    for row in range(60)
]
NAMES = ["Review", "Stars", "Date"]
_SHEETS: workbooks.Sheets = {"Reviews": [list(NAMES), *ROWS], "More": [["Total", 60.0]]}


def _csv() -> bytes:
    return "".join(",".join(f'"{value}"' for value in row) + "\n" for row in [NAMES, *ROWS]).encode()


def _records() -> list[dict[str, object]]:
    return [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def _parquet() -> bytes:
    out = io.BytesIO()
    table = pa.Table.from_pylist(_records())
    table = table.append_column("Shop", pa.array(["north", "south"] * 30).dictionary_encode())
    pq.write_table(table, out, row_group_size=20)
    return out.getvalue()


FORMATS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "csv": ("reviews.csv", _csv),
    "json": ("reviews.json", lambda: json.dumps({"reviews": _records()}).encode()),
    "jsonl": ("reviews.jsonl", lambda: "".join(json.dumps(record) + "\n" for record in _records()).encode()),
    "parquet": ("reviews.parquet", _parquet),
    "xlsx": ("reviews.xlsx", lambda: workbooks.xlsx(_SHEETS, merged=("Reviews", "E2:E9", "north"))),
    "xlsb": ("reviews.xlsb", lambda: workbooks.xlsb(_SHEETS)),
    "xls": ("reviews.xls", lambda: workbooks.xls(_SHEETS)),
    "ods": ("reviews.ods", lambda: workbooks.ods(_SHEETS)),
    "gzip": ("reviews.csv.gz", lambda: gzip.compress(_csv(), mtime=0)),
    "zip": ("reviews.zip", lambda: workbooks.archive({"reviews.csv": _csv()})),
}


def mutated(content: bytes, seed: int) -> bytes:
    """A damaged version of a file. In every other archive it is the unpacked content that is damaged."""
    chance = random.Random(seed)
    if seed % 2 and content.startswith(b"PK"):
        return _with_damaged_part(content, chance)
    if seed % 2 and content.startswith(b"\x1f\x8b"):
        return gzip.compress(damaged(gzip.decompress(content), chance), mtime=0)
    return damaged(content, chance)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content after one to four random changes."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        length = chance.choice([1, 1, 2, 4, 16, 300])
        match chance.randrange(8):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                if place < len(data):
                    data[place] ^= 1 << chance.randrange(8)
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = chance.randbytes(length)
            case 4:
                data[place : place + length] = b"\xff" * length
            case 5:
                data[place : place + length] = bytes(length)
            case 6:
                start = chance.randrange(len(data) + 1)
                data[place:place] = data[start : start + length] * chance.randint(1, 50)
            case 7:
                numbers = [b"4294967295", b"-1", b"99999999999999999999", b"1048577", b"XFD1048576", b"1e999"]
                data[place : place + length] = chance.choice(numbers)
    if chance.random() < 0.15:
        del data[chance.randrange(len(data) + 1) :]
    return bytes(data)


def _with_damaged_part(content: bytes, chance: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {part.filename: archive.read(part) for part in archive.infolist()}
    name = chance.choice([name for name, part in parts.items() if part])
    return workbooks.archive({**parts, name: damaged(parts[name], chance)})
