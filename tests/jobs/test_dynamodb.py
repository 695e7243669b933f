"""The DynamoDB job table: the contract, over HTTP against the emulator, and what several processes rely on."""

from __future__ import annotations

import pytest

from tests.jobs.contract import JobTableContract
from tests.jobs.tables import new_table


class TestContract(JobTableContract):
    @pytest.fixture
    def table(self, aws):
        return new_table()
