"""Jobs over files in which customers answer several questions: one review for each answer, or all joined."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from reviewlens.contracts.tables import DateFormat, Mapping
from reviewlens.model.loading import load_engine
from reviewlens.pipeline.assemble import Tally
from reviewlens.pipeline.runner import DONE, INTERRUPTED, run_spec
from reviewlens.reviews.cleaning import clean_text, join_title
from reviewlens.reviews.placeholders import is_placeholder
from tests.pipeline.make_jobs import MadeJob, as_csv, assert_same, make_job
from tests.timing import wait_until

pytestmark = pytest.mark.spark

HEADER = ["Day", "Headline", "What did you like?", "Stars", "What can we do better?", "Any other comments?"]
TEXTS = (2, 4, 5)
MAPPING = Mapping(text=2, further_texts=(4, 5), title=1, rating=3, date=0, date_format=DateFormat(kind="iso"))
_LIKED = ("The staff were lovely", "Great breakfast and a quiet room", "Fast delivery", "I love this kettle")
_DISLIKED = ("The room was cold and dirty", "It broke after two days", "Far too expensive", "The box was crushed")


def answers(count: int, seed: int = 3) -> list[list[str]]:
    """Rows for HEADER: answers that are missing, placeholders, repeated or markup; and stars and dates of all kinds."""
    chance = random.Random(seed)
    rows: list[list[str]] = []
    for _ in range(count):
        row = [
            chance.choice(["2024-03-01", "2024-03-02", "someday", ""]),
            chance.choice(["", "", "Great place", "N/A"]),
            f"{chance.choice(_LIKED)} on visit {chance.randrange(400)}",
            chance.choice(["5", "1", "n/a", ""]),
            f"{chance.choice(_DISLIKED)} on visit {chance.randrange(400)}",
            chance.choice(["Nothing more,\nthanks", "See you <b>soon</b>", "", "", "-"]),
        ]
        for column, empty in ((2, 0.3), (4, 0.3), (5, 0.5)):
            if chance.random() < empty:
                row[column] = chance.choice(["", "  ", "N/A", "No Negative", "<br/>"])
        rows.append(row)
    return rows


def text_of(raw: str) -> str:
    return "" if is_placeholder(raw) else clean_text(raw)


def expected(rows: list[list[str]]) -> list[tuple[int, str | None, str]]:
    """Row, question and text of each review, in order; worked out here without the job."""
    reviews: list[tuple[int, str | None, str]] = []
    for number, row in enumerate(rows, start=1):
        filled = [(number, HEADER[column], text) for column in TEXTS if (text := text_of(row[column]))]
        title = text_of(row[1])
        reviews += filled or ([(number, None, title)] if title else [])
    return reviews


@pytest.fixture(scope="module")
def asked() -> list[list[str]]:
    return answers(330)


@pytest.fixture(scope="module")
def each(spark: SparkSession, asked: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> MadeJob:
    made = make_job(tmp_path_factory.mktemp("each"), as_csv(asked, HEADER), mapping=MAPPING, batch_rows=64)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    return made


def test_each_filled_answer_is_a_review_with_its_question(each: MadeJob, asked: list[list[str]]) -> None:
    reviews = expected(asked)
    served, processed = each.csv(each.keys.served_csv), each.csv(each.keys.processed_csv)
    assert list(served[0])[-1] == list(processed[0])[-1] == "question"
    assert [(int(row["row"]), row["question"] or None, row["text"]) for row in processed] == reviews
    assert [row["question"] or None for row in served] == [question for _, question, _ in reviews]
    own = [[row[name] for name in HEADER] for row in served]
    assert own == [asked[number - 1] for number, _, _ in reviews]
    engine = load_engine("textblob")
    scores = engine.score([text for _, _, text in reviews])
    assert [row["positive_score"] for row in served] == [f"{score:.6f}" for score in scores]
    assert {question for _, question, _ in reviews} == {None, *(HEADER[column] for column in TEXTS)}


def test_every_row_and_every_text_is_accounted_for(each: MadeJob, asked: list[list[str]]) -> None:
    reviews = expected(asked)
    summary = each.json(each.keys.summary)
    assert summary["rows_read"] == len(asked) == summary["rows_with_text"] + summary["rows_rejected"]
    assert summary["rows_with_text"] == len({number for number, _, _ in reviews})
    assert summary["texts_read"] == len(reviews) == summary["rows_scored"] + summary["rows_duplicate"]
    assert summary["rows_scored"] == len({text for _, _, text in reviews}) < len(reviews)
    silent = [row for number, row in enumerate(asked, 1) if number not in {number for number, _, _ in reviews}]
    reasons = Counter(
        "no-text" if any(is_placeholder(row[column]) for column in TEXTS) else "text-empty" for row in silent
    )
    assert summary["rejected_reasons"] == dict(reasons) and len(reasons) == 2
    rejected = each.csv(each.keys.rejected_csv)
    numbers = [number for number in range(1, len(asked) + 1) if number not in {row for row, _, _ in reviews}]
    assert [int(row["row"]) for row in rejected] == numbers


def test_unread_values_are_counted_once_a_row(each: MadeJob, asked: list[list[str]]) -> None:
    kept = [asked[number - 1] for number in sorted({number for number, _, _ in expected(asked)})]
    stars, days = sum(row[3] == "n/a" for row in kept), sum(row[0] == "someday" for row in kept)
    assert each.json(each.keys.summary)["warnings"] == [
        f"In {days:,} rows the date could not be read and is left empty.",
        f"In {stars:,} rows the rating could not be read and is left empty.",
    ]


def test_review_ids_differ_by_answer_and_not_by_what_else_is_read(each: MadeJob, asked: list[list[str]]) -> None:
    columns = {header: column for column, header in enumerate(HEADER)}
    wanted = [
        hashlib.sha256(f"{each.spec.input_sha256}:{row}:{columns[question] if question else 2}".encode()).hexdigest()
        for row, question, _ in expected(asked)
    ]
    served = each.csv(each.keys.served_csv)
    assert [row["review_id"] for row in served] == [digest[:32] for digest in wanted]
    assert len({row["review_id"] for row in served}) == len(served)


def test_parquet_numbers_the_texts(each: MadeJob, asked: list[list[str]]) -> None:
    table = each.parquet()
    numbers = table.column("_row").to_pylist()
    assert numbers == sorted(set(numbers))
    assert [MAPPING.row_of(number) for number in numbers] == [row for row, _, _ in expected(asked)]
    assert table.column("question").to_pylist() == [question for _, question, _ in expected(asked)]
    first: dict[str, int] = {}
    for (_, question, text), record in zip(expected(asked), table.to_pylist(), strict=True):
        earlier = first.setdefault(text, record["_row"])
        assert record["_duplicate_of"] == (None if earlier == record["_row"] else earlier)
        assert record["_title"] == (text if question is None else None), "a title would colour every answer"
        assert record["_text"] == ("" if question is None else text)


def test_answers_can_be_joined(spark: SparkSession, asked: list[list[str]], tmp_path: Path) -> None:
    mapping = MAPPING.model_copy(update={"read_texts": "joined"})
    made = make_job(tmp_path, as_csv(asked, HEADER), mapping=mapping)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    texts = {}
    for number, row in enumerate(asked, start=1):
        joined = ""
        for column in TEXTS:
            joined = join_title(joined, text_of(row[column]))
        if text := join_title(text_of(row[1]), joined):
            texts[number] = text
    processed = made.csv(made.keys.processed_csv)
    assert {int(row["row"]): row["text"] for row in processed} == texts
    assert "question" not in processed[0] and "question" not in made.csv(made.keys.served_csv)[0]
    summary = made.json(made.keys.summary)
    assert summary["texts_read"] == summary["rows_with_text"] == len(texts)


@pytest.mark.slow
def test_an_interrupted_job_resumes_to_the_same_bytes(
    spark: SparkSession, each: MadeJob, asked: list[list[str]], tmp_path: Path
) -> None:
    made = make_job(tmp_path, as_csv(asked, HEADER), mapping=MAPPING, batch_rows=64)
    work = made.store.root / made.keys.work
    process = made.start()
    wait_until(lambda: len(list((work / "scores").glob("*.parquet"))) >= 1 or process.poll() is not None, seconds=240)
    process.terminate()
    assert process.wait(120) in (INTERRUPTED, DONE), made.log()[-3000:]
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert_same(each, made)


def test_scores_of_answers_are_reused(spark: SparkSession, asked: list[list[str]], tmp_path: Path) -> None:
    first = make_job(tmp_path, as_csv(asked, HEADER), mapping=MAPPING, keep_scores=True)
    assert run_spec(first.uri, first.settings, session=spark) == DONE
    again = make_job(tmp_path, as_csv(asked, HEADER), job="job-2", mapping=MAPPING, reuse_scores_of=("job-1",))
    assert run_spec(again.uri, again.settings, session=spark) == DONE
    summary = again.json(again.keys.summary)
    assert summary["rows_reused"] == summary["rows_scored"] > 0
    assert first.store.get(first.keys.served_csv) == again.store.get(again.keys.served_csv)


@pytest.mark.parametrize("changes", [{"texts": 4}, {"rows_with_text": 1}, {"rejected": 1}, {"texts": 1, "scored": 1}])
def test_counts_that_do_not_add_up_are_errors(changes: dict[str, int]) -> None:
    counts = {"rows": 2, "rows_with_text": 2, "texts": 3, "scored": 2, "duplicate": 1, "positive": 3}
    languages = {"en": 3}
    Tally(**counts, languages=languages).check()
    with pytest.raises(AssertionError, match="do not add up"):
        Tally(**{**counts, **changes}, languages=languages).check()
