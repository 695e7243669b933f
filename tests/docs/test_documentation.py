"""What exists must be in the docs: settings, commands, output columns, rooms."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import typer.main

from reviewlens.cli import app
from reviewlens.contracts.outputs import (
    NORMALISED_COLUMNS,
    OUTPUT_COLUMNS,
    PROCESSED_COLUMNS,
    REJECTED_COLUMNS,
    names,
)
from reviewlens.settings import Settings

ROOT = Path(__file__).parents[2]


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_stands_in_the_configuration_page_with_its_default(name: str) -> None:
    line = re.search(rf"^\| `REVIEWLENS_{name.upper()}` \| `(.*?)` \| (.+) \|$", _read("docs/configuration.md"), re.M)
    assert line, f"docs/configuration.md says nothing of REVIEWLENS_{name.upper()}"
    field = Settings.model_fields[name]
    default = {"": "(empty)", None: "(empty)"}.get(field.default, field.default)
    assert line[1] == (str(default).lower() if isinstance(default, bool) else str(default))
    assert line[2] == field.description


def test_generated_files_are_current_and_a_stale_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = runpy.run_path(str(ROOT / "scripts" / "generate.py"))
    assert generator["main"](["--check"]) == 0, "run ./run generate"
    monkeypatch.setattr(Settings.model_fields["host"], "description", "Something else.")
    assert generator["main"](["--check"]) == 1


def test_the_configuration_page_names_no_setting_that_is_gone() -> None:
    named = set(re.findall(r"^\| `REVIEWLENS_([A-Z0-9_]+)`", _read("docs/configuration.md"), re.M))
    assert named == {name.upper() for name in Settings.model_fields}


def test_every_command_stands_in_the_readme_and_in_the_usage() -> None:
    group = typer.main.get_command(app)
    commands = set(group.commands) | {"test", "check", "generate", "train"}  # type: ignore[attr-defined]
    usage, readme = _read("run"), _read("README.md")
    for command in commands:
        assert re.search(rf"^  {command}\b", usage, re.M), f"./run help does not list {command}"
        assert f"./run {command}" in readme, f"README does not show ./run {command}"


def test_every_output_column_stands_in_the_outputs_page() -> None:
    page = _read("docs/outputs.md")
    for name in names(OUTPUT_COLUMNS + NORMALISED_COLUMNS + REJECTED_COLUMNS + PROCESSED_COLUMNS):
        assert f"`{name}`" in page, f"docs/outputs.md does not describe {name}"


def test_every_room_stands_in_the_architecture_page() -> None:
    page = _read("docs/architecture.md")
    rooms = {path.parent.name for path in (ROOT / "reviewlens").glob("*/__init__.py")}
    for room in rooms:
        assert f"`{room}/`" in page, f"docs/architecture.md does not name {room}/"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), ROOT / "deploy" / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}, which is not there"
