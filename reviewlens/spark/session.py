"""Spark sessions: started in the background, without logs, and stopped with all their processes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import reviewlens
from reviewlens.errors import ConfigurationError, TransientError
from reviewlens.settings import Settings
from reviewlens.spark.java import find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

# Spark's own log would contain the text of a failing row; failures reach us as exceptions.
_QUIET = """\
appender.none.type = Null
appender.none.name = none
rootLogger.level = off
rootLogger.appenderRef.none.ref = none
"""
_FOREIGN = ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_REMOTE", "HADOOP_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "SPARK_MASTER")


class Spark:
    """A session that `start` opens in the background, or `get` at once; `close` stops its JVM and workers."""

    def __init__(
        self, settings: Settings, scratch: Path, workers: int, batch_rows: int, session: SparkSession | None = None
    ) -> None:
        self._settings = settings
        self._scratch = scratch
        self._workers = workers
        self._batch_rows = batch_rows
        self._session = session
        self._lent = session is not None
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start in the background, unless it has started already."""
        if self._thread is None and self._session is None:
            self._thread = threading.Thread(target=self._open, name="spark-start", daemon=True)
            self._thread.start()

    def get(self) -> SparkSession:
        """The session, once it has started. Errors: ConfigurationError (no Java), TransientError."""
        self.start()
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._session is not None
        self._session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(self._batch_rows))
        return self._session

    def close(self) -> None:
        """Stop the session, if it was started here, and wait until its processes have ended."""
        if self._thread is not None:
            self._thread.join()
        if self._session is None or self._lent:
            return
        session, self._session, self._thread = self._session, None, None
        stop(session)

    def _open(self) -> None:
        try:
            opened = cluster_session() if self._settings.spark_cluster else None
            self._session = opened or open_session(self._settings, self._scratch, self._workers)
        except BaseException as error:  # noqa: BLE001 - raised by `get`
            self._error = error


_COMMON = {
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.artifact.isolation.enabled": "false",
    "spark.python.worker.reuse": "true",
}
"""Options that output or speed depends on, wherever Spark runs."""


def cluster_session() -> SparkSession:
    """The session of the cluster that this process was submitted to; the cluster sets its size and address.

    Errors: ConfigurationError (`spark-too-old`) for a Spark before 4, which cannot return Arrow tables; TransientError.
    """
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    import pyspark
    from pyspark.sql import SparkSession

    if int(pyspark.__version__.split(".")[0]) < 4:
        raise ConfigurationError(
            f"A job needs Spark 4, but this cluster has {pyspark.__version__}; choose a newer release.",
            code="spark-too-old",
        )
    return _open(SparkSession.builder.appName("reviewlens"), _COMMON)


def open_session(settings: Settings, scratch: Path, workers: int) -> SparkSession:
    """A local session with `workers` task slots and all its files under `scratch`."""
    # Spark warns about the newest pandas, which is not used here.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    import pyspark
    from pyspark.sql import SparkSession

    for name in _FOREIGN:
        os.environ.pop(name, None)
    for folder in ("spark", "tmp"):
        (scratch / folder).mkdir(parents=True, exist_ok=True)
    quiet = scratch / "log4j2.properties"
    quiet.write_text(_QUIET)
    os.environ.update(
        JAVA_HOME=str(find_java(settings.java_home, scratch)),
        SPARK_HOME=str(Path(pyspark.__file__).parent),
        SPARK_LOCAL_IP="127.0.0.1",
        PYSPARK_PYTHON=sys.executable,
        PYSPARK_DRIVER_PYTHON=sys.executable,
    )
    java_options = (
        f'-Dlog4j2.configurationFile="{quiet.as_uri()}" -Djava.io.tmpdir="{scratch / "tmp"}" '
        "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    )
    options = {
        "spark.driver.memory": f"{settings.driver_memory_mb}m",
        "spark.driver.extraJavaOptions": java_options,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(scratch / "spark"),
        "spark.hadoop.fs.defaultFS": "file:///",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.ui.enabled": "false",
        # A job here is thousands of small Spark jobs, whose history must not fill the memory.
        "spark.ui.retainedJobs": "20",
        "spark.ui.retainedStages": "20",
        "spark.ui.retainedTasks": "200",
        "spark.sql.ui.retainedExecutions": "5",
        "spark.sql.shuffle.partitions": "16",
        # One thread a worker: more would compete for the same processors.
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        "spark.executorEnv.TOKENIZERS_PARALLELISM": "false",
        "spark.executorEnv.PYTHONWARNINGS": "ignore",
        "spark.executorEnv.PYTHONPATH": str(Path(reviewlens.__file__).resolve().parents[1]),
    }
    return _open(SparkSession.builder.master(f"local[{workers}]").appName("reviewlens"), {**options, **_COMMON})


def _open(builder: SparkSession.Builder, options: dict[str, str]) -> SparkSession:
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except Exception as error:
        raise TransientError(
            "Spark could not be started; check that enough memory and disk space are free.", code="spark-failed"
        ) from error


def stop(session: SparkSession) -> None:
    """Stop a session, its JVM and its Python workers, and wait until they have ended."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    try:
        session.stop()
    except Exception:  # noqa: BLE001 - a dead JVM cannot be stopped properly
        log.info("Spark had already stopped")
    with SparkContext._lock:
        SparkContext._gateway = None
        SparkContext._jvm = None
        SparkContext._active_spark_context = None
    type(session)._instantiatedSession = None
    if gateway is None:
        return
    process = gateway.proc
    if process is None:  # started by the cluster, which ends it
        return
    try:
        gateway.shutdown()
        process.stdin.close()
        process.wait(timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
