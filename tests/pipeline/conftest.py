"""One Spark for all tests of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from reviewlens.pipeline.session import open_session, stop
from reviewlens.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    settings = Settings(driver_memory_mb=512, _env_file=None)
    session = open_session(settings, tmp_path_factory.mktemp("spark [session]"), 2)
    yield session
    stop(session)
