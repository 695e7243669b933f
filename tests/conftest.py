"""What holds for all tests: a person's own settings do not reach them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from reviewlens.settings import Settings
from tests.emulator import Emulator, program, running
from tests.shared_spark import SharedSparkTasks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

for _name in [name for name in os.environ if name.startswith("REVIEWLENS_") and name != "REVIEWLENS_SCREENSHOTS"]:
    del os.environ[_name]
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# Tiny models gain nothing from a second thread, and on a busy machine threads that wait for each other lose much time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine makes a test slow, not wrong.
hypothesis.settings.register_profile(
    "no-deadline", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One AWS emulator for all tests that need no own; what a test makes there it gives a name of its own."""
    if program() is None:
        pytest.skip("no AWS emulator is installed; ./run test installs it")
    with running(tmp_path_factory.mktemp("emulator")) as started:
        yield started


@pytest.fixture
def aws(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The same, with this process's AWS clients pointed at it."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    return emulator


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One Spark for all tests that run jobs in this process: its start and its first job take as long as ten others."""
    from reviewlens.spark.session import open_session, stop

    settings = Settings(driver_memory_mb=512, _env_file=None)
    session = open_session(settings, tmp_path_factory.mktemp("spark [session]"), 2)
    yield session
    stop(session)


@pytest.fixture(scope="session")
def shared_spark_tasks(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSparkTasks]:
    """Runs the jobs of tests whose subject is not the task's own process."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("tasks"), workers=1, lease_seconds=3, _env_file=None)
    tasks = SharedSparkTasks(settings, spark, tmp_path_factory.mktemp("w"))
    yield tasks
    tasks.close()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where bundles are unpacked, once for all tests."""
    return tmp_path_factory.mktemp("unpacked")


@pytest.fixture(scope="session")
def make_texts() -> Callable[[int], list[str]]:
    """Distinct review-like texts of very different lengths."""
    things = ("kettle", "phone", "lamp", "pair of boots", "blender", "novel", "charger", "tent")
    views = (
        "I like this {0} a lot, it arrived in {1} days and works.",
        "The {0} broke after {1} days. Never again.",
        "Not sure about the {0}; number {1} on my list, neither good nor bad.",
        "Five of {1} friends bought the {0} after seeing mine!",
        "Terrible {0}: loud, ugly, and {1} times too expensive.",
    )

    def make(count: int) -> list[str]:
        texts = []
        for index in range(count):
            sentence = views[index % len(views)].format(things[index % len(things)], index)
            more = views[(index * 7 + 1) % len(views)].format(things[(index * 3) % len(things)], index + 1)
            texts.append(" ".join([sentence, *[more] * (index * index % 23 if index % 9 == 0 else index % 4)]))
        return texts

    return make
