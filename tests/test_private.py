"""Private files and folders, under an umask that hides nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewlens.private import PrivateLogHandler, make_private_folder, private_folder, private_opener


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_and_its_missing_parents_are_private(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)
    make_private_folder(tmp_path / "shared" / "a" / "b")
    make_private_folder(tmp_path / "shared" / "a" / "b")
    assert [mode(tmp_path / "shared" / name) for name in ("a", "a/b")] == [0o700] * 2
    assert mode(tmp_path / "shared") == 0o755


def test_a_folder_that_exists_is_closed_to_others(tmp_path):
    (tmp_path / "logs").mkdir(mode=0o755)
    private_folder(tmp_path / "logs")
    private_folder(tmp_path / "logs")
    private_folder(tmp_path / "new")
    assert [mode(tmp_path / name) for name in ("logs", "new")] == [0o700] * 2


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "taken")


def test_a_file_is_private_also_when_an_earlier_version_made_it(tmp_path):
    (tmp_path / "old").write_text("x")
    for name in ("old", "new"):
        with open(tmp_path / name, "ab", opener=private_opener):
            assert mode(tmp_path / name) == 0o600


def test_a_log_stays_private_when_it_is_rotated(tmp_path):
    handler = PrivateLogHandler(tmp_path / "logs" / "some.log", max_bytes=10, backups=2)
    handler.doRollover()
    handler.close()
    assert [mode(path) for path in sorted((tmp_path / "logs").iterdir())] == [0o600] * 2
    assert mode(tmp_path / "logs") == 0o700
