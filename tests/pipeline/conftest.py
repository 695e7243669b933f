"""One Spark for all tests of the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from reviewlens.pipeline.runner import DONE, run_spec
from reviewlens.pipeline.session import open_session, stop
from reviewlens.settings import Settings
from tests.pipeline.kit import MadeJob, as_csv, make_job, review_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    settings = Settings(driver_memory_mb=512, _env_file=None)
    session = open_session(settings, tmp_path_factory.mktemp("spark [session]"), 2)
    yield session
    stop(session)


@pytest.fixture(scope="session")
def rows() -> list[list[str]]:
    """Reviews with the faults of real files; not to be changed by a test."""
    return review_rows(430)


@pytest.fixture(scope="session")
def done(spark: SparkSession, rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> MadeJob:
    made = make_job(tmp_path_factory.mktemp("a [data] folder"), as_csv(rows))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    return made
