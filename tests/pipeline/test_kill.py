"""Real processes, killed at every stage boundary and inside the long stages, and what is left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from reviewlens.pipeline.runner import CANCELLED, DONE, INPUT_AT_FAULT, INTERRUPTED, run_spec
from reviewlens.storage.interface import ObjectInfo
from tests.pipeline.make_jobs import ROOT, MadeJob, as_csv, make_job, review_rows
from tests.pipeline.test_job import FINISHED, assert_same

pytestmark = [pytest.mark.spark, pytest.mark.slow]

SLICES = 8
SLICE_ROWS = 200


def big_job(folder: Path) -> MadeJob:
    return make_job(folder, as_csv(review_rows(SLICES * SLICE_ROWS - 30)), slice_rows=SLICE_ROWS)


def wait_for(process: subprocess.Popen[bytes], made: MadeJob, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not reached():
        assert process.poll() is None, made.log()[-3000:]
        assert time.monotonic() < deadline, made.log()[-3000:]
        time.sleep(0.002)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    me = psutil.Process(process.pid)
    return [me, *me.children(recursive=True)]


def assert_all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def work(made: MadeJob, folder: str) -> dict[str, ObjectInfo]:
    prefix = made.keys.work + folder
    return {info.key: info for info in made.store.list(prefix) if not info.key.endswith("lease.json")}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.minutes)], ids=["some", "every"])
def test_killed_at_boundaries_and_inside_stages_ends_as_if_undisturbed(
    spark: SparkSession, tmp_path: Path, every: bool
) -> None:
    """At three moments of different kinds, or at every one: each costs the start of a process and of its Spark."""
    undisturbed = big_job(tmp_path / "undisturbed")
    assert run_spec(undisturbed.uri, undisturbed.settings, session=spark) == DONE
    made = big_job(tmp_path / "killed")
    keys = made.keys

    def count(folder: str, at_least: int) -> Callable[[], bool]:
        return lambda: (
            len(os.listdir(path)) >= at_least if (path := made.store.root / keys.work / folder).exists() else False
        )

    def there(key: str) -> Callable[[], bool]:
        return lambda: made.store.head(key) is not None

    moments: list[tuple[str, Callable[[], bool]]] = [
        ("inside reading", count("read", 3)),
        ("all read", there(keys.work + "plan.json")),
        ("all cleaned", count("clean", SLICES)),
        ("duplicates found", there(keys.work + "duplicates.parquet")),
        ("inside inference", count("scores", 3)),
        ("all scored", count("scores", SLICES)),
        ("put together", count("parts", 1)),
        ("publishing", there(keys.processed_csv)),
        ("summary written", there(keys.summary)),
    ]
    some = {"inside reading", "inside inference", "publishing"}
    committed: dict[str, ObjectInfo] = {}
    for name, reached in moments:
        if not every and name not in some:
            continue
        process = made.start()
        wait_for(process, made, reached)
        processes = family(process)
        process.kill()
        assert process.wait() == -signal.SIGKILL, name
        assert_all_gone(processes)
        now = {key: info for folder in ("read/", "clean/", "scores/") for key, info in work(made, folder).items()}
        if not there(keys.summary)():
            repeated = [key for key, info in committed.items() if now.get(key) != info]
            assert repeated == [], f"done again after a kill: {name}"
        committed = now
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert made.left() == FINISHED
    assert_same(made, undisturbed)
    assert "kettle" not in made.log(), "the log contains review text"
    scratch = made.settings.data_dir / "scratch"
    assert not any(scratch.iterdir())


def test_sigterm_commits_what_is_in_hand_and_leaves_no_process(tmp_path: Path) -> None:
    made = big_job(tmp_path)
    process = made.start()
    scores = made.store.root / made.keys.work / "scores"
    wait_for(process, made, lambda: scores.exists() and len(os.listdir(scores)) >= 2)
    processes = family(process)
    process.terminate()
    assert process.wait(60) == INTERRUPTED
    assert_all_gone(processes)
    assert made.store.head(made.keys.lease) is None
    kept = work(made, "scores/")
    assert 2 <= len(kept) < SLICES
    assert made.json(made.keys.work + "timings.json")["attempts"] == 1


def test_a_signal_to_the_whole_group_is_an_interruption_too(tmp_path: Path) -> None:
    made = big_job(tmp_path)
    with (made.settings.data_dir / "job.log").open("ab") as output:
        process = subprocess.Popen(
            made.command(), env=made.environment(), stdout=output, stderr=output, cwd=ROOT, start_new_session=True
        )
    clean = made.store.root / made.keys.work / "clean"
    wait_for(process, made, lambda: clean.exists() and len(os.listdir(clean)) >= 2)
    processes = family(process)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(60) == INTERRUPTED
    assert_all_gone(processes)
    assert made.store.head(made.keys.error) is None


def test_when_spark_dies_the_job_says_so_and_can_go_on(spark: SparkSession, tmp_path: Path) -> None:
    made = big_job(tmp_path)
    process = made.start()
    clean = made.store.root / made.keys.work / "clean"
    wait_for(process, made, lambda: clean.exists() and len(os.listdir(clean)) >= 1)
    processes = family(process)
    java = next(one for one in processes if "java" in one.name())
    java.kill()
    assert process.wait(60) == 1
    assert_all_gone(processes)
    assert made.json(made.keys.error)["code"] == "spark-lost"
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    assert made.store.head(made.keys.error) is None


def test_the_two_halves_as_the_task_runs_them_on_a_machine_without_java(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            link = tools / program.name
            if not program.name.startswith(("java", "jlink", "jshell")) and not link.exists():
                link.symlink_to(program)
    made = make_job(tmp_path / "data", as_csv(review_rows(60)), slice_rows=50)
    environment = made.environment(PATH=str(tools))
    environment.pop("JAVA_HOME", None)
    for name in ("run_clean.py", "run_infer.py"):
        command = [sys.executable, str(ROOT / "sentiment-pipeline" / name), "--spec", made.uri]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == DONE, done.stderr[-3000:]
        assert "jdk.incubator.vector" not in done.stderr
    assert made.left() == FINISHED


def test_ends_without_spark_are_quick_and_have_their_codes(tmp_path: Path) -> None:
    made = make_job(tmp_path, b"")
    assert made.start().wait() == INPUT_AT_FAULT
    made.store.put(made.keys.cancel, b"")
    assert made.start().wait() == CANCELLED
    assert made.store.head(made.keys.error) is None
