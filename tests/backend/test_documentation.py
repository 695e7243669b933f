"""docs/api.md against the routes, codes and limits that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from backend.web import problems
from reviewlens.settings import Settings
from tests.backend.test_who_may_what import BY_OPERATOR_KEY, OPEN, ROUTES

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "api.md").read_text()
BY_HAND_ONLY = {"training", "evaluation", "release"}
"""Rooms whose code is run by hand: their codes never come over HTTP."""


def written_codes() -> set[str]:
    """Every `code=` and `default_code =`, and the error codes of outcomes and answers that are tables."""
    trees = [
        ast.parse(path.read_text())
        for folder in ("reviewlens", "backend")
        for path in (REPOSITORY / folder).rglob("*.py")
        if path.parent.name not in BY_HAND_ONLY
    ]
    constants = {
        node.targets[0].id: node.value.value
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    found = set(problems._CODE_BY_STATUS.values()) | set(problems._STATUS_BY_CODE)
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            values = [word.value for word in node.keywords if word.arg == "code"]
            if getattr(node.func, "id", "") in ("Outcome", "problem"):
                values += node.args[1:3]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "default_code":
            values = [node.value]
        else:
            continue
        for value in values:
            code = constants.get(value.id) if isinstance(value, ast.Name) else getattr(value, "value", None)
            if isinstance(code, str) and re.fullmatch("[a-z0-9-]+", code):
                found.add(code)
    return found


def documented_codes() -> set[str]:
    tables = PAGE.split("### About the request", 1)[1]
    first_cells = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]
    return {code for cell in first_cells for code in re.findall(r"`([a-z0-9-]+)`", cell)}


def test_every_route_is_documented_and_no_other():
    documented = {tuple(found.split(" ", 1)) for found in re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE, re.M)}
    assert documented == set(ROUTES)


def test_what_a_route_needs_is_documented():
    for method, path in ROUTES:
        (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{method} {path}` |")]
        assert ("*open.*" in line) == ((method, path) in OPEN | {("GET", "/.well-known/jwks.json")}), line
        assert ("*operator key.*" in line) == ((method, path) in BY_OPERATOR_KEY), line


def test_every_code_is_documented_and_no_other():
    written = written_codes()
    assert len(written) > 80
    assert written - documented_codes() == set()
    assert documented_codes() - written == set()


def test_named_settings_exist():
    named = set(re.findall(r"REVIEWLENS_([A-Z_]+)", PAGE))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
