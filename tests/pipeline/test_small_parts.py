"""CSV writing, capacity, control, progress and what is told of failures."""

from __future__ import annotations

import csv
import errno
import io
import json
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.contracts.stages import STAGE_LABELS, JobStage
from reviewlens.errors import InputError, TransientError
from reviewlens.model.engines import textblob
from reviewlens.pipeline import in_worker
from reviewlens.pipeline import progress as progress_module
from reviewlens.pipeline.__main__ import main
from reviewlens.pipeline.control import Cancelled, Control, Interrupted, LeaseLost
from reviewlens.pipeline.csvtext import csv_line, csv_lines
from reviewlens.pipeline.faults import explain, places
from reviewlens.pipeline.progress import ProgressWriter
from reviewlens.pipeline.slices import spark_path
from reviewlens.settings import Settings
from reviewlens.spark import capacity
from reviewlens.spark.capacity import decide_workers, free_memory_mb, processors
from reviewlens.storage.local import LocalObjectStore
from tests.timing import FakeClock, wait_until

FIELDS = st.text(alphabet=st.sampled_from('ab,";\r\n\t\0 é😀'), max_size=6)


@given(st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=5)))
def test_csv_reads_back_as_it_was(rows: list[list[str]]) -> None:
    text = csv_lines(list(zip(*rows, strict=True))) if rows else ""
    assert text == "".join(csv_line(row) for row in rows)
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


def test_a_lone_carriage_return_is_quoted() -> None:
    assert csv_line(["a\rb", "c"]) == '"a\rb",c\n'


def test_patterns_in_paths_are_taken_literally() -> None:
    assert spark_path(Path("/a b/[x]{y}*?")) == r"file:/a b/\[x\]\{y\}\*\?"


def test_workers_are_bounded_by_processors_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "processors", lambda cgroup: 8)
    monkeypatch.setattr(capacity, "free_memory_mb", lambda cgroup: 1024 + 512 + 3 * 900 + 100)
    settings = Settings(worker_memory_mb=900, driver_memory_mb=1024, _env_file=None)
    assert decide_workers(settings) == 3
    monkeypatch.setattr(capacity, "free_memory_mb", lambda cgroup: 500)
    assert decide_workers(settings) == 1
    monkeypatch.setattr(capacity, "free_memory_mb", lambda cgroup: 500_000)
    assert decide_workers(settings) == 8
    assert decide_workers(Settings(workers=5, _env_file=None)) == 5


def test_a_containers_limits_count(tmp_path: Path) -> None:
    assert processors(tmp_path) >= 1
    free = free_memory_mb(tmp_path)
    assert free > 0
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text(str(300 * 2**20))
    (tmp_path / "memory.current").write_text(str(100 * 2**20))
    assert processors(tmp_path) == 1
    assert free_memory_mb(tmp_path) == min(free, 200)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert processors(tmp_path) >= 1
    assert free_memory_mb(tmp_path) > 0


def test_limits_of_an_older_engine_count_too(tmp_path: Path) -> None:
    free, all_processors = free_memory_mb(tmp_path), processors(tmp_path)
    for folder in ("cpu", "memory"):
        (tmp_path / folder).mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{2**63 - 4096}\n")
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text(f"{100 * 2**20}\n")
    assert processors(tmp_path) == all_processors
    assert free_memory_mb(tmp_path) > 200
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{300 * 2**20}\n")
    assert processors(tmp_path) == 1
    assert free_memory_mb(tmp_path) == min(free, 200)


def test_control_tells_why_to_stop(tmp_path: Path, clock: FakeClock) -> None:
    store = LocalObjectStore(tmp_path)
    stop = threading.Event()
    confirmed: list[int] = []
    control = Control(store, "cancel", stop, lambda: confirmed.append(1))
    control.check()
    assert confirmed == [1]
    stop.set()
    with pytest.raises(Interrupted):
        control.check()
    store.put("cancel", b"")
    assert not control.cancel_requested(), "the store is asked twice a second at most"
    clock.now += 0.55
    with pytest.raises(Cancelled):
        control.check()
    with pytest.raises(Cancelled):
        control.check()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(progress_module.time, "monotonic", clock.monotonic)
    return clock


