"""The functions that run in Spark's Python workers, on Arrow batches; this module does not import pyspark."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from reviewlens.contracts.outputs import ROLE_COLUMNS, Column, arrow_schema
from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import Mapping
from reviewlens.errors import ReviewLensError
from reviewlens.model.interface import Engine
from reviewlens.model.loading import load_engine
from reviewlens.reviews.cleaning import clean_text, join_title
from reviewlens.reviews.values import parse_date, parse_rating

TEXT_EMPTY = "text-empty"
FEWEST_TEXTS = 32
_MOST_TEXTS = 100_000

CLEANED = arrow_schema(
    [Column("row", pa.int64()), Column("key", pa.binary()), Column("scored"), *ROLE_COLUMNS, Column("reason")]
)
"""A cleaned slice: `key` names equal texts, `scored` is what the model reads, `reason` why a row is rejected."""
SCORED = arrow_schema([Column("row", pa.int64()), Column("positive_score", pa.float64())])
"""Scores of a slice."""


def clean_batches(batches: Iterator[pa.RecordBatch], *, mapping_json: str) -> Iterator[pa.RecordBatch]:
    """Batches of the row and a column for each role to batches of CLEANED."""
    mapping = Mapping.model_validate_json(mapping_json)
    for batch in batches:
        yield _clean(batch, mapping)


def score_batches(
    batches: Iterator[pa.RecordBatch], *, engine: str, model: str, count_file: str = ""
) -> Iterator[pa.RecordBatch]:
    """Batches of (row, scored) to batches of SCORED.

    `count_file`: a file that gets one byte for each text that is scored, about once a second; '' for none.
    """
    with Path(count_file).open("wb", buffering=0) if count_file else nullcontext() as counter:
        for batch in batches:
            scores: list[float] = []
            texts = batch.column("scored").to_pylist()
            while len(scores) < len(texts):
                portion = texts[len(scores) : len(scores) + cached_pace(engine, model).texts]
                with cached_pace(engine, model).measured(len(portion)):
                    scores.extend(cached_engine(engine, model).score(portion).tolist())
                if counter is not None:
                    counter.write(bytes(len(portion)))
            yield pa.record_batch({"row": batch.column("row"), "positive_score": pa.array(scores, pa.float64())})


def count_scored(count_file: Path) -> int:
    """Number of texts counted in the file so far; 0 without one."""
    try:
        return count_file.stat().st_size
    except FileNotFoundError:
        return 0


class Pace:
    """How many texts an engine scores in about a second, from the last call: `texts`, FEWEST_TEXTS at first.

    An engine is called with so many texts at once, so that its progress can be counted. A text's score does not depend
    on the other texts.
    """

    def __init__(self) -> None:
        self.texts = FEWEST_TEXTS

    @contextmanager
    def measured(self, texts: int) -> Iterator[None]:
        """Measure a call that scores `texts` texts."""
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        self.texts = max(FEWEST_TEXTS, int(texts / seconds) if seconds > 0 else _MOST_TEXTS)


@lru_cache(maxsize=1)
def cached_pace(_engine: str, _model: str) -> Pace:
    """The pace of this process's engine."""
    return Pace()


def describe_engine(batches: Iterator[pa.RecordBatch], *, engine: str, model: str) -> Iterator[pa.RecordBatch]:
    """Load the engine in this worker; each batch becomes one row of JSON with the engine's facts or an error."""
    for _ in batches:
        try:
            answer: dict[str, object] = {"facts": cached_engine(engine, model).describe()}
        except ReviewLensError as error:
            answer = {"code": error.code, "message": error.message}
        yield pa.record_batch({"answer": pa.array([json.dumps(answer)], pa.string())})


@lru_cache(maxsize=1)
def cached_engine(engine: str, model: str) -> Engine:
    """The engine of this process; it takes seconds to load, so workers are reused."""
    return load_engine(engine, model)


def _clean(batch: pa.RecordBatch, mapping: Mapping) -> pa.RecordBatch:
    values = {role: list(map(_normaliser(role, mapping), batch.column(role.value).to_pylist())) for role in Role}
    scored = [join_title(title, text) for title, text in zip(values[Role.TITLE], values[Role.TEXT], strict=True)]
    columns: dict[str, Any] = {
        "row": batch.column("row"),
        "key": [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in scored],
        "scored": scored,
        **{role.value: values[role] for role in Role},
        "reason": [None if text else TEXT_EMPTY for text in scored],
    }
    return pa.record_batch([pa.array(columns[field.name], field.type) for field in CLEANED], schema=CLEANED)


def _normaliser(role: Role, mapping: Mapping) -> Callable[[str | None], Any]:
    """How a raw value of this role becomes a value of its column in CLEANED; None for one that cannot be read."""
    match role:
        case Role.TEXT:
            return clean_text
        case Role.TITLE:
            return lambda raw: clean_text(raw) or None
        case Role.RATING:
            return lambda raw: parse_rating(raw, mapping.rating_scale) if raw else None
        case Role.DATE:
            date_format = mapping.date_format
            return lambda raw: parse_date(raw, date_format) if raw and date_format else None
        case _:
            return lambda raw: (raw or "").strip() or None
