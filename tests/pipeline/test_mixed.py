"""The word mixed in a job's rows: by the engine's band, beside the sentiment, counted; none without a band."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from reviewlens.contracts.summary import Timings
from reviewlens.contracts.tables import Mapping
from reviewlens.model.interface import Thresholds
from reviewlens.pipeline.assemble import Tally, thresholds_of
from reviewlens.pipeline.publish import summarise
from reviewlens.pipeline.rows import ResultRows, SliceTables, build_rows, served_header
from reviewlens.pipeline.work import Plan, WorkKeys
from tests.pipeline.make_jobs import make_job

SCORES = [0.96, 0.7, 0.5, 0.3, 0.299999, 0.02]
HEADERS = ("id", "mixed", "Review")
BAND = Thresholds(needs_review=0.8, mixed=(0.3, 0.7))


def made_rows(folder: Path, thresholds: Thresholds) -> ResultRows:
    count = len(SCORES)
    numbers = pa.array(range(1, count + 1), pa.int64())
    texts = pa.array([f"text {number}" for number in range(count)])
    raw = pa.table(
        {"row": numbers, "start": numbers, "end": numbers, "c0": texts, "c1": pa.array(["theirs"] * count), "c2": texts}
    )
    empty = pa.nulls(count, pa.string())
    cleaned = pa.table(
        {
            "row": numbers,
            "reason": empty,
            "language": pa.array(["en"] * count),
            "judged": pa.array([True] * count),
            "scored": texts,
            "text": texts,
            "title": empty,
            "rating": pa.nulls(count, pa.float64()),
            "date": pa.array([date(2026, 1, 1)] * count),
            "product": empty,
        }
    )
    scores = pa.table({"row": numbers, "positive_score": pa.array(SCORES)})
    none = np.zeros(0, dtype=np.int64)
    spec = make_job(folder, b"id,mixed,Review\n", mapping=Mapping(text=2)).spec
    plan = Plan((), HEADERS, {}, ())
    return build_rows(spec, plan, SliceTables(raw, cleaned, scores), none, none, np.zeros(0), thresholds)


def test_rows_in_the_band_are_mixed_and_keep_their_side(tmp_path: Path) -> None:
    rows = made_rows(tmp_path, BAND)
    mixed = [False, True, True, True, False, False]
    assert [prediction.mixed for prediction in rows.predictions] == mixed
    assert [prediction.sentiment for prediction in rows.predictions] == ["positive"] * 3 + ["negative"] * 3
    assert rows.served.column("mixed").type == pa.bool_()
    assert rows.served.column("mixed").to_pylist() == mixed
    assert rows.served.column("mixed_original").to_pylist() == ["theirs"] * 6, "the file's own column is kept"
    read = list(csv.DictReader(io.StringIO(served_header(HEADERS) + rows.served_csv)))
    assert list(read[0])[-4:-2] == ["needs_review", "mixed"]
    assert [row["mixed"] for row in read] == ["false", "true", "true", "true", "false", "false"]
    assert {row["mixed_original"] for row in read} == {"theirs"}


def test_without_a_band_no_row_is_mixed(tmp_path: Path) -> None:
    predictions = made_rows(tmp_path, Thresholds(needs_review=0.8)).predictions
    assert [prediction.mixed for prediction in predictions] == [False] * 6


@pytest.mark.parametrize(("told", "band"), [({"mixed_band": None}, None), ({"mixed_band": [0, 1]}, (0, 1))])
def test_the_band_is_what_the_engine_says(told: dict[str, object], band: tuple[float, float] | None) -> None:
    assert thresholds_of({"needs_review_below": 0.8, **told}) == Thresholds(0.8, band)


def test_more_marked_rows_than_rows_are_an_error() -> None:
    Tally(rows=2, rows_with_text=2, texts=2, scored=2, positive=2, mixed=2, languages={"en": 2}).check()
    with pytest.raises(AssertionError, match="language counts"):
        Tally(rows=2, rows_with_text=2, texts=2, scored=2, positive=2, languages={"en": 1}).check()
    with pytest.raises(AssertionError, match="marked"):
        Tally(rows=2, rows_with_text=2, texts=2, scored=2, positive=2, mixed=3).check()


def test_the_summary_counts_them_and_names_the_band(tmp_path: Path) -> None:
    made = make_job(tmp_path, b"id,mixed,Review\n")
    facts = {
        "model_version": "v", "model_sha256": "0", "needs_review_below": 0.8, "mixed_band": [0.3, 0.7],
        "full_precision_fallback": False,
    }  # fmt: skip
    work = WorkKeys(made.keys)
    made.store.put(work.engine, json.dumps(facts).encode())
    job: Any = SimpleNamespace(
        spec=made.spec,
        store=made.store,
        work=work,
        progress=SimpleNamespace(timings=lambda: Timings(started_at="", attempts=1)),
    )
    total = Tally(rows=3, rows_with_text=3, texts=3, scored=3, positive=3, mixed=2, confidence_sum=2.0)
    summary = summarise(job, Plan((), HEADERS, {}, ()), total)
    assert summary.mixed == 2
    assert summary.model.mixed_band == (0.3, 0.7)
