"""The Spark steps on tiny frames."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import DataFrame, SparkSession

from reviewlens.contracts.tables import DateFormat, Mapping
from reviewlens.pipeline import steps

pytestmark = pytest.mark.spark


def values(frame: DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in frame.select(*columns).collect()]


def test_raw_schema_asks_for_the_mapped_columns_only() -> None:
    assert steps.raw_schema(Mapping(text=7, title=2, product=2)) == "row bigint, c2 string, c7 string"


def test_select_mapped_names_columns_by_meaning(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, "Lamp", "Good")], "row bigint, c0 string, c4 string")
    mapped = frame.transform(steps.select_mapped(Mapping(text=4, product=0)))
    assert mapped.columns == ["row", "text", "title", "rating", "date", "product"]
    assert values(mapped, *mapped.columns) == [(1, "Good", None, None, None, "Lamp")]


MAPPED = "row bigint, text string, title string, rating string, date string, product string"
FULL = Mapping(text=0, title=1, rating=2, date=3, product=4, date_format=DateFormat(kind="iso"), rating_scale=10)


def test_clean_reviews_reads_every_field(spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [
            (1, "Works &amp; <b>shines</b>\n!", "Nice", "8", "2024-02-29", "  Lamp "),
            (2, "\u200b <br>", "", "x", "soon", ""),
            (3, "", "Only a title", None, None, None),
        ],
        MAPPED,
    ).coalesce(1)
    cleaned = frame.transform(steps.clean_reviews(FULL, ("en",)))
    shown = values(cleaned, "row", "scored", "text", "title", "date", "product", "reason")
    assert shown == [
        (1, "Nice. Works & shines !", "Works & shines !", "Nice", dt.date(2024, 2, 29), "Lamp", None),
        (2, "", "", None, None, None, "text-empty"),
        (3, "Only a title", "", "Only a title", None, None, None),
    ]
    ratings = [row[0] for row in values(cleaned, "rating")]
    assert 1 <= ratings[0] <= 5
    assert ratings[1:] == [None, None]


def test_a_text_that_says_there_is_none_is_no_text(spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [
            (1, "N/A", "", "8", "", ""),
            (2, "No Negative", None, "", "", ""),
            (3, "★☆☆☆☆", "", "2", "", ""),
            (4, "nan", "Only a title", "", "", ""),
            (5, "Nothing works", "-", "", "", ""),
            (6, "-", "N/A", "", "", ""),
        ],
        MAPPED,
    ).coalesce(1)
    cleaned = frame.transform(steps.clean_reviews(FULL, ("en",)))
    assert values(cleaned, "row", "scored", "reason") == [
        (1, "", "no-text"),
        (2, "", "no-text"),
        (3, "", "no-text"),
        (4, "Only a title", None),
        (5, "Nothing works", None),
        (6, "", "no-text"),
    ]
    assert [row[0] is not None for row in values(cleaned, "rating")] == [True, False, True, False, False, False]


def test_words_and_relative_dates_are_read_as_the_mapping_says(spark: SparkSession) -> None:
    mapping = Mapping(
        text=0,
        rating=2,
        date=3,
        rating_scale=(1, 2),
        rating_words={"not recommended": 1, "recommended": 2},
        date_format=DateFormat(kind="iso", further=("words",), languages=("en",), relative_to=dt.date(2024, 3, 15)),
    )
    rows = [
        (1, "a", "", "Recommended", "3 days ago", ""),
        (2, "b", "", "Not Recommended", "2024-03-01", ""),
        (3, "c", "", "Maybe", "soon", ""),
    ]
    cleaned = spark.createDataFrame(rows, MAPPED).coalesce(1).transform(steps.clean_reviews(mapping, ("en",)))
    assert values(cleaned, "rating", "date") == [(5.0, dt.date(2024, 3, 12)), (1.0, dt.date(2024, 3, 1)), (None, None)]


def test_the_languages_that_the_model_reads_are_judged(spark: SparkSession) -> None:
    texts = [
        "The lamp broke after a week.",
        "La lámpara se rompió a la semana.",
        "Лампа сломалась",
        "좋아요 😍",
        "",
        "ok",
    ]
    frame = spark.createDataFrame([(row, text, "", "", "", "") for row, text in enumerate(texts)], MAPPED).coalesce(1)
    english = frame.transform(steps.clean_reviews(FULL, ("en",)))
    assert values(english, "language", "judged") == [
        ("en", True),
        ("es", False),
        ("ru", False),
        ("ko", False),
        (None, False),
        ("en", True),
    ]
    both = frame.transform(steps.clean_reviews(FULL, ("en", "es")))
    assert values(both, "judged") == [(True,), (True,), (False,), (False,), (False,), (True,)]
    every = frame.transform(steps.clean_reviews(FULL.model_copy(update={"all_languages": True}), ("en",)))
    assert values(every, "judged") == [(True,), (True,), (True,), (True,), (False,), (True,)]


def test_equal_texts_have_equal_keys(spark: SparkSession) -> None:
    rows = [(1, "A  b", "", "", "", ""), (2, "A b", None, "5", "", "x"), (3, "A c", "", "", "", "")]
    cleaned = spark.createDataFrame(rows, MAPPED).coalesce(1).transform(steps.clean_reviews(FULL, ("en",)))
    first, second, third = (bytes(row[0]) for row in values(cleaned, "key"))
    assert first == second != third
    assert len(first) == 16


def test_first_per_text_finds_what_repeats(spark: SparkSession) -> None:
    def key(text: str) -> bytearray:
        return bytearray(text.encode())

    frame = spark.createDataFrame(
        [
            (5, key("a"), True),
            (1, key("b"), True),
            (2, key("a"), True),
            (9, key("a"), True),
            (3, key("c"), True),
            (4, key("e"), False),
            (6, key("e"), False),
            (7, key("b"), True),
        ],
        "row bigint, key binary, judged boolean",
    ).repartition(3)
    found = frame.transform(steps.first_per_text)
    assert values(found, "row", "first_row") == [(5, 2), (7, 1), (9, 2)]


def test_to_be_scored_leaves_out_rejected_rows_and_duplicates(spark: SparkSession) -> None:
    frame = spark.createDataFrame(
        [(1, "a", True), (2, "", False), (3, "a", True), (4, "b", True)],
        "row bigint, scored string, judged boolean",
    ).coalesce(1)
    assert values(frame.transform(steps.to_be_scored([3])), "row", "scored") == [(1, "a"), (4, "b")]
    assert values(frame.transform(steps.to_be_scored([])), "row") == [(1,), (3,), (4,)]


def test_score_gives_each_row_its_own_score(spark: SparkSession) -> None:
    from reviewlens.model.loading import load_engine

    texts = ["Wonderful, I love it", "Terrible and broken", "A table", "Good value"]
    frame = spark.createDataFrame(list(enumerate(texts)), "row bigint, scored string").coalesce(1)
    expected = load_engine("textblob").score(texts)
    scored = values(frame.transform(steps.score("textblob", "")), "row", "positive_score")
    assert scored == list(enumerate(expected.tolist()))
