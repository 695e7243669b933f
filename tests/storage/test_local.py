"""The store in a folder: the contract, atomic writes, concurrent processes and translated errors."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewlens.errors import ConfigurationError, ConflictError, InputError, ReviewLensError, TransientError
from reviewlens.storage import local
from reviewlens.storage.disk import check_free_space
from reviewlens.storage.factory import store_for_uri
from reviewlens.storage.interface import ObjectStore
from reviewlens.storage.local import LocalObjectStore
from tests.storage.contract import ObjectStoreContract, keys_under


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "a folder %")


class TestLocalObjectStore(ObjectStoreContract):
    """The contract."""


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if ".store" not in path.parts)


def test_uri_leads_back_to_the_store(store: LocalObjectStore) -> None:
    store.put("ä b/c#1", b"x")
    uri = store.uri("ä b/c#1")
    assert uri.startswith("file:///")
    assert " " not in uri
    again = store_for_uri(uri[: -len("/%C3%A4%20b/c%231")])
    assert again.get("ä b/c#1") == b"x"
    plain = store_for_uri(str(store.root))
    assert plain.get("ä b/c#1") == b"x"


@pytest.mark.parametrize("uri", ["ftp://x/y", "file://elsewhere/x"])
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="file:///folder"):
        store_for_uri(uri)


def test_deleting_prunes_empty_folders_only(store: LocalObjectStore) -> None:
    store.put("a/b/c/1", b"")
    store.put("a/2", b"")
    store.delete("a/b/c/1")
    assert files_below(store.root) == ["a", "a/2"]
    store.delete_prefix("a/")
    assert files_below(store.root) == []
    assert store.root.is_dir()


def test_fetch_is_the_object_itself(store: LocalObjectStore, tmp_path: Path) -> None:
    store.put("a/b", b"x")
    assert store.fetch("a/b", tmp_path) == store.root / "a" / "b"
    assert store.fetch_prefix("a/", tmp_path) == store.root / "a"


def test_put_file_moves_the_file(store: LocalObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    store.put_file(path, "k")
    assert not path.exists()


def test_a_name_is_a_file_or_a_folder(store: LocalObjectStore) -> None:
    store.put("a/b", b"")
    with pytest.raises(InputError, match="both an object and a folder"):
        store.put("a", b"")
    with pytest.raises(InputError, match="both an object and a folder"):
        store.put("a/b/c", b"")
    assert keys_under(store, "") == ["a/b"]
    assert os.listdir(store.root / ".store" / "tmp") == []


def test_old_temporary_files_of_killed_writers_are_removed(store: LocalObjectStore) -> None:
    folder = store.root / ".store" / "tmp"
    for name, age in (("old", 90_000), ("fresh", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    LocalObjectStore(store.root)
    assert os.listdir(folder) == ["fresh"]


def test_a_temporary_file_that_another_process_removes_first_is_ignored(
    store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.root / ".store" / "tmp"
    (folder / "old").write_bytes(b"")
    os.utime(folder / "old", (0, 0))

    def gone(path: Path) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone", str(path))

    monkeypatch.setattr(Path, "unlink", gone)
    LocalObjectStore(store.root)


def test_an_object_deleted_during_listing_is_skipped(store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("a", "b", "c"):
        store.put(key, b"")
    listing = store.list("")
    assert next(listing).key == "a"
    store.delete("b")
    assert [info.key for info in listing] == ["c"]


def _create(root: str, number: int, results: multiprocessing.Queue[int]) -> None:
    try:
        LocalObjectStore(Path(root)).put("one", str(number).encode(), if_none_match=True)
        results.put(number)
    except ConflictError:
        results.put(-1)


def _count(root: str, times: int) -> None:
    store = LocalObjectStore(Path(root))
    for _ in range(times):
        while True:
            info = store.head("n")
            assert info is not None
            value = int(store.get("n"))
            try:
                store.put("n", str(value + 1).encode(), if_match=info.etag)
                break
            except ConflictError:
                continue


def _run_all(processes: list[multiprocessing.process.BaseProcess]) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


def test_of_many_processes_one_creates_the_object(store: LocalObjectStore) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int] = context.Queue()
    _run_all([context.Process(target=_create, args=(str(store.root), n, results)) for n in range(4)])
    winners = [number for number in (results.get(timeout=5) for _ in range(4)) if number >= 0]
    assert len(winners) == 1
    assert int(store.get("one")) == winners[0]


def test_no_conditional_update_is_lost_between_processes(store: LocalObjectStore) -> None:
    store.put("n", b"0")
    context = multiprocessing.get_context("spawn")
    _run_all([context.Process(target=_count, args=(str(store.root), 25)) for _ in range(3)])
    assert store.get("n") == b"75"


def _churn(root: str, name: str) -> None:
    store = LocalObjectStore(Path(root))
    for number in range(150):
        store.put(f"deep/er/{name}", str(number).encode())
        assert store.get(f"deep/er/{name}") == str(number).encode()
        store.delete(f"deep/er/{name}")


def test_pruning_a_folder_never_breaks_a_write_into_it(store: LocalObjectStore) -> None:
    context = multiprocessing.get_context("spawn")
    _run_all([context.Process(target=_churn, args=(str(store.root), name)) for name in ("x", "y", "z")])
    assert files_below(store.root) == []


def test_a_killed_writer_leaves_the_old_object(store: LocalObjectStore) -> None:
    store.put("k", b"old")
    code = (
        "import sys, time; from pathlib import Path; from reviewlens.storage.local import LocalObjectStore\n"
        "def parts():\n"
        "    yield b'new' * 1000000\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
        "LocalObjectStore(Path(sys.argv[1])).put('k', parts())\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"half\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert store.get("k") == b"old"
    assert keys_under(store, "") == ["k"]


@pytest.mark.parametrize(
    ("number", "error", "code"),
    [
        (errno.ENOSPC, TransientError, "disk-full"),
        (errno.EDQUOT, TransientError, "disk-full"),
        (errno.EACCES, ConfigurationError, "storage-not-permitted"),
        (errno.EROFS, ConfigurationError, "storage-not-permitted"),
        (errno.EIO, TransientError, "storage-failed"),
    ],
)
def test_operating_system_errors_are_translated(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, number: int, error: type[ReviewLensError], code: str
) -> None:
    store.put("k", b"old")

    def failing_sync(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(local.os, "fsync", failing_sync)
    with pytest.raises(error) as caught:
        store.put("k", b"new")
    monkeypatch.undo()
    assert caught.value.code == code
    assert store.get("k") == b"old"


def test_a_folder_that_keeps_vanishing_is_finally_an_error(
    store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(path: Path, target: Path) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone", str(path))

    monkeypatch.setattr(Path, "replace", never)
    with pytest.raises(TransientError):
        store.put("a/b", b"")


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_only_the_owner_can_read_objects_and_folders(tmp_path: Path) -> None:
    (tmp_path / "objects" / ".store").mkdir(parents=True, mode=0o777)  # as an earlier version made it
    (tmp_path / "moved").write_bytes(b"x")
    store = LocalObjectStore(tmp_path / "objects")
    store.put("uploads/u/1/original", b"x")
    store.put("uploads/u/1/original", [b"new ", b"content"])
    store.put_file(tmp_path / "moved", "output/u/2/served.csv")
    store.copy("output/u/2/served.csv", "output/u/served.csv")
    below = [tmp_path / "objects", *(tmp_path / "objects").rglob("*")]
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in below if path.name != ".store"}
    assert len(modes) > 10
    for name, mode in modes.items():
        assert mode == (0o700 if (tmp_path / name).is_dir() else 0o600), name


def test_a_full_disk_is_an_error_of_ours_also_when_the_file_is_closed(
    store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_a_full_disk(path: Path, mode: str = "r", **options: Any) -> Any:
        return open("/dev/full", "wb") if mode == "xb" else open(path, mode, **options)

    with monkeypatch.context() as patch:
        patch.setattr(local, "open", on_a_full_disk, raising=False)
        for content in (b"small enough for the buffer", bytes(1 << 20)):
            with pytest.raises(TransientError) as caught:
                store.put("k", content)
            assert caught.value.code == "disk-full"
    assert store.head("k") is None


def test_free_space_is_checked(tmp_path: Path) -> None:
    check_free_space(tmp_path, 1)
    with pytest.raises(TransientError) as caught:
        check_free_space(tmp_path, 1 << 60)
    assert caught.value.code == "disk-full"
    with pytest.raises(TransientError):
        check_free_space(tmp_path / "missing", 1)