def test_progress_says_speed_and_time_left_from_this_attempt(tmp_path: Path, clock: FakeClock) -> None:
    store = LocalObjectStore(tmp_path)

    def shown() -> dict[str, object]:
        return dict(json.loads(store.get("progress.json")))

    progress = ProgressWriter(store, "progress.json", "timings.json")
    with progress.stage(JobStage.INFER, done=400, total=1000):
        first = shown()
        assert (first["stage"], first["label"], first["stage_number"], first["stages"]) == (
            "infer",
            STAGE_LABELS[JobStage.INFER],
            4,
            6,
        )
        assert (first["rows_done"], first["rows_total"]) == (400, 1000)
        assert first["rows_per_second"] is None
        assert first["seconds_left"] is None
        clock.now += 0.4
        progress.advance(100, keeps=False)
        assert shown()["rows_done"] == 400, "not more than once a second"
        clock.now += 1.6
        progress.advance(100)
        assert shown()["rows_done"] == 600
        assert shown()["rows_per_second"] == 100.0
        assert shown()["seconds_left"] == 4.0
    with progress.stage(JobStage.READ):
        clock.now += 2
        progress.advance(50)
        assert shown()["seconds_left"] is None


def test_progress_counts_the_rows_that_no_later_attempt_repeats(tmp_path: Path, clock: FakeClock) -> None:
    store = LocalObjectStore(tmp_path)

    def kept() -> int:
        return int(json.loads(store.get("progress.json"))["rows_kept"])

    progress = ProgressWriter(store, "progress.json", "timings.json")
    with progress.stage(JobStage.CLEAN, done=400, total=1000):
        progress.advance(100, keeps=False)
        assert kept() == 0
        progress.advance(100)
        assert kept() == 100  # written although the last write was just before
        progress.advance(50)
    assert kept() == 150
    with progress.stage(JobStage.PUBLISH):
        progress.advance(1000, keeps=False)
    assert kept() == 150


def test_progress_is_written_regularly_until_the_lease_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "_EVERY_SECONDS", 0.001)
    progress = ProgressWriter(LocalObjectStore(tmp_path), "progress.json", "timings.json")
    written: list[str] = []
    checks: list[threading.Thread] = []

    def write() -> None:
        written.append("")
        if len(written) == 1:
            raise TransientError("the store is away for a moment")

    def check_lease() -> None:
        checks.append(threading.current_thread())
        if len(written) == 3:
            raise LeaseLost("another task has it")

    monkeypatch.setattr(progress, "write", write)
    with progress.written_regularly(check_lease):
        wait_until(lambda: checks and not checks[0].is_alive())
    assert len(written) == 3


def test_rows_of_uncommitted_slices_count_and_never_fall(tmp_path: Path, clock: FakeClock) -> None:
    store = LocalObjectStore(tmp_path)
    progress = ProgressWriter(store, "progress.json", "timings.json")
    inside = 0

    def shown() -> int:
        progress.write()
        return int(json.loads(store.get("progress.json"))["rows_done"])

    with progress.stage(JobStage.INFER, done=400, total=1000), progress.counting(lambda: inside):
        assert shown() == 400
        inside = 64
        assert shown() == 464
        clock.now += 2
        progress.write()
        assert json.loads(store.get("progress.json"))["rows_per_second"] == 32.0
        assert json.loads(store.get("progress.json"))["seconds_left"] == pytest.approx((1000 - 464) / 32, abs=0.1)
        inside = 0  # a worker starts again
        assert shown() == 464
        progress.advance(200)
        assert shown() == 600
        inside = 900
        assert shown() == 1000, "never more than there are"
    with progress.stage(JobStage.ASSEMBLE, total=1000):
        assert shown() == 0


