"""Scores across jobs: what comes out is the same to the byte with and without them, however the job is disturbed."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from reviewlens.contracts.keys import JobKeys
from reviewlens.model.loading import model_sha256
from reviewlens.pipeline import infer
from reviewlens.pipeline.cache_index import Index, IndexWriter
from reviewlens.pipeline.runner import DONE, OURS, run_spec
from reviewlens.pipeline.work import JobContext
from tests.pipeline.make_jobs import FINISHED, USER, MadeJob, as_csv, assert_same, make_job, review_rows
from tests.pipeline.test_kill import assert_all_gone, family, wait_for

pytestmark = pytest.mark.spark

Make = Callable[..., MadeJob]
EARLIER = JobKeys(USER, "earlier").scores


@pytest.fixture(scope="session")
def kept(spark: SparkSession, rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a user whose job `earlier` scored the first 250 of the rows, and `whole` all of them."""
    folder = tmp_path_factory.mktemp("kept")
    for name, some in (("earlier", rows[:250]), ("whole", rows)):
        made = make_job(folder, as_csv(some), job=name, keep_scores=True)
        assert run_spec(made.uri, made.settings, session=spark) == DONE
    return folder


@pytest.fixture
def make(kept: Path, rows: list[list[str]], tmp_path: Path) -> Make:
    """A job over all rows, beside those earlier ones."""
    shutil.copytree(kept, tmp_path / "data")

    def made(*names: str, **changes: Any) -> MadeJob:
        changes = {"keep_scores": True, "reuse_scores_of": names, **changes}
        return make_job(tmp_path / "data", as_csv(rows), **changes)

    return made


def reused(made: MadeJob) -> int:
    summary = made.json(made.keys.summary)
    assert summary["rows_read"] == summary["rows_scored"] + summary["rows_duplicate"] + summary["rows_rejected"]
    assert made.json(made.keys.progress)["rows_reused"] == summary["rows_reused"] <= summary["rows_scored"]
    return int(summary["rows_reused"])


def assert_as_without(made: MadeJob, plain: MadeJob, *, reused_scores: int) -> None:
    """Everything is the same but for the one number that tells of the cache."""
    assert reused(made) == reused_scores
    summary = made.json(made.keys.summary)
    made.store.put(made.keys.summary, json.dumps({**summary, "rows_reused": 0}).encode())
    assert_same(made, plain)


def common(made: MadeJob, first: int) -> int:
    """Texts that the first rows and the whole file share, counted from the outputs."""
    rows = made.parquet().select(["_row", "_duplicate_of"]).to_pylist()
    return sum(row["_duplicate_of"] is None and row["_row"] <= first for row in rows)


def spy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engines that are loaded from now on."""
    loaded: list[str] = []
    warm_up = infer.warm_up

    def noted(session: SparkSession, workers: int, engine: str, model: str) -> dict[str, object]:
        loaded.append(engine)
        return warm_up(session, workers, engine, model)

    monkeypatch.setattr(infer, "warm_up", noted)
    return loaded


def tampered(made: MadeJob, change: Callable[[dict[str, Any]], None], score: float | None = None) -> None:
    """Give the earlier job's index another label, and every text in it this score."""
    index = Index(made.store.fetch(EARLIER, made.settings.data_dir))
    label = json.loads(json.dumps(index.label))
    change(label)
    path = made.settings.data_dir / "tampered"
    with IndexWriter(path, label) as writer:
        for high, low, scores in index._runs:
            writer.add(np.column_stack([high, low]), scores if score is None else np.full(len(scores), score))
    made.store.put_file(path, EARLIER)


