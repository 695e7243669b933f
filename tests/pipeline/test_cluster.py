"""A job on a Spark cluster: separate processes that share the store with the task and nothing of its disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from reviewlens.pipeline.java import find_java
from reviewlens.pipeline.runner import DONE
from reviewlens.pipeline.session import stop
from tests.pipeline.kit import ROOT, MadeJob, as_csv, assert_same, make_job


def submit(made: MadeJob, folder: Path, master: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """What EMR Serverless does: spark-submit of the task's program, which finds its cluster ready."""
    home = Path(pyspark.__file__).parent
    folder.mkdir(exist_ok=True)
    environment = {
        **made.environment(**changes),
        "REVIEWLENS_SPARK_CLUSTER": "true",
        "REVIEWLENS_DATA_DIR": str(folder / "own disk"),
        "JAVA_HOME": str(find_java(None, folder)),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    options = ["--driver-memory", "512m", "--executor-memory", "512m", "--conf", f"spark.local.dir={folder}"]
    program = [str(ROOT / "sentiment-pipeline" / "run_all.py"), "--spec", made.uri]
    return subprocess.run(
        [str(home / "bin" / "spark-submit"), "--master", master, *options, *program],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_cluster_gives_what_one_machine_gives(done: MadeJob, rows: list[list[str]], tmp_path: Path) -> None:
    made = make_job(tmp_path / "store [shared]", as_csv(rows))
    ran = submit(made, tmp_path / "driver", "local-cluster[2,1,1024]")
    assert ran.returncode == DONE, ran.stderr[-3000:]
    assert_same(made, done)


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
