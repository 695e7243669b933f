"""docs/security.md names tests as proof: they must be there, and each control must have one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_test_that_the_page_names_exists() -> None:
    assert len(set(NAMED)) >= 60
    missing = [f"{path}::{name}" for path, name in NAMED if not (ROOT / path).exists() or name not in names_in(path)]
    assert missing == []


def test_nothing_else_on_the_page_looks_like_a_test() -> None:
    assert len(re.findall(r"test_\w+`|tests/[\w/.]+`", PAGE)) == len(NAMED)


def test_every_control_names_its_proof() -> None:
    """Each row of each table whose last column is headed 'test'."""
    rows, inside = [], False
    for line in PAGE.splitlines():
        if re.fullmatch(r"\|.*\| test \|", line):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            rows.append(line)
    assert len(rows) >= 50
    assert [row for row in rows if "::test_" not in row.rsplit("|", 2)[1]] == []


def test_the_ten_risks_are_all_there() -> None:
    assert re.findall(r"^\*\*API(\d+), ", PAGE, re.M) == [str(number) for number in range(1, 11)]
