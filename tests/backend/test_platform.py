"""The composition root: one process per data folder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.platform import Platform
from reviewlens.settings import Settings
from tests.backend.conftest import make_site


def test_a_data_folder_is_used_by_one_at_a_time(tmp_path):
    settings = Settings(data_dir=tmp_path)
    first = Platform.from_settings(settings)
    with pytest.raises(ConfigurationError) as taken:
        Platform.from_settings(settings)
    assert taken.value.code == "already-running"
    assert "REVIEWLENS_DATA_DIR" in taken.value.message
    first.close()
    Platform.from_settings(settings).close()


def test_a_platform_that_cannot_be_built_lets_go_of_the_folder(tmp_path):
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "jobs.db").write_bytes(b"no database " * 500)
    with pytest.raises(ConfigurationError) as unusable:
        Platform.from_settings(settings)
    assert unusable.value.code == "database-unusable"
    (tmp_path / "jobs.db").unlink()
    Platform.from_settings(settings).close()


def test_where_users_are_kept_elsewhere_the_local_routes_are_not_there(tmp_path):
    for site in make_site(tmp_path):
        services = site.app.state.services
        site.app.state.services = replace(services, platform=replace(services.platform, local_users=None))
        for answer in (
            site.client.get("/.well-known/jwks.json"),
            site.client.get("/session/start?token=x"),
            site.client.post(
                "/operator/users",
                json={"username": "x"},
                headers={"X-ReviewLens-Operator": services.operator_key},
            ),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not-local")