def test_a_worker_counts_texts_while_it_scores_the_next_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pa.record_batch({"row": pa.array(range(250), pa.int64()), "scored": pa.array(["It works well."] * 250)})
    count_file = tmp_path / "scored-00000"
    counts: list[int] = []

    def watched(text: str) -> tuple[float, float]:
        counts.append(in_worker.count_scored(count_file))
        return 0.0, 0.0

    monkeypatch.setattr(textblob, "sentiment", watched)
    list(in_worker.score_batches(iter([batch]), engine="textblob", model="", count_file=str(count_file)))
    assert counts == [0] * 100 + [100] * 100 + [200] * 50


def test_a_worker_counts_the_texts_of_all_batches(tmp_path: Path) -> None:
    batch = pa.record_batch({"row": pa.array(range(250), pa.int64()), "scored": pa.array(["It works well."] * 250)})
    count_file = tmp_path / "scored-00000"
    assert in_worker.count_scored(count_file) == 0
    scored = in_worker.score_batches(iter([batch, batch]), engine="textblob", model="", count_file=str(count_file))
    counts = [(in_worker.count_scored(count_file), part.num_rows) for part in scored]
    assert counts == [(250, 250), (500, 250)]
    again = in_worker.score_batches(iter([batch]), engine="textblob", model="", count_file=str(count_file))
    assert len(list(again)) == 1
    assert in_worker.count_scored(count_file) == 250, "a worker that starts again counts from 0"
    (uncounted,) = in_worker.score_batches(iter([batch]), engine="textblob", model="")
    assert uncounted.num_rows == 250


def test_timings_add_up_over_attempts(tmp_path: Path, clock: FakeClock) -> None:
    store = LocalObjectStore(tmp_path)
    first = ProgressWriter(store, "progress.json", "timings.json")
    with first.stage(JobStage.READ):
        clock.now += 3
    with first.stage(JobStage.INFER):
        with first.paused():
            clock.now += 5
        clock.now += 7
        first.write()
    clock.now += 100
    second = ProgressWriter(store, "progress.json", "timings.json")
    with second.stage(JobStage.INFER):
        clock.now += 11
    timings = second.timings()
    assert timings.attempts == 2
    assert (timings.read_seconds, timings.start_seconds, timings.infer_seconds) == (3, 5, 18)
    assert timings.total_seconds == 26
    assert timings.started_at <= timings.finished_at


class FromJava(Exception):
    """An error that asks Java what to say, when Java has gone."""

    def __str__(self) -> str:
        raise ConnectionRefusedError(111, "refused")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("x", code="own"), "own"),
        (OSError(errno.ENOSPC, "full"), "disk-full"),
        (RuntimeError("java.io.IOException: No space left on device"), "disk-full"),
        (RuntimeError("java.lang.OutOfMemoryError: Java heap space"), "out-of-memory"),
        (MemoryError(), "out-of-memory"),
        (RuntimeError("org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)"), "worker-lost"),
        (ConnectionRefusedError(111, "refused"), "spark-lost"),
        (FromJava(), "spark-lost"),
        (ValueError("could not convert 'my secret review'"), "internal-error"),
    ],
)
def test_failures_are_told_in_words(error: BaseException, code: str) -> None:
    told = explain(raised(error))
    assert told.code == code
    assert "secret" not in told.message


def test_a_hidden_cause_is_found() -> None:
    assert explain(raised(RuntimeError("outer"), OSError(errno.ENOSPC, "full"))).code == "disk-full"


def test_places_of_an_error_that_cannot_speak() -> None:
    assert places(raised(FromJava()))[0] == "FromJava"


def test_places_hold_no_message() -> None:
    inner = 'Traceback\n  File "/x/worker.py", line 12, in clean\n    boom\nValueError: my secret review'
    found = places(raised(RuntimeError(inner), ValueError("my secret review")))
    assert "RuntimeError" in found
    assert "/x/worker.py:12 clean" in found
    assert any("test_small_parts.py" in place for place in found)
    assert "secret" not in " ".join(found)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 1), (["--spec"], 1), (["--spec", "x", "--stage", "none"], 1), (["--unknown"], 1), (["--help"], 0)],
)
def test_a_wrong_call_is_no_fault_of_the_input(arguments: list[str], code: int) -> None:
    assert main(arguments) == code
