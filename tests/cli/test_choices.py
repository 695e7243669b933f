"""What `--detect` prints can be given back with `--choices`, and is detected again."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from reviewlens.cli.choices import read_choices
from reviewlens.cli.detect import detect_file
from tests.reading.workbooks_help import xlsx

TEXTS = ["Boils fast, looks lovely", "Broke after two days, alas", "Fine, nothing more, really", "Too loud, too hot"]
HEADER = ["Product", "Review", "Rating", "Date"]
ROWS = [[f"P{n % 3}", f"{TEXTS[n % 4]} {n}", str(n % 5 + 1), f"{n % 12 + 1:02}/{n + 1:02}/2024"] for n in range(24)]
WORDS = {"1": "bad", "2": "bad", "3": "fair", "4": "good", "5": "good"}


def _lines(rows: list[list[str]], delimiter: str = ";", quotes: str = '""') -> str:
    return "".join(delimiter.join(f"{quotes[0]}{cell}{quotes[1]}" for cell in row) + "\n" for row in rows)


def _zip(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.csv", text)
    return out.getvalue()


TABLE = _lines([HEADER, *ROWS])
OBJECTS = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
FILES: dict[str, bytes] = {
    "plain.csv": TABLE.encode(),
    "tilde.csv": _lines([HEADER, *ROWS], "~").encode(),
    "backslash.csv": TABLE.replace("lovely", 'so \\"lovely\\", yes').encode(),
    "typographic.csv": _lines([HEADER, *ROWS], ",", "“”").encode(),
    "bare.csv": _lines(ROWS).encode(),
    "titles.csv": ("Export\n\n" + TABLE).encode(),
    "bare_titles.csv": ("Export\n\n" + _lines(ROWS)).encode(),
    "explained.csv": _lines([HEADER, ["", "Open-Ended Response", "", ""], *ROWS]).encode(),
    "latin.csv": TABLE.replace("lovely", "schön für mich").encode("cp1252"),
    "mixed.csv": TABLE.replace("lovely", "schön").encode() + "P1;Für mich schön;3;01/02/2024\n".encode("cp1252"),
    "wide.csv": TABLE.encode("utf-16"),
    "packed.csv.gz": gzip.compress(TABLE.encode()),
    "one.zip": _zip(reviews=TABLE),
    "two.zip": _zip(jan=TABLE, feb=TABLE),
    "words.csv": _lines(
        [HEADER, *([row[0], row[1], WORDS[row[2]], f"{n + 1} days ago"] for n, row in enumerate(ROWS))]
    ).encode(),
    "no_text.csv": b"a,b\n" + b"1,2\n" * 9,
    "one_column.csv": "\n".join(["Review", *TEXTS]).encode(),
    "same_names.csv": _lines([["Review", "Review", "Stars"], *([row[1], row[0], row[2]] for row in ROWS)]).encode(),
    "lines.jsonl": "\n".join(map(json.dumps, OBJECTS)).encode(),
    "records.json": json.dumps({"data": {"reviews": OBJECTS}}).encode(),
    "map.json": json.dumps({f"r{n}": row for n, row in enumerate(OBJECTS)}).encode(),
    "columns.json": json.dumps({name: [row[name] for row in OBJECTS] for name in HEADER}).encode(),
    "split.json": json.dumps({"columns": HEADER, "data": ROWS}).encode(),
    "arrays.json": json.dumps([HEADER, *ROWS]).encode(),
    "book.xlsx": xlsx({"About": [["About"]], "Jan": [["Export"], HEADER, *ROWS], "Feb": [HEADER, *ROWS[:9]]}),
    "bare.xlsx": xlsx({"Reviews": [["Export"], [], *ROWS]}),
}
FIRST: dict[str, dict[str, Any]] = {"two.zip": {"member": "feb.csv"}, "book.xlsx": {"sheet": "*"}}


@pytest.mark.parametrize("name", FILES)
def test_what_is_detected_can_be_given_back(name: str, tmp_path: Path) -> None:
    file, given_back = tmp_path / name, tmp_path / "choices.json"
    file.write_bytes(FILES[name])
    detected = detect_file(file, {"roles": {}, **FIRST.get(name, {})})
    given_back.write_text(detected.model_dump_json())
    again = detect_file(file, read_choices(given_back))
    assert again.model_dump(exclude={"warnings"}) == detected.model_dump(exclude={"warnings"})
    # Warnings about guesses end when the guess becomes a choice.
    codes = {warning.code for warning in detected.warnings}
    assert {warning.code for warning in again.warnings} <= codes


def test_how_a_file_is_written_is_part_of_the_document(tmp_path: Path) -> None:
    def detected(name: str, *keys: str) -> list[Any]:
        (tmp_path / name).write_bytes(FILES[name])
        document = detect_file(tmp_path / name, {"roles": {}, **FIRST.get(name, {})}).model_dump(mode="json")
        return [document[key] for key in keys]

    assert detected("packed.csv.gz", "compression", "json_path", "json_layout") == ["gzip", None, None]
    assert detected("records.json", "compression", "json_path", "json_layout") == ["none", "/data/reviews", "records"]
    assert detected("split.json", "json_path", "json_layout", "header_row") == ["", "split", None]
    assert detected("explained.csv", "header_row", "header_lines", "title_rows") == [1, 2, None]
    assert detected("bare_titles.csv", "header_row", "header_lines", "title_rows") == [None, None, 2]
    assert detected("bare.xlsx", "header_row", "title_rows", "rows") == [None, 2, 24]
    assert detected("lines.jsonl", "header_row", "header_lines", "title_rows") == [None, None, None]
    assert detected("two.zip", "compression", "member", "members") == ["zip", "feb.csv", ["jan.csv", "feb.csv"]]
