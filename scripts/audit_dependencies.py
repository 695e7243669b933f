#!/usr/bin/env python3
"""Checks pinned packages for known vulnerabilities. Needs pip-audit and the internet."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from common import ROOT, Failure, run, say

LISTS = ("runtime", "test", "training")


def pins(text: str) -> list[str]:
    """The pins of a requirements file without comments, markers and local versions, each once."""
    stripped = (line.partition("#")[0].partition(";")[0].strip() for line in text.splitlines())
    return list(dict.fromkeys(line.partition("+")[0] for line in stripped if "==" in line))


def main(arguments: list[str] | None = None) -> int:
    """Run the script. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Exit codes: 0 none known, 1 some known or a look-up failed, 2 invalid arguments.",
    )
    parser.add_argument("lists", nargs="*", default=list(LISTS), help=f"of requirements/ (default: {' '.join(LISTS)})")
    parser.add_argument("--ignore", action="append", default=[], metavar="ID", help="a vulnerability to ignore")
    options = parser.parse_args(arguments)
    failed = False
    try:
        for name in options.lists:
            path = ROOT / "requirements" / f"{name}.txt"
            if not path.is_file():
                raise Failure(f"there is no list requirements/{name}.txt", 2)
            with tempfile.TemporaryDirectory() as folder:
                flat = Path(folder) / path.name
                flat.write_text("\n".join(pins(path.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
                # Everything is pinned, so nothing is resolved or installed. --strict: a failed look-up is a failure.
                ignored = [word for each in options.ignore for word in ("--ignore-vuln", each)]
                done = run(["pip-audit", "--strict", "--disable-pip", "--no-deps", "-r", str(flat), *ignored])
            say(f"audit_dependencies: {name}: {'findings below' if done.returncode else 'no known vulnerabilities'}")
            if done.returncode:
                failed = True
                sys.stdout.write(done.stdout + done.stderr)
    except Failure as failure:
        say(f"audit_dependencies: {failure}")
        return failure.code
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
