"""The composition root and the worker: any number of platforms per data folder, one worker."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.lazy import lazy
from reviewlens.platform import Platform
from reviewlens.settings import Settings
from reviewlens.worker import Worker
from tests.backend.conftest import make_backend_app


def test_a_data_folder_has_one_worker_at_a_time(tmp_path):
    settings = Settings(data_dir=tmp_path)
    first, second = Platform.from_settings(settings), Platform.from_settings(settings)
    worker = Worker(first)
    with pytest.raises(ConfigurationError) as taken:
        Worker(second)
    assert taken.value.code == "already-running"
    assert "REVIEWLENS_DATA_DIR" in taken.value.message
    worker.close()
    Worker(second).close()
    first.close()
    second.close()


def test_two_platforms_share_a_data_folder(tmp_path):
    settings = Settings(data_dir=tmp_path)
    first, second = Platform.from_settings(settings), Platform.from_settings(settings)
    user = first.local_users.ensure_user("ana")
    assert second.local_users.ensure_user("ana") == user
    token = second.local_users.redeem(first.local_users.login_link_token("ana")).access_token
    assert first.identity.verify(token) == user
    first.store.put("key", b"value")
    assert second.store.get("key") == b"value"
    assert first.jobs.page(user.subject) == second.jobs.page(user.subject)
    first.close()
    assert second.local_users.ensure_user("ana") == user
    second.close()


def test_a_worker_that_cannot_start_releases_the_folder(tmp_path):
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "jobs.db").write_bytes(b"no database " * 500)
    platform = Platform.from_settings(settings)
    with pytest.raises(ConfigurationError) as unusable:
        Worker(platform)
    assert unusable.value.code == "database-unusable"
    (tmp_path / "jobs.db").unlink()
    Worker(platform).close()
    platform.close()


def test_a_platform_opens_only_what_is_used(tmp_path):
    platform = Platform.from_settings(Settings(data_dir=tmp_path / "data"))
    assert not (tmp_path / "data").exists()
    platform.store.put("key", b"value")
    assert set(vars(platform)) & {"store", "table", "identity", "launcher", "jobs", "uploads"} == {"store"}
    assert not (tmp_path / "data" / "jobs.db").exists()
    platform.close()


def test_a_platform_that_was_closed_opens_again(tmp_path):
    platform = Platform.from_settings(Settings(data_dir=tmp_path))
    user = platform.local_users.ensure_user("ana")
    platform.close()
    assert platform.local_users.ensure_user("ana") == user
    assert platform.jobs.page("ana").jobs == []
    platform.close()


def test_what_several_threads_ask_for_at_once_is_made_once():
    made = []
    together = threading.Barrier(8)

    class Holder:
        @lazy
        def part(self) -> object:
            time.sleep(0.02)  # long enough for every thread to arrive
            made.append(object())
            return made[-1]

    holder = Holder()

    def ask(_: int) -> object:
        together.wait(30)
        return holder.part

    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(ask, range(8)))
    assert parts == made * 8
    assert Holder().part is not holder.part


def test_what_could_not_be_made_is_tried_again():
    class Holder:
        failures = 1

        @lazy
        def part(self) -> str:
            """A part."""
            if self.failures:
                self.failures -= 1
                raise ConfigurationError("not now")
            return "made"

    holder = Holder()
    with pytest.raises(ConfigurationError):
        _ = holder.part
    assert holder.part == "made"
    assert Holder.part.__doc__ == "A part."


def test_where_users_are_kept_elsewhere_the_local_routes_are_not_there(tmp_path):
    for backend_app in make_backend_app(tmp_path):
        services = backend_app.app.state.services
        vars(services.platform)["local_users"].close()
        vars(services.platform)["local_users"] = None
        for answer in (
            backend_app.client.get("/.well-known/jwks.json"),
            backend_app.client.get("/session/start?token=x"),
            backend_app.client.post(
                "/operator/users",
                json={"username": "x"},
                headers={"X-ReviewLens-Operator": services.operator_key},
            ),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not-local")
