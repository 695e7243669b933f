"""The ./run script itself: what it says when something is missing or mistyped."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "cat", "cksum", "tr", "uname", "sed")


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "run"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_command_it_lists_the_commands() -> None:
    done = _run()
    assert done.returncode == 0
    assert "up " in done.stderr and "analyze FILE" in done.stderr


def test_an_unknown_command_is_named() -> None:
    done = _run("analyse")
    assert done.returncode == 2
    assert "Unknown command: analyse" in done.stderr


def test_without_python_311_it_says_how_to_get_it(tmp_path: Path) -> None:
    for tool in TOOLS:
        where = shutil.which(tool)
        assert where
        (tmp_path / tool).symlink_to(where)
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    done = _run("up", PATH=str(tmp_path), REVIEWLENS_VENV=str(tmp_path / "venv"), REVIEWLENS_PYTHON="")
    assert done.returncode == 1
    assert "needs Python 3.11" in done.stderr
    assert "apt install python3.11-venv" in done.stderr
    assert not (tmp_path / "venv").exists()


# A Python whose environments have a pip that fails.
PYTHON_WITHOUT_PACKAGES = """#!/bin/sh
case "$*" in
    *"-m venv"*) for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
    *"-m pip"*) exit 1 ;;
esac
"""


def test_a_failed_set_up_says_so_and_leaves_no_stamp(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(PYTHON_WITHOUT_PACKAGES)
    python.chmod(0o755)
    done = _run("user", REVIEWLENS_VENV=str(tmp_path / "venv"), REVIEWLENS_PYTHON=str(python))
    assert done.returncode == 1
    assert "again to resume" in done.stderr
    assert (tmp_path / "venv" / "bin" / "python").exists()
    assert not list((tmp_path / "venv").glob(".reviewlens-*"))


def test_the_script_is_plain_posix_sh() -> None:
    dash = shutil.which("dash") or "sh"
    assert subprocess.run([dash, "-n", str(ROOT / "run")], check=False).returncode == 0
