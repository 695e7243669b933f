"""Whole jobs that end otherwise: at fault, cancelled, interrupted, kept out; and how each end is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from reviewlens.contracts.tables import Mapping
from reviewlens.errors import TransientError
from reviewlens.pipeline import control
from reviewlens.pipeline import publish as publish_module
from reviewlens.pipeline import read as read_module
from reviewlens.pipeline.lease import Lease
from reviewlens.pipeline.runner import CANCELLED, DONE, INPUT_AT_FAULT, INTERRUPTED, OURS, run_spec
from reviewlens.pipeline.work import JobContext
from tests.pipeline.make_jobs import FINISHED, MadeJob, as_csv, assert_same, make_job, review_rows
from tests.timing import wait_until

pytestmark = pytest.mark.spark

FAULTS = {
    "empty": (b"", {}, "empty-file"),
    "changed": (b"id,text\n1,a\n", {"input_sha256": "0" * 64}, "input-changed"),
    "gone": (b"id,text\n1,a\n", {"upload": "another"}, "input-missing"),
    "mapping": (b"id,text\n1,a\n", {"mapping": Mapping(text=9)}, "no-such-column"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_input_are_told_to_the_person(spark: SparkSession, tmp_path: Path, name: str) -> None:
    content, changes, code = FAULTS[name]
    made = make_job(tmp_path, content, **{"mapping": Mapping(text=1), **changes})  # type: ignore[arg-type]
    assert run_spec(made.uri, made.settings, session=spark) == INPUT_AT_FAULT
    error = made.json(made.keys.error)
    assert error["code"] == code
    assert error["message"].endswith((".", "?"))
    assert set(made.left()) <= {"error.json", "progress.json", "spec.json"}


def test_too_many_rows_is_the_inputs_fault(spark: SparkSession, tmp_path: Path, rows: list[list[str]]) -> None:
    made = make_job(tmp_path, as_csv(rows))
    limits = made.spec.limits.model_copy(update={"max_rows": 250})
    made.store.put(made.keys.spec, made.spec.model_copy(update={"limits": limits}).model_dump_json().encode())
    assert run_spec(made.uri, made.settings, session=spark) == INPUT_AT_FAULT
    error = made.json(made.keys.error)
    assert error["details"]["limit"] == "max_rows"
    assert set(made.left()) == {"error.json", "progress.json", "spec.json"}


def test_a_cancelled_job_leaves_no_results_and_can_be_run_again(
    spark: SparkSession, done: MadeJob, tmp_path: Path, rows: list[list[str]]
) -> None:
    made = make_job(tmp_path, as_csv(rows))
    made.store.put(made.keys.cancel, b"")
    assert run_spec(made.uri, made.settings, session=spark) == CANCELLED
    assert "T" in made.json(made.keys.cancelled)["at"]
    assert set(made.left()) <= {"cancelled.json", "progress.json", "spec.json"}
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert made.store.head(made.keys.cancelled) is None
    assert_same(made, done)


OnCommit = Callable[[str, int, Callable[[], object]], None]


@pytest.fixture
def on_commit(monkeypatch: pytest.MonkeyPatch) -> OnCommit:
    """Calls an action right after the job has written its n-th object whose key begins with a prefix."""
    put, lock, actions = JobContext.put, threading.Lock(), []
    written: Counter[str] = Counter()

    def noted(job: JobContext, key: str, data: bytes) -> None:
        put(job, key, data)
        due = []
        with lock:
            for prefix, count, action in actions:
                written[prefix] += key.startswith(prefix)
                if key.startswith(prefix) and written[prefix] == count:
                    due.append(action)
        for action in due:
            action()

    monkeypatch.setattr(JobContext, "put", noted)
    monkeypatch.setattr(control, "_CHECK_EVERY_SECONDS", 0.0)
    return lambda prefix, count, action: actions.append((prefix, count, action))


@pytest.mark.parametrize("folder", ["read/", "clean/", "scores/"])
def test_cancelling_on_the_way(spark: SparkSession, tmp_path: Path, folder: str, on_commit: OnCommit) -> None:
    made = make_job(tmp_path, as_csv(review_rows(90)), slice_rows=30)
    on_commit(made.keys.work + folder, 1, lambda: made.store.put(made.keys.cancel, b""))
    assert run_spec(made.uri, made.settings, session=spark) == CANCELLED
    assert set(made.left()) == {"cancelled.json", "progress.json", "spec.json"}


@pytest.mark.parametrize("folder", ["read/", "scores/"])
def test_an_interrupted_job_keeps_its_slices_and_goes_on(
    spark: SparkSession, done: MadeJob, tmp_path: Path, rows: list[list[str]], folder: str, on_commit: OnCommit
) -> None:
    made = make_job(tmp_path, as_csv(rows))
    stop = threading.Event()
    on_commit(made.keys.work + folder, 2, stop.set)
    assert run_spec(made.uri, made.settings, session=spark, stop=stop) == INTERRUPTED
    kept = list(made.store.list(made.keys.work + folder))
    assert len(kept) >= 2
    assert made.store.head(made.keys.lease) is None
    assert made.store.head(made.keys.error) is None
    seen: list[object] = []
    on_commit(made.keys.work + "parts/", 1, lambda: seen.extend(made.store.list(made.keys.work + folder)))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert set(kept) <= set(seen), "what was committed is not done again"
    assert_same(made, done)


def test_a_second_runner_is_kept_out(spark: SparkSession, tmp_path: Path, on_commit: OnCommit) -> None:
    made = make_job(tmp_path, as_csv(review_rows(60)), slice_rows=20)
    codes: list[int] = []
    on_commit(made.keys.work + "clean/", 1, lambda: codes.append(run_spec(made.uri, made.settings)))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert codes == [INTERRUPTED]
    assert made.left() == FINISHED


def test_a_runner_whose_lease_was_taken_stops_without_a_word(
    spark: SparkSession, tmp_path: Path, on_commit: OnCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_job(tmp_path, as_csv(review_rows(60)), slice_rows=20)
    other = b'{"owner": "other", "machine": "elsewhere", "pid": 1, "started": 0}'
    leases: list[Lease] = []
    acquire = Lease.acquire
    monkeypatch.setattr(Lease, "acquire", lambda self: (leases.append(self), acquire(self)))

    def take_over() -> None:
        made.store.put(made.keys.lease, other)
        wait_until(lambda: leases[0]._lost)

    on_commit(made.keys.work + "clean/", 2, take_over)
    made_settings = made.settings.model_copy(update={"lease_seconds": 2})
    assert run_spec(made.uri, made_settings, session=spark) == INTERRUPTED
    assert made.store.get(made.keys.lease) == other
    assert made.store.head(made.keys.error) is None
    assert made.store.head(made.keys.served_csv) is None


def test_our_own_faults_are_told_without_what_a_review_says(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = make_job(tmp_path, as_csv(review_rows(50)))

    def broken(*arguments: object) -> None:
        raise ValueError("cannot save 'a canary sings in this review'")

    monkeypatch.setattr(publish_module, "summarise", broken)
    assert run_spec(made.uri, made.settings, session=spark) == OURS
    error = made.json(made.keys.error)
    assert error["code"] == "internal-error"
    assert "canary" not in str(error) + caplog.text + "".join(str(vars(record)) for record in caplog.records)
    monkeypatch.undo()
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert made.store.head(made.keys.error) is None


def test_a_full_disk_is_told_in_words(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_job(tmp_path, as_csv(review_rows(50)))

    def full(*arguments: object) -> None:
        raise TransientError("The disk is full: free some space and try again.", code="disk-full")

    monkeypatch.setattr(read_module, "_commit", full)
    assert run_spec(made.uri, made.settings, session=spark) == OURS
    assert made.json(made.keys.error)["code"] == "disk-full"


@pytest.mark.parametrize("engine", ["openvino", "nonsense"])
def test_a_model_that_is_not_the_one_submitted_is_our_fault(spark: SparkSession, tmp_path: Path, engine: str) -> None:
    made = make_job(tmp_path, as_csv(review_rows(30)), engine=engine, model_sha256="0" * 64)
    assert run_spec(made.uri, made.settings, session=spark) == OURS
    assert made.json(made.keys.error)["code"] in ("model-changed", "unknown-engine")


def test_an_engine_that_cannot_be_loaded_says_why(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"no bundle")
    made = make_job(tmp_path, as_csv(review_rows(30)), engine="openvino", model=str(tmp_path / "model.tar.gz"))
    assert run_spec(made.uri, made.settings, session=spark) == OURS
    assert made.json(made.keys.error)["code"] == "bad-bundle"


def test_ctrl_c_is_an_interruption(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_job(tmp_path, as_csv(review_rows(30)))

    def pressed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish_module, "publish", pressed)
    assert run_spec(made.uri, made.settings, session=spark) == INTERRUPTED
    assert made.store.head(made.keys.error) is None


def test_specs_that_cannot_be_used(tmp_path: Path) -> None:
    made = make_job(tmp_path, b"id,text\n1,a\n", mapping=Mapping(text=1))
    settings = made.settings
    assert run_spec("file:///nowhere", settings) == OURS
    assert run_spec(made.uri.replace("job-1", "job-2"), settings) == OURS
    assert run_spec(f"{tmp_path}/objects/output/../x/spec.json", settings) == OURS
    made.store.put("output/user-1/job-3/spec.json", made.store.get(made.keys.spec))
    assert run_spec(made.uri.replace("job-1", "job-3"), settings) == OURS
    made.store.put(made.keys.spec, b'{"user": "x"}')
    assert run_spec(made.uri, settings) == OURS
