"""Whole jobs: what comes out, and that every row is accounted for."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from reviewlens.contracts.tables import Dialect, Mapping
from reviewlens.model.interface import decide
from reviewlens.model.loading import load_engine, load_scorer, model_sha256
from reviewlens.pipeline import infer
from reviewlens.pipeline import progress as progress_module
from reviewlens.pipeline.runner import DONE, OURS, run_spec
from reviewlens.pipeline.work import JobContext, Slice
from reviewlens.reviews.cleaning import clean_text, join_title
from tests.pipeline.make_jobs import FINISHED, HEADER, MadeJob, as_csv, assert_same, make_job, review_rows
from tests.timing import wait_until

pytestmark = pytest.mark.spark


def expected_texts(rows: list[list[str]]) -> dict[int, str]:
    """Row number to the text that is scored, worked out here without the job."""
    return {number: join_title(clean_text(row[1]), clean_text(row[2])) for number, row in enumerate(rows, start=1)}


def test_what_a_finished_job_leaves(done: MadeJob) -> None:
    assert done.left() == FINISHED
    assert not (done.settings.data_dir / "scratch").exists() or not any((done.settings.data_dir / "scratch").iterdir())
    assert done.store.get(done.keys.newest_served_csv) == done.store.get(done.keys.served_csv)
    assert done.store.get(done.keys.newest_processed_csv) == done.store.get(done.keys.processed_csv)
    progress = done.json(done.keys.progress)
    assert (progress["stage"], progress["rows_done"], progress["rows_total"]) == ("publish", 430, 430)


def test_counts_agree_with_an_independent_count(done: MadeJob, rows: list[list[str]]) -> None:
    texts = [text for text in expected_texts(rows).values() if text]
    summary = done.json(done.keys.summary)
    assert summary["rows_read"] == len(rows)
    assert summary["rows_scored"] == len(set(texts))
    assert summary["rows_duplicate"] == len(texts) - len(set(texts))
    assert summary["rows_rejected"] == len(rows) - len(texts) > 0
    assert summary["rejected_reasons"] == {"text-empty": len(rows) - len(texts)}
    served = done.csv(done.keys.served_csv)
    assert len(served) == len(texts)
    assert summary["distribution"] == dict(Counter(row["sentiment"] for row in served))
    assert summary["needs_review"] == sum(row["needs_review"] == "true" for row in served)
    assert summary["mixed"] == sum(row["mixed"] == "true" for row in served)
    mean = sum(float(row["confidence"]) for row in served) / len(served)
    assert summary["mean_confidence"] == pytest.approx(mean, abs=1e-6)
    stars = sum(row[3] == "n/a" and bool(text) for row, text in zip(rows, expected_texts(rows).values(), strict=True))
    assert f"In {stars:,} rows the rating could not be read and is left empty." in summary["warnings"]


def test_served_rows_keep_their_fields_and_get_their_score(done: MadeJob, rows: list[list[str]]) -> None:
    texts = expected_texts(rows)
    engine = load_engine("textblob")
    kept = [number for number, text in texts.items() if text]
    served = done.csv(done.keys.served_csv)
    ours = ["review_id", "sentiment", "confidence", "positive_score", "needs_review", "mixed", "language", "not_judged"]
    assert list(served[0]) == [*HEADER, *ours]
    assert [[row[name] for name in HEADER] for row in served] == [rows[number - 1] for number in kept]
    scores = engine.score([texts[number] for number in kept])
    for number, row, score in zip(kept, served, scores, strict=True):
        one = decide(score, engine.thresholds)
        assert row["sentiment"] == one.sentiment
        assert row["positive_score"] == f"{one.positive_score:.6f}"
        assert row["confidence"] == f"{one.confidence:.6f}"
        assert row["needs_review"] == str(one.needs_review).lower()
        assert row["mixed"] == str(one.mixed).lower()
        name = hashlib.sha256(f"{done.spec.input_sha256}:{number}".encode()).hexdigest()[:32]
        assert row["review_id"] == name


def test_parquet_holds_the_same_rows_and_what_queries_need(done: MadeJob, rows: list[list[str]]) -> None:
    table = done.parquet()
    served = done.csv(done.keys.served_csv)
    for name in [*HEADER, "review_id", "sentiment"]:
        assert table.column(name).to_pylist() == [row[name] for row in served]
    assert [f"{score:.6f}" for score in table.column("positive_score").to_pylist()] == [
        row["positive_score"] for row in served
    ]
    texts = expected_texts(rows)
    first: dict[str, int] = {}
    for record in table.to_pylist():
        number = record["_row"]
        original = rows[number - 1]
        assert record["_text"] == clean_text(original[2])
        assert record["_title"] == (clean_text(original[1]) or None)
        assert record["_product"] == (original[5].strip() or None)
        assert (record["_rating"] is None) == (original[3] in ("", "n/a"))
        assert record["_date"] is None or record["_date"].isoformat() == original[4]
        earlier = first.setdefault(texts[number], number)
        assert record["_duplicate_of"] == (None if earlier == number else earlier)


def test_processed_rows_show_what_the_model_read(done: MadeJob, rows: list[list[str]]) -> None:
    texts = expected_texts(rows)
    processed = done.csv(done.keys.processed_csv)
    assert list(processed[0]) == ["review_id", "row", "text", "title", "rating", "date", "product"]
    assert {int(row["row"]): row["text"] for row in processed} == {n: text for n, text in texts.items() if text}
    assert {row["rating"] for row in processed} == {"5", "4", "3", "1", ""}


def test_rejected_rows_say_where_and_why(done: MadeJob, rows: list[list[str]]) -> None:
    content = as_csv(rows)
    rejected = done.csv(done.keys.rejected_csv)
    assert [int(row["row"]) for row in rejected] == [n for n, text in expected_texts(rows).items() if not text]
    for row in rejected:
        assert row["reason"] == "text-empty"
        assert row["explanation"].endswith(".")
        assert next(csv.reader(io.StringIO(row["raw"]))) == rows[int(row["row"]) - 1]
        span = content[int(row["byte_start"]) : int(row["byte_end"])].decode()
        assert next(csv.reader(io.StringIO(span, newline=""))) == rows[int(row["row"]) - 1]


def test_the_summary_says_what_was_done(done: MadeJob, rows: list[list[str]]) -> None:
    summary = done.json(done.keys.summary)
    assert summary["model"]["engine"] == "textblob"
    assert 0.5 <= summary["model"]["needs_review_below"] <= 1
    assert [column["served_name"] for column in summary["columns"]] == HEADER
    assert summary["ledger"]["bytes_total"] == len(as_csv(rows))
    timings = summary["timings"]
    assert timings["attempts"] == 1
    stages = ("read", "clean", "deduplicate", "infer", "assemble", "publish")
    assert 0 < sum(timings[f"{name}_seconds"] for name in stages) <= timings["total_seconds"] + 0.01


@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 1000), (3, 7)])
def test_workers_and_batches_change_nothing(
    spark: SparkSession, done: MadeJob, rows: list[list[str]], tmp_path: Path, workers: int, batch_rows: int
) -> None:
    made = make_job(tmp_path, as_csv(rows), workers=workers, batch_rows=batch_rows)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert_same(made, done)


def test_a_finished_job_is_not_done_again(spark: SparkSession, done: MadeJob) -> None:
    before = done.store.head(done.keys.served_csv)
    assert run_spec(done.uri, done.settings, session=spark) == DONE
    assert done.store.head(done.keys.served_csv) == before
    assert done.left() == FINISHED


def test_cleaning_and_inference_can_run_apart(
    spark: SparkSession, done: MadeJob, rows: list[list[str]], tmp_path: Path
) -> None:
    made = make_job(tmp_path, as_csv(rows))
    assert run_spec(made.uri, made.settings, session=spark, stage="infer") == OURS
    assert made.json(made.keys.error)["code"] == "not-cleaned"
    assert run_spec(made.uri, made.settings, session=spark, stage="clean") == DONE
    assert made.store.head(made.keys.summary) is None
    assert made.store.head(made.keys.error) is None
    assert run_spec(made.uri, made.settings, session=spark, stage="infer") == DONE
    assert_same(made, done)


def test_colliding_headers_and_unreadable_rows(spark: SparkSession, tmp_path: Path) -> None:
    good = b"sentiment,Text,_row,Text\n1,Lovely thing,2,3\n4,Awful thing,5,6\n"
    content = good + b"7,bad \xff\xfe byte,8,9\n10,Lovely thing,11,12\n"
    made = make_job(tmp_path, content, mapping=Mapping(text=1), slice_rows=10)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    summary = made.json(made.keys.summary)
    counts = [summary[name] for name in ("rows_read", "rows_scored", "rows_duplicate", "rows_rejected")]
    assert counts == [4, 2, 1, 1]
    served = made.csv(made.keys.served_csv)
    assert [row["sentiment_original"] for row in served] == ["1", "4", "10"]
    assert {row["sentiment"] for row in served} <= {"positive", "negative"}
    (rejected,) = made.csv(made.keys.rejected_csv)
    assert rejected["row"] == "3"
    assert rejected["raw_base64"]
    assert content[int(rejected["byte_start"]) : int(rejected["byte_end"])].startswith(b"7,bad")


def test_a_file_with_no_usable_row_still_has_results(spark: SparkSession, tmp_path: Path) -> None:
    made = make_job(tmp_path, b"id,text\n1,\n2,<br>\n", mapping=Mapping(text=1))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    summary = made.json(made.keys.summary)
    assert (summary["rows_read"], summary["rows_rejected"], summary["mean_confidence"]) == (2, 2, None)
    assert "No row could be scored; rejected.csv has the reasons." in summary["warnings"]
    assert made.csv(made.keys.served_csv) == []
    assert made.parquet().num_rows == 0
    assert "review_id" in made.parquet().column_names


SPANISH = "El hotel estaba muy sucio y nadie contestaba al teléfono."


def test_texts_that_the_model_does_not_read_have_no_sentiment(spark: SparkSession, tmp_path: Path) -> None:
    texts = ["The lamp is lovely.", SPANISH, "", "The lamp is lovely.", SPANISH, "Sehr gut, die Lieferung war schnell."]
    content = ("text,language\n" + "".join(f'"{text}",theirs\n' for text in texts)).encode()
    made = make_job(tmp_path, content, mapping=Mapping(text=0, language_shares={"en": 0.6, "es": 0.4}), slice_rows=10)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    summary = made.json(made.keys.summary)
    names = ("rows_read", "rows_scored", "rows_duplicate", "rows_not_judged", "rows_rejected")
    assert [summary[name] for name in names] == [6, 1, 1, 3, 1]
    assert summary["languages"] == {"en": 2, "es": 2, "de": 1}
    assert summary["model"]["languages"] == ["en"]
    assert [warning for warning in summary["warnings"] if warning.startswith("Reviews in Spanish and German have no")]
    assert sum(summary["distribution"].values()) == 2
    served = made.csv(made.keys.served_csv)
    assert list(served[0])[-2:] == ["language", "not_judged"]
    assert [row["language_original"] for row in served] == ["theirs"] * 5
    assert [(row["language"], row["not_judged"]) for row in served] == [
        ("en", ""),
        ("es", "Spanish; the model reads English"),
        ("en", ""),
        ("es", "Spanish; the model reads English"),
        ("de", "German; the model reads English"),
    ]
    for row in served:
        judged = [row[name] for name in ("sentiment", "confidence", "positive_score", "needs_review", "mixed")]
        assert (judged == ["not judged", "", "", "false", "false"]) == bool(row["not_judged"])
    table = made.parquet()
    assert table.column("confidence").null_count == table.column("positive_score").null_count == 3
    assert table.column("_duplicate_of").to_pylist() == [None, None, 1, None, None]


def test_all_languages_are_judged_on_request(spark: SparkSession, tmp_path: Path) -> None:
    content = f"text\nThe lamp is lovely.\n{SPANISH}\n{SPANISH}\n".encode()
    made = make_job(tmp_path, content, mapping=Mapping(text=0, all_languages=True))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    summary = made.json(made.keys.summary)
    assert (summary["rows_scored"], summary["rows_duplicate"], summary["rows_not_judged"]) == (2, 1, 0)
    assert [row["language"] for row in made.csv(made.keys.served_csv)] == ["en", "es", "es"]
    assert [warning for warning in summary["warnings"] if "validated for English only" in warning]


def test_a_file_of_which_nothing_is_judged_still_has_results(spark: SparkSession, tmp_path: Path) -> None:
    made = make_job(tmp_path, f"text\n{SPANISH}\n{SPANISH}\n".encode(), mapping=Mapping(text=0))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    summary = made.json(made.keys.summary)
    assert (summary["rows_read"], summary["rows_not_judged"], summary["mean_confidence"]) == (2, 2, None)
    assert not any("No row could be scored" in warning for warning in summary["warnings"])
    assert [row["sentiment"] for row in made.csv(made.keys.served_csv)] == ["not judged"] * 2


def test_progress_grows_within_a_slice_and_is_written_while_nothing_is_committed(
    spark: SparkSession, tmp_path: Path, rows: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "_EVERY_SECONDS", 0.01)
    made = make_job(tmp_path, as_csv(rows), slice_rows=1000)
    before_commit: list[dict[str, object]] = []
    commit = infer._commit

    def watched_commit(job: JobContext, part: Slice, scores: pa.Table) -> None:
        wait_until(lambda: made.json(made.keys.progress)["rows_done"] > 0)
        first = made.json(made.keys.progress)
        wait_until(lambda: made.json(made.keys.progress)["updated_at"] > first["updated_at"])
        before_commit.append(made.json(made.keys.progress))
        commit(job, part, scores)

    monkeypatch.setattr(infer, "_commit", watched_commit)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    (shown,) = before_commit
    assert (shown["stage"], shown["rows_total"]) == ("infer", 430)
    assert shown["rows_done"] == made.json(made.keys.summary)["rows_scored"] < 430
    assert shown["seconds_left"] is not None
    assert made.json(made.keys.progress)["rows_done"] == 430


def test_a_file_of_a_header_alone(spark: SparkSession, tmp_path: Path) -> None:
    made = make_job(tmp_path, b"id,text\n", mapping=Mapping(text=1))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert made.json(made.keys.summary)["rows_read"] == 0
    assert made.csv(made.keys.served_csv) == made.csv(made.keys.rejected_csv) == []
    assert made.store.get(made.keys.served_csv).startswith(b"id,text,review_id")


def test_the_shipped_model_scores_in_spark_as_it_does_alone(spark: SparkSession, tmp_path: Path) -> None:
    rows = review_rows(60)
    made = make_job(
        tmp_path, as_csv(rows), engine="openvino", slice_rows=25, model_sha256=model_sha256("openvino", None)
    )
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    engine = load_engine("openvino")
    texts = [text for text in expected_texts(rows).values() if text]
    served = [float(row["positive_score"]) for row in made.csv(made.keys.served_csv)]
    assert served == pytest.approx(engine.score(texts).tolist(), abs=1e-3)
    model = made.json(made.keys.summary)["model"]
    assert model["sha256"] == made.spec.model_sha256
    assert model["version"] == engine.describe()["model_version"]


def test_a_job_marks_long_texts_as_the_predictor_does(spark: SparkSession, tmp_path: Path) -> None:
    kind = "I love the warm light that this lamp gives, and I would buy it again. " * 12
    complaint = (
        "It is terrible and a complete waste of money. It broke after one day, customer service was rude and useless, "
        "and they refused to refund me. Horrible, awful quality, do not buy this piece of junk. "
    )
    texts = [kind + complaint + kind, kind + kind, "I love it.", kind + complaint + kind]
    rows = [["Review"], *([text] for text in texts)]
    made = make_job(
        tmp_path, as_csv(rows[1:], rows[0]), mapping=Mapping(text=0), engine="openvino-small",
        model_sha256=model_sha256("openvino-small", None),
    )  # fmt: skip
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    served = made.csv(made.keys.served_csv)
    expected = load_scorer("openvino-small").predict(texts)
    assert [row["needs_review"] for row in served] == [str(each.needs_review).lower() for each in expected]
    assert [row["needs_review"] for row in served] == ["true", "false", "false", "true"]
    assert float(served[0]["confidence"]) > 0.95, "it is marked for its middle"


def test_other_formats_come_through(spark: SparkSession, tmp_path: Path) -> None:
    lines = b'{"text": "Lovely", "n": 1}\n{"text": "Awful \\u2603", "n": null}\n'
    made = make_job(tmp_path, lines, mapping=Mapping(text=0), dialect=Dialect(format="jsonl"), filename="a.jsonl")
    assert run_spec(f"{made.store.root}/{made.keys.spec}", made.settings, session=spark) == DONE
    assert [row["text"] for row in made.csv(made.keys.served_csv)] == ["Lovely", "Awful ☃"]
