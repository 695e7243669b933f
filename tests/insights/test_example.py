"""The bundled example: enough real-looking reviews, a story to find, and the faults that files have."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "reviews.csv"
COLUMNS = ["Date", "Product", "Rating", "Title", "Review", "Channel"]


@pytest.fixture(scope="module")
def records() -> list[list[str]]:
    text = EXAMPLE.read_bytes().decode("utf-8", "surrogateescape")
    header, *records = csv.reader(io.StringIO(text, newline=""))
    assert header == COLUMNS
    return records


@pytest.fixture(scope="module")
def whole(records: list[list[str]]) -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, record, strict=True)) for record in records if len(record) == len(COLUMNS)]


def test_enough_reviews_over_a_year(whole: list[dict[str, str]]) -> None:
    assert 360 <= len(whole) <= 450
    assert len({row["Review"] for row in whole}) > 350
    days = sorted(dt.date.fromisoformat(row["Date"]) for row in whole if row["Date"])
    assert (days[0].strftime("%Y-%m"), days[-1].strftime("%Y-%m")) == ("2025-10", "2026-10")
    assert len({row["Product"].strip() for row in whole if row["Product"]}) == 6
    lengths = sorted(len(row["Review"]) for row in whole)
    assert lengths[len(lengths) // 10] < 45 and lengths[-8] > 280


def test_there_is_a_story_to_find(whole: list[dict[str, str]]) -> None:
    def happy(product: str, start: str, end: str) -> float:
        stars = [
            int(row["Rating"])
            for row in whole
            if row["Product"].startswith(product) and start <= row["Date"] < end and row["Rating"]
        ]
        assert len(stars) >= 20
        return sum(one >= 4 for one in stars) / len(stars)

    assert happy("Aldon", "2025-10", "2026-06-22") > 0.7
    assert happy("Aldon", "2026-06-22", "2026-11") < 0.4
    assert happy("Norrfell", "2025-10", "2026-03-10") < 0.4
    assert happy("Norrfell", "2026-03-10", "2026-11") > 0.7
    late = [
        row["Review"]
        for row in whole
        if row["Product"].startswith("Aldon") and row["Date"] >= "2026-06-22" and row["Rating"] in "12"
    ]
    assert sum("battery" in text.lower() for text in late) > len(late) / 2


def test_the_faults_of_real_files_are_there(records: list[list[str]], whole: list[dict[str, str]]) -> None:
    assert {len(record) for record in records} - {len(COLUMNS)}  # ragged
    assert any(re.search("[\udc80-\udcff]", "".join(record)) for record in records)  # not UTF-8
    assert max(Counter(tuple(row.values()) for row in whole).values()) > 1  # sent twice
    texts = [row["Review"] for row in whole]
    assert any(not text.strip() for text in texts) and any("\n" in text and '"' in text for text in texts)
    assert any("<br" in text and "&amp;" in text for text in texts)
    assert any("â€™" in text for text in texts)
    assert any(text and not re.search(r"\w", text) for text in texts)  # emoji alone
    assert any(text != text.strip() and text.strip() for text in texts)
    for column in ("Date", "Product", "Rating", "Title"):
        assert any(not row[column] for row in whole)
    assert any(row["Title"].startswith("=") for row in whole)


def test_no_personal_data() -> None:
    text = EXAMPLE.read_bytes().decode("utf-8", "replace")
    assert not re.search(r"[\w.]+@\w|https?://|\+?\d[\d ]{8,}\d", text)
