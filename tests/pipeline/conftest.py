"""A finished job for all tests of the pipeline, made by the Spark that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reviewlens.pipeline.runner import DONE, run_spec
from tests.pipeline.make_jobs import MadeJob, as_csv, make_job, review_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def rows() -> list[list[str]]:
    """Reviews with the faults of real files; not to be changed by a test."""
    return review_rows(430)


@pytest.fixture(scope="session")
def done(spark: SparkSession, rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> MadeJob:
    made = make_job(tmp_path_factory.mktemp("a [data] folder"), as_csv(rows))
    assert run_spec(made.uri, made.settings, session=spark) == DONE
    return made
