"""Writes a synthetic results folder (served.parquet, inference_summary.json, rejected.csv) as a finished job leaves it.

By hand: `python tests/insights/make_results.py FOLDER --rows 5000 [--parts 3] [--without dates,ratings]`.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from reviewlens.contracts.outputs import NORMALISED_COLUMNS, OUTPUT_COLUMNS, REJECTED_COLUMNS, names
from reviewlens.insights.results import polars_schema

INPUT_SHA256 = hashlib.sha256(b"a synthetic file").hexdigest()
Band = tuple[float, float] | None
PRODUCTS = ("Lumo Kettle", "Hale Earbuds", "Ridge Backpack", "Pico Lamp", "Tarn Flask", "Moss Planter")
FIRST_DAY = dt.date(2025, 10, 1)
DAYS = 395
TOPICS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "Lumo Kettle": (
        ("boils in no time", "the lid closes with a nice click", "keeps water hot for ages"),
        ("the lid jams after a week", "leaks from the base", "takes forever to boil"),
    ),
    "Hale Earbuds": (
        ("battery life is superb", "they fit well", "the sound is warm and clear"),
        ("battery life dropped to two hours", "the left one keeps cutting out", "the case will not charge"),
    ),
    "Ridge Backpack": (
        ("the straps are comfortable", "swallows a week of clothes", "stayed dry in a storm"),
        ("a seam ripped on day three", "the zip snags", "straps dig into my shoulders"),
    ),
    "Pico Lamp": (
        ("lovely soft light", "easy to set up", "looks great on the desk"),
        ("it flickers", "the app never connects", "came with the wrong plug"),
    ),
    "Tarn Flask": (
        ("still hot after ten hours", "no leaks at all", "sturdy and light"),
        ("tastes of metal", "the seal came loose", "dented in the box"),
    ),
    "Moss Planter": (
        ("my basil loves it", "waters itself, brilliant", "good value"),
        ("cracked on arrival", "the pump is noisy", "not good, leaks on the shelf"),
    ),
}
OPENERS = (
    (
        "Really happy with it.",
        "Exactly what I needed.",
        "Would buy again!",
        "Great.",
        "A gift for my sister, she loves it.",
    ),
    ("Very disappointed.", "Not good.", "Sent it back.", "Don't waste your money.", "I wanted to like it, but no."),
)
REJECTIONS = (
    ("empty-text", "The review has no text.", "7,,5,"),
    (
        "too-many-fields",
        "The row has 6 fields where the file has 4 columns.",
        '9,"=HYPERLINK(""http://example.test"")",1,2,3,4',
    ),
    ("undecodable-bytes", "The row holds bytes that are not UTF-8.", "11,caf\\xE9 <b>bold</b>,2,"),
)

SCHEMA: dict[str, Any] = dict(polars_schema(OUTPUT_COLUMNS + NORMALISED_COLUMNS))


def review_id(row: int) -> str:
    """The id that a job gives to a row."""
    return hashlib.sha256(f"{INPUT_SHA256}:{row}".encode()).hexdigest()[:32]


def make_row(row: int, text: str, positive_score: float = 0.9, **more: Any) -> dict[str, Any]:
    """One served row; `more` sets title, rating, date, product, duplicate_of or any original column."""
    confidence = max(positive_score, 1 - positive_score)
    normal = {name: more.pop(name, None) for name in ("title", "rating", "date", "product", "duplicate_of")}
    original = {
        "Text": text,
        **{k.capitalize(): "" if v is None else str(v) for k, v in normal.items() if k != "duplicate_of"},
    }
    return {
        **original,
        **more,
        "review_id": review_id(row),
        "sentiment": "positive" if positive_score >= 0.5 else "negative",
        "confidence": round(confidence, 6),
        "positive_score": round(positive_score, 6),
        "needs_review": confidence < 0.7,
        "mixed": False,
        "language": "en",
        "not_judged": None,
        "_row": row,
        "_text": text,
        **{f"_{name}": value for name, value in normal.items()},
    }


def unread_row(row: int, text: str, language: str = "es", **more: Any) -> dict[str, Any]:
    """One served row that is not judged, as make_row."""
    return {
        **make_row(row, text, **more),
        "sentiment": "not judged",
        "confidence": None,
        "positive_score": None,
        "needs_review": False,
        "language": language,
        "not_judged": f"{language}; the model reads English",
    }


def write_results(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    rejected: Iterable[tuple[int, str, str, str]] = (),
    *,
    parts: int = 1,
    band: Band = None,
    segments: Sequence[str] = (),
) -> Path:
    """Write the folder of a job that served `rows` and rejected `rejected` (row, reason, explanation, raw)."""
    originals = [name for name in (rows[0] if rows else {"Text": ""}) if name not in SCHEMA]
    frame = pl.DataFrame(list(rows), schema={**dict.fromkeys(originals, pl.String), **SCHEMA})
    return write_frame(folder, frame, list(rejected), parts=parts, band=band, segments=segments)


def write_frame(
    folder: Path,
    frame: pl.DataFrame,
    rejected: list[tuple[int, str, str, str]],
    *,
    parts: int = 1,
    band: Band = None,
    segments: Sequence[str] = (),
    added: Sequence[str] = (),
) -> Path:
    """The same from a frame with the columns of served.parquet.

    `band`: scores that the job's model calls mixed; `segments`: names of columns to split by; `added`: columns that are
    not the file's.
    """
    if band:
        frame = frame.with_columns(mixed=pl.col("positive_score").is_between(*band))
    parquet = folder / "served.parquet"
    parquet.mkdir(parents=True, exist_ok=True)
    size = max(1, -(-frame.height // parts))
    for number in range(parts):
        frame.slice(number * size, size).write_parquet(parquet / f"part-{number:05d}.parquet")
    with (folder / "rejected.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names(REJECTED_COLUMNS))
        for row, reason, explanation, raw in rejected:
            writer.writerow([row, row * 100, row * 100 + len(raw), reason, explanation, raw, ""])
    originals = [name for name in frame.columns if name not in SCHEMA and name not in added]
    duplicates = int(frame["_duplicate_of"].is_not_null().sum())
    sentiments = Counter(frame["sentiment"].to_list())
    summary = {
        "job": folder.name,
        "filename": "reviews & more.csv",
        "rows_read": frame.height + len(rejected),
        "rows_scored": frame.height - duplicates - sentiments["not judged"],
        "rows_duplicate": duplicates,
        "rows_not_judged": sentiments["not judged"],
        "rows_rejected": len(rejected),
        "rows_reused": 0,
        "distribution": {"positive": sentiments["positive"], "negative": sentiments["negative"]},
        "needs_review": int(frame["needs_review"].sum()),
        "mixed": int(frame["mixed"].sum()),
        "mean_confidence": frame["confidence"].mean() or 0.0,
        "rejected_reasons": dict(Counter(reason for _, reason, _, _ in rejected)),
        "languages": dict(Counter(frame["language"].to_list()).most_common()),
        "warnings": [],
        "model": {
            "engine": "openvino",
            "name": "synthetic",
            "version": "1",
            "sha256": "0" * 64,
            "needs_review_below": 0.7,
            "mixed_band": band,
            "fallback": False,
        },
        "mapping": {"text": 0, "segments": [originals.index(name) for name in segments]},
        "dialect": {},
        "columns": [{"index": index, "name": name, "served_name": name} for index, name in enumerate(originals)],
        "ledger": {"bytes_total": 0},
        "cleaning_version": 1,
        "submitted_at": "2026-11-01T08:00:00+00:00",
        "timings": {
            "started_at": "2026-11-01T08:00:00+00:00",
            "attempts": 1,
            "finished_at": "2026-11-01T08:01:00+00:00",
            "total_seconds": 60.0,
        },
    }
    (folder / "inference_summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def synthetic_rows(count: int, *, seed: int = 1, without: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Rows with a story: the earbuds' battery goes bad after the eighth month, the lamp gets better after the fifth."""
    chance = random.Random(seed)
    left_out = set(without)
    rows: list[dict[str, Any]] = []
    for row in range(1, count + 1):
        if rows and chance.random() < 0.02:
            twin = chance.choice(rows)
            rows.append(
                {
                    **twin,
                    "review_id": review_id(row),
                    "_row": row,
                    "_duplicate_of": twin["_duplicate_of"] or twin["_row"],
                }
            )
            continue
        product = chance.choices(PRODUCTS, weights=(6, 5, 4, 3, 2, 1))[0]
        day = chance.randrange(DAYS)
        happy = 0.75
        if product == "Hale Earbuds":
            happy = 0.8 if day < 240 else 0.4
        if product == "Pico Lamp":
            happy = 0.35 if day < 150 else 0.85
        side = 0 if chance.random() < happy else 1
        phrases = chance.sample(TOPICS[product][side], k=chance.randint(1, 2))
        if side and product == "Hale Earbuds" and day >= 240 and chance.random() < 0.7:
            phrases = [TOPICS[product][1][0], *phrases[1:]]
        text = " ".join([chance.choice(OPENERS[side]), *(f"{p[0].upper()}{p[1:]}." for p in phrases)])
        certain = min(0.999, max(0.5, chance.betavariate(9, 1.2)))
        stars = chance.choice((4, 5, 5)) if side == 0 else chance.choice((1, 1, 2, 3))
        if chance.random() < 0.06:
            stars = chance.randint(1, 5)
        rows.append(
            make_row(
                row,
                text,
                certain if side == 0 else 1 - certain,
                title=chance.choice(("", "My view", "After a month")) or None,
                rating=None if "ratings" in left_out or chance.random() < 0.03 else float(stars),
                date=None if "dates" in left_out or chance.random() < 0.02 else FIRST_DAY + dt.timedelta(days=day),
                product=None if "products" in left_out or chance.random() < 0.01 else product,
            )
        )
    return rows


def make_results(
    folder: Path,
    count: int = 2000,
    *,
    seed: int = 1,
    parts: int = 3,
    without: Iterable[str] = (),
    copies: int = 1,
    band: Band = None,
) -> Path:
    """A folder of `count` synthetic rows, `copies` times over, and three rejected rows."""
    frame = pl.DataFrame(synthetic_rows(count, seed=seed, without=without), schema_overrides=SCHEMA)
    if copies > 1:
        frame = pl.concat([frame] * copies).with_columns(
            _row=pl.int_range(1, count * copies + 1, dtype=pl.Int64),
            review_id=pl.int_range(1, count * copies + 1).hash(seed=1).cast(pl.String).str.zfill(32),
        )
    rejected = [(frame.height + i, *facts) for i, facts in enumerate(REJECTIONS, 1)]
    return write_frame(folder, frame, rejected, parts=parts, band=band)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--parts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", default="", help="any of dates,ratings,products")
    wanted = parser.parse_args()
    print(
        make_results(
            wanted.folder,
            wanted.rows,
            seed=wanted.seed,
            parts=wanted.parts,
            without=[name for name in wanted.without.split(",") if name],
            copies=wanted.copies,
        )
    )
