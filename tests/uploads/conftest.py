"""An upload service, and the job service that uses its uploads."""

from __future__ import annotations

import pytest

from tests.jobs.conftest import job_harness


@pytest.fixture
def harness(tmp_path):
    with job_harness(tmp_path) as harness:
        yield harness