def test_a_rerun_needs_no_engine_and_changes_nothing(
    spark: SparkSession, make: Make, done: MadeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = spy(monkeypatch)
    made = make("whole")
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert loaded == []
    assert made.left() == sorted([*FINISHED, "scores.arrow"])
    assert_as_without(made, done, reused_scores=made.json(made.keys.summary)["rows_scored"])
    whole = JobKeys(USER, "whole").scores
    assert made.store.get(made.keys.scores) == made.store.get(whole), "what was reused is kept for the next job again"


@pytest.mark.parametrize("names", [("earlier",), ("gone", "earlier", "gone-too")])
def test_new_texts_alone_go_through_the_engine(
    spark: SparkSession, make: Make, done: MadeJob, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    given: list[int] = []
    real = infer.steps.to_be_scored

    def noted(left_out: list[int]) -> Any:
        given.append(len(left_out))
        return real(left_out)

    monkeypatch.setattr(infer.steps, "to_be_scored", noted)
    made = make(*names)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert len(given) == 3, "of five slices two are known as a whole"
    assert_as_without(made, done, reused_scores=common(done, 250))


def test_nothing_is_reused_or_kept_that_the_spec_does_not_ask_for(spark: SparkSession, make: Make) -> None:
    made = make(keep_scores=False)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert reused(made) == 0
    assert made.left() == FINISHED


@pytest.mark.parametrize("fault", ["deleted", "unreadable", "other release", "another user's"])
def test_scores_that_may_not_be_used_are_made_anew(spark: SparkSession, make: Make, done: MadeJob, fault: str) -> None:
    made = make("earlier")
    if fault == "deleted":
        made.store.delete_prefix(JobKeys(USER, "earlier").output_prefix)
    elif fault == "unreadable":
        made.store.put(EARLIER, made.store.get(EARLIER)[:500])
    elif fault == "other release":
        tampered(made, lambda label: label["identity"]["runtime"].update(code="another"), score=0.123)
    else:
        made.store.put(JobKeys("user-2", "earlier").scores, made.store.get(EARLIER))
        made.store.delete(EARLIER)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert_as_without(made, done, reused_scores=0)


def test_scores_of_an_engine_that_described_itself_otherwise_are_void(
    spark: SparkSession, make: Make, done: MadeJob
) -> None:
    """As when the earlier job ran where the processor forced full precision: whole slices were taken over before the
    engine here could tell."""
    made = make("earlier")
    tampered(made, lambda label: label["facts"].update(full_precision_fallback=True), score=0.123)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert_as_without(made, done, reused_scores=0)
    index = Index(made.store.fetch(made.keys.scores, made.settings.data_dir))
    assert index.label["facts"]["full_precision_fallback"] is False  # type: ignore[index]


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("commits", [1, 3])
def test_stopped_between_and_its_earlier_job_deleted_meanwhile(
    spark: SparkSession, make: Make, done: MadeJob, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    made = make("earlier")
    count = 0
    put_table = JobContext.put_table

    def put(job: JobContext, key: str, table: pa.Table) -> None:
        nonlocal count
        if key.startswith(job.work.scores):
            count += 1
            if count > commits:
                raise Died
        put_table(job, key, table)

    with monkeypatch.context() as patched:
        patched.setattr(JobContext, "put_table", put)
        assert run_spec(made.uri, made.settings, session=spark) == OURS
    made.store.delete_prefix(JobKeys(USER, "earlier").output_prefix)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert 0 < reused(made) <= common(done, 250)
    assert_as_without(made, done, reused_scores=reused(made))
    whole = Index(made.store.fetch(JobKeys(USER, "whole").scores, made.settings.data_dir))
    mine = Index(made.store.fetch(made.keys.scores, made.settings.data_dir))
    assert mine.label == whole.label
    for ours, theirs in zip(mine._runs[0], whole._runs[0], strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.slow
def test_killed_processes_end_as_if_there_were_no_cache(spark: SparkSession, make: Make, done: MadeJob) -> None:
    made = make("earlier")
    scores = made.store.root / made.keys.work / "scores"
    moments: list[Callable[[], bool]] = [
        lambda: scores.exists() and len(os.listdir(scores)) >= 2,
        lambda: made.store.head(made.keys.scores) is not None,
    ]
    for reached in moments:
        process = made.start()
        wait_for(process, made, reached)
        processes = family(process)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert_all_gone(processes)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert made.left() == sorted([*FINISHED, "scores.arrow"])
    assert_as_without(made, done, reused_scores=common(done, 250))
    assert made.store.get(made.keys.scores) == made.store.get(JobKeys(USER, "whole").scores)


def test_attempts_under_different_releases_leave_nothing_to_others(
    spark: SparkSession, make: Make, done: MadeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make("earlier")
    with monkeypatch.context() as patched:
        patched.setattr(infer, "run_slices", lambda *args: (_ for _ in ()).throw(Died))
        assert run_spec(made.uri, made.settings, session=spark) == OURS
    monkeypatch.setattr("reviewlens.pipeline.cache_identity.CLEANING_VERSION", 99)
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert made.store.head(made.keys.scores) is None
    assert 0 < reused(made) < common(done, 250), "whole slices alone were taken over before the release changed"


def test_a_file_without_any_text_needs_no_engine_either(
    spark: SparkSession, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = spy(monkeypatch)
    made = make("whole")
    empty = make_job(
        made.settings.data_dir, as_csv([["1", "", "", "", "", ""]]), job="empty", reuse_scores_of=["whole"]
    )
    assert run_spec(empty.uri, empty.settings, session=spark) == DONE
    assert loaded == []
    assert (reused(empty), empty.json(empty.keys.summary)["model"]["engine"]) == (0, "textblob")


def test_the_shipped_model_with_and_without_the_cache(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = review_rows(60, seed=4)
    settings: dict[str, Any] = {
        "engine": "openvino", "slice_rows": 25, "model_sha256": model_sha256("openvino", None), "keep_scores": True,
    }  # fmt: skip
    earlier = make_job(tmp_path / "a", as_csv(rows[10:45]), job="earlier", **settings)
    plain = make_job(tmp_path / "b", as_csv(rows), **settings)
    made = make_job(tmp_path / "a", as_csv(rows), reuse_scores_of=["earlier"], **settings)
    for job in (earlier, plain):
        content = as_csv(rows[10:45] if job is earlier else rows)
        job.store.put(f"uploads/{USER}/upload-1/original", content)
        assert run_spec(job.uri, job.settings, session=spark) == DONE
    made.store.put(f"uploads/{USER}/upload-1/original", as_csv(rows))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert 20 < reused(made) < 45
    assert_as_without(made, plain, reused_scores=reused(made))
    assert made.store.get(made.keys.scores) == plain.store.get(plain.keys.scores)
    loaded = spy(monkeypatch)
    again = make_job(tmp_path / "b", as_csv(rows), job="again", reuse_scores_of=["job-1"], **settings)
    assert run_spec(again.uri, again.settings, session=spark) == DONE
    assert loaded == []
    assert again.store.get(again.keys.served_csv) == plain.store.get(plain.keys.served_csv)
    assert again.json(again.keys.summary)["model"] == plain.json(plain.keys.summary)["model"]
