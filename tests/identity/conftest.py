"""An AWS emulator that checks credentials, flows and codes as AWS does, for the tests of the Cognito adapter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cognito import Pool, code_flow, make_pool
from tests.emulator import Emulator, program, running
from tests.identity.cognito_app import UI


@pytest.fixture(scope="package")
def strict_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if program() is None:
        pytest.skip("no AWS emulator is installed; ./run test installs it")
    with running(tmp_path_factory.mktemp("strict-emulator"), AUTH="true") as started:
        yield started


@pytest.fixture(scope="package")
def pool(strict_emulator: Emulator) -> Pool:
    """A user pool that the tests share; each test uses its own user names."""
    return make_pool(strict_emulator, **code_flow(UI, UI))
