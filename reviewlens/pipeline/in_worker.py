"""What runs inside Spark's Python workers, on Arrow batches; nothing here imports pyspark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from reviewlens.contracts.tables import Mapping
from reviewlens.errors import ReviewLensError
from reviewlens.model.interface import Engine
from reviewlens.model.loading import load_engine
from reviewlens.reviews.cleaning import clean_text, join_title
from reviewlens.reviews.values import parse_date, parse_rating

TEXT_EMPTY = "text-empty"


def clean_batches(batches: Iterator[pa.RecordBatch], *, mapping_json: str) -> Iterator[pa.RecordBatch]:
    """Batches of (row, text, title, rating, date, product) to batches of steps.CLEANED."""
    mapping = Mapping.model_validate_json(mapping_json)
    for batch in batches:
        yield _clean(batch, mapping)


def score_batches(batches: Iterator[pa.RecordBatch], *, engine: str, model: str) -> Iterator[pa.RecordBatch]:
    """Batches of (row, scored) to batches of (row, positive_score)."""
    for batch in batches:
        scores = cached_engine(engine, model).score(batch.column("scored").to_pylist())
        yield pa.record_batch({"row": batch.column("row"), "positive_score": pa.array(scores, pa.float64())})


def describe_engine(batches: Iterator[pa.RecordBatch], *, engine: str, model: str) -> Iterator[pa.RecordBatch]:
    """Load the engine in this worker; each batch gives one row of JSON: its facts, or what is wrong."""
    for _ in batches:
        try:
            answer: dict[str, object] = {"facts": cached_engine(engine, model).describe()}
        except ReviewLensError as error:
            answer = {"code": error.code, "message": error.message}
        yield pa.record_batch({"answer": pa.array([json.dumps(answer)], pa.string())})


@lru_cache(maxsize=1)
def cached_engine(engine: str, model: str) -> Engine:
    """The engine of this process; loading takes a second or two, so workers are kept and reused."""
    return load_engine(engine, Path(model) if model else None)


def _clean(batch: pa.RecordBatch, mapping: Mapping) -> pa.RecordBatch:
    texts = [clean_text(raw) for raw in batch.column("text").to_pylist()]
    titles = [clean_text(raw) for raw in batch.column("title").to_pylist()]
    scored = [join_title(title, text) for title, text in zip(titles, texts, strict=True)]
    keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in scored]
    ratings = [parse_rating(raw, mapping.rating_scale) if raw else None for raw in batch.column("rating").to_pylist()]
    date_format = mapping.date_format
    dates = [parse_date(raw, date_format) if raw and date_format else None for raw in batch.column("date").to_pylist()]
    products = [(raw or "").strip() or None for raw in batch.column("product").to_pylist()]
    return pa.record_batch(
        {
            "row": batch.column("row"),
            "key": pa.array(keys, pa.binary()),
            "scored": pa.array(scored, pa.string()),
            "text": pa.array(texts, pa.string()),
            "title": pa.array([title or None for title in titles], pa.string()),
            "rating": pa.array(ratings, pa.float64()),
            "date": pa.array(dates, pa.date32()),
            "product": pa.array(products, pa.string()),
            "reason": pa.array([None if text else TEXT_EMPTY for text in scored], pa.string()),
        }
    )
