"""A job on a Spark cluster: separate processes that share the store with the task and nothing of its disk."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.pipeline.runner import DONE
from reviewlens.spark.java import find_java
from reviewlens.spark.session import cluster_session, stop
from tests.emulator import free_port
from tests.pipeline.make_jobs import ROOT, MadeJob, as_csv, assert_same, make_job


@contextlib.contextmanager
def cluster(folder: Path, python: str = sys.executable, user: int | None = None) -> Iterator[str]:
    """A master and one worker with two executors' worth of room; gives the master's address."""
    folder.mkdir()
    port, home = free_port(), Path(pyspark.__file__).parent
    environment = environment_of(folder, python)
    kinds = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
    address = f"spark://127.0.0.1:{port}"
    options = (
        ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port())],
        ["--host", "127.0.0.1", "--webui-port", str(free_port()), "-c", "2", "-m", "1g", "-d", str(folder), address],
    )
    with contextlib.ExitStack() as stack:
        for kind, given in zip(kinds, options, strict=True):
            log = stack.enter_context((folder / f"{kind.rsplit('.', 1)[1]}.log").open("wb"))
            command = [str(home / "bin" / "spark-class"), kind, *given]
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, user=user)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield address


def environment_of(folder: Path, python: str) -> dict[str, str]:
    """What every process of the cluster has."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "JAVA_HOME": str(find_java(None, folder)),
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "128m",
        "PYSPARK_PYTHON": python,
        "PYTHONPATH": str(ROOT),
    }


def submit(made: MadeJob, folder: Path, master: str, seconds: float = 300) -> tuple[int, str]:
    """spark-submit of the task's program, which finds its cluster ready. The exit code and
    the log."""
    folder.mkdir(mode=0o700)
    environment = environment_of(folder, sys.executable) | {
        "REVIEWLENS_SPARK_CLUSTER": "true",
        "REVIEWLENS_WORKERS": "2",
        "REVIEWLENS_LEASE_SECONDS": "3",
        "REVIEWLENS_DATA_DIR": str(folder / "own disk"),
    }
    home = Path(pyspark.__file__).parent
    options = ["--driver-memory", "512m", "--executor-memory", "512m", "--executor-cores", "1"]
    options += ["--conf", f"spark.local.dir={folder}"]
    program = [str(ROOT / "sentiment-pipeline" / "run_all.py"), "--spec", made.uri]
    command = [str(home / "bin" / "spark-submit"), "--master", master, *options, *program]
    log = folder / "task.log"
    with log.open("wb") as output:
        code = subprocess.run(
            command, env=environment, cwd=folder, stdout=output, stderr=output, timeout=seconds, check=False
        ).returncode
    return code, log.read_text()


@pytest.mark.minutes
def test_a_cluster_gives_what_one_machine_gives(done: MadeJob, rows: list[list[str]], tmp_path: Path) -> None:
    made = make_job(tmp_path / "store [shared]", as_csv(rows))
    with cluster(tmp_path / "cluster") as master:
        code, log = submit(made, tmp_path / "driver", master)
    assert code == DONE, log[-3000:]
    assert_same(made, done)
    executors = [path for path in (tmp_path / "cluster").glob("app-*/*") if path.is_dir()]
    assert len(executors) == 2


def test_what_a_clusters_own_program_started_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark import SparkContext

    class Gateway:
        proc = None

    class Session:
        stopped = False
        _instantiatedSession: object = "one"

        def stop(self) -> None:
            type(self).stopped = True

    for name in ("_gateway", "_jvm", "_active_spark_context"):
        monkeypatch.setattr(SparkContext, name, Gateway() if name == "_gateway" else None)
    stop(Session())  # type: ignore[arg-type]
    assert Session.stopped
    assert Session._instantiatedSession is None


def test_a_cluster_with_an_older_spark_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyspark, "__version__", "3.5.5")
    with pytest.raises(ConfigurationError, match=r"Spark 4.*3\.5\.5") as refused:
        cluster_session()
    assert refused.value.code == "spark-too-old"
