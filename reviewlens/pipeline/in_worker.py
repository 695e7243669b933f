"""The functions that run in Spark's Python workers, on Arrow batches; this module does not import pyspark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from reviewlens.contracts.languages import NAMES
from reviewlens.contracts.outputs import ROLE_COLUMNS, Column, arrow_schema
from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import Mapping
from reviewlens.errors import ReviewLensError
from reviewlens.model.interface import Engine
from reviewlens.model.loading import load_engine
from reviewlens.reviews.cleaning import clean_text, join_title, own_words
from reviewlens.reviews.languages import detect_language, release
from reviewlens.reviews.placeholders import is_placeholder
from reviewlens.reviews.values import date_parser, parse_rating

TEXT_EMPTY = "text-empty"
NO_TEXT = "no-text"

CLEANED = arrow_schema(
    [
        Column("row", pa.int64()),
        Column("key", pa.binary()),
        Column("scored"),
        *ROLE_COLUMNS,
        Column("reason"),
        Column("language"),
        Column("judged", pa.bool_()),
    ]
)
"""A cleaned slice: `key` names equal texts, `scored` is what the model reads, `reason` why a row is rejected; `judged`:
whether the text is to have a sentiment.

`row` is the number of the text, which `Mapping.row_of` turns into the row of the file; with one text per row both are
the same.
"""
SCORED = arrow_schema([Column("row", pa.int64()), Column("positive_score", pa.float64())])
"""Scores of a slice."""
_REMEMBERED = 20_000  # distinct ratings and dates


def further_text_names(mapping: Mapping) -> list[str]:
    """The names of the columns of further texts in the frame that is cleaned."""
    return [f"text_{number}" for number in range(2, len(mapping.texts) + 1)]


def clean_batches(
    batches: Iterator[pa.RecordBatch], *, mapping_json: str, languages: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """Batches of the row, a column for each role and the further texts to batches of CLEANED.

    `languages`: those that the model reads.
    """
    mapping, normalisers = _normalisers(mapping_json)
    judged = frozenset(NAMES if mapping.all_languages else languages)
    for batch in batches:
        yield _clean(batch, mapping, normalisers, judged)


def score_batches(
    batches: Iterator[pa.RecordBatch], *, engine: str, model: str, count_file: str = ""
) -> Iterator[pa.RecordBatch]:
    """Batches of (row, scored) to batches of SCORED.

    `count_file`: a file that gets one byte for each text as soon as it is scored; '' for none.
    """
    with Path(count_file).open("wb", buffering=0) if count_file else nullcontext() as counter:

        def count(texts: int) -> None:
            if counter is not None:
                counter.write(bytes(texts))

        for batch in batches:
            scores = cached_engine(engine, model).score(batch.column("scored").to_pylist(), count)
            yield pa.record_batch({"row": batch.column("row"), "positive_score": pa.array(scores, pa.float64())})


def count_scored(count_file: Path) -> int:
    """Number of texts counted in the file so far; 0 without one."""
    try:
        return count_file.stat().st_size
    except FileNotFoundError:
        return 0


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
    release()  # cleaning is done, and both models together take more memory
    return load_engine(engine, model)


def _clean(
    batch: pa.RecordBatch, mapping: Mapping, normalisers: dict[Role, _Normaliser], judged: frozenset[str]
) -> pa.RecordBatch:
    raw = {role: batch.column(role.value).to_pylist() for role in Role}
    values = {role: list(map(normalisers[role], raw[role])) for role in Role}
    titles, _ = _without_placeholders(raw[Role.TITLE], values[Role.TITLE])
    texts, said_nothing = _without_placeholders(raw[Role.TEXT], values[Role.TEXT])
    own = {**_own_words(raw[Role.TITLE], titles), **_own_words(raw[Role.TEXT], texts)}
    numbers: Any = batch.column("row")
    if mapping.further_texts:
        columns_of_texts = [(texts, said_nothing)]
        for name in further_text_names(mapping):
            further = batch.column(name).to_pylist()
            columns_of_texts.append(_without_placeholders(further, list(map(clean_text, further))))
            own |= _own_words(further, columns_of_texts[-1][0])
        several = _several_texts(numbers.to_pylist(), columns_of_texts, mapping)
        places = [text.place for text in several]
        values = {role: [column[place] for place in places] for role, column in values.items()}
        titles = [titles[place] for place in places]
        numbers, texts = [text.number for text in several], [text.text for text in several]
        said_nothing = [text.says_nothing for text in several]
        values[Role.TEXT] = texts
        if mapping.asks_several:  # a title is about the whole row: it is the text where there is no other
            values[Role.TITLE] = titles = [None if text else title for title, text in zip(titles, texts, strict=True)]
    scored = list(map(join_title, titles, texts))
    found = [
        detect_language(join_title(own.get(title or "", title), own.get(text or "", text)), mapping.language_shares)
        if whole
        else None
        for whole, title, text in zip(scored, titles, texts, strict=True)
    ]
    columns: dict[str, Any] = {
        "row": numbers,
        "key": [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in scored],
        "scored": scored,
        **{role.value: values[role] for role in Role},
        "reason": [
            None if text else NO_TEXT if placeholder else TEXT_EMPTY
            for text, placeholder in zip(scored, said_nothing, strict=True)
        ],
        "language": found,
        "judged": [language in judged for language in found],
    }
    return pa.record_batch([pa.array(columns[field.name], field.type) for field in CLEANED], schema=CLEANED)


class _Text(NamedTuple):
    """A text to score: its number, the place of its row in the batch, and whether it is '' because of a placeholder."""

    number: int
    place: int
    text: str
    says_nothing: bool = False


def _several_texts(
    rows: list[int], columns: list[tuple[list[str | None], list[bool]]], mapping: Mapping
) -> list[_Text]:
    """One text for each filled field of a row, or all joined. A row without any has one text, which is ''.

    `columns`: the cleaned texts of each column of text, and which are placeholders.
    """
    texts: list[_Text] = []
    for place, row in enumerate(rows):
        of_row = [cleaned[place] or "" for cleaned, _ in columns]
        says_nothing = any(placeholders[place] for _, placeholders in columns)
        first = (row - 1) * mapping.texts_per_row + 1
        if not mapping.asks_several:
            texts.append(_Text(first, place, reduce(join_title, of_row), says_nothing))
        elif any(of_row):
            texts += [_Text(first + index, place, text) for index, text in enumerate(of_row) if text]
        else:
            texts.append(_Text(first, place, "", says_nothing))
    return texts


def _own_words(raw: list[str | None], cleaned: list[str | None]) -> dict[str, str]:
    """The own words of the cleaned texts that have others: names of emoji and emoticons."""
    return {
        text: words
        for text_raw, text in zip(raw, cleaned, strict=True)
        if text and (words := own_words(text_raw, text)) != text
    }


def _without_placeholders(raw: list[str | None], cleaned: list[str | None]) -> tuple[list[str | None], list[bool]]:
    """Cleaned texts, None for placeholders such as 'N/A'; and which are placeholders."""
    placeholders = [bool(text) and is_placeholder(text or "") for text in raw]
    return [None if found else text for text, found in zip(cleaned, placeholders, strict=True)], placeholders


_Normaliser = Callable[[str | None], Any]


@lru_cache(maxsize=4)
def _normalisers(mapping_json: str) -> tuple[Mapping, dict[Role, _Normaliser]]:
    """The mapping, and the normaliser of each role; those of ratings and dates remember the values they have read."""
    mapping = Mapping.model_validate_json(mapping_json)
    return mapping, {role: _normaliser(role, mapping) for role in Role}


def _normaliser(role: Role, mapping: Mapping) -> _Normaliser:
    """How a raw value of this role becomes a value of its column in CLEANED; None for one that cannot be read."""
    match role:
        case Role.TEXT:
            return clean_text
        case Role.TITLE:
            return lambda raw: clean_text(raw) or None
        case Role.RATING:
            scale, words = mapping.rating_scale, mapping.rating_words
            return lru_cache(_REMEMBERED)(lambda raw: parse_rating(raw, scale, words) if raw else None)
        case Role.DATE:
            if mapping.date_format is None:
                return lambda raw: None
            parse = date_parser(mapping.date_format)
            return lru_cache(_REMEMBERED)(lambda raw: parse(raw) if raw else None)
        case _:
            return lambda raw: (raw or "").strip() or None
