"""What holds for all tests: a person's own settings do not reach them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.emulator import Emulator, program, running

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

for _name in [name for name in os.environ if name.startswith("REVIEWLENS_") and name != "REVIEWLENS_SCREENSHOTS"]:
    del os.environ[_name]
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


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
    from reviewlens.settings import Settings
    from reviewlens.spark.session import open_session, stop

    settings = Settings(driver_memory_mb=512, _env_file=None)
    session = open_session(settings, tmp_path_factory.mktemp("spark [session]"), 2)
    yield session
    stop(session)
