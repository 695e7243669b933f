"""The smaller scripts: what they ask other programs to do, and what they say when those say no."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import audit_dependencies
import pytest

from tests.workflows.conftest import ROOT, SCRIPTS


def program(folder: Path, name: str, script: str) -> dict[str, str]:
    """An environment in which `name` is this shell script; the words it was given stand in the file `asked`."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$*" >>"{folder}/asked"\n{script}\n')
    path.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def run(script: str, *words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPTS / script), *words], env=env, capture_output=True, text=True, check=False)


SIZES = 'case "$*" in "image inspect"*backend*) echo 640000000 ;; "image inspect"*) echo 900000000 ;; esac'


def test_images_are_built_by_stage_and_measured(tmp_path: Path) -> None:
    done = run("build_images.sh", "--tag", "abc", "backend", "pipeline", env=program(tmp_path / "bin", "docker", SIZES))
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "bin" / "asked").read_text().splitlines()
    assert [line for line in asked if line.startswith("build ")] == [
        f"build --platform linux/amd64 --target {stage} --label org.opencontainers.image.revision=abc"
        f" --tag reviewlens-{stage}:abc ."
        for stage in ("backend", "pipeline")
    ]
    assert "reviewlens-backend:abc is 640 MB" in done.stderr


def test_images_are_built_for_the_processor_that_is_named(tmp_path: Path) -> None:
    env = program(tmp_path / "bin", "docker", SIZES)
    assert run("build_images.sh", "--platform", "linux/arm64", "backend", env=env).returncode == 0
    assert "build --platform linux/arm64 --target backend" in (tmp_path / "bin" / "asked").read_text()


def test_an_image_that_has_grown_too_large_is_a_failure(tmp_path: Path) -> None:
    done = run("build_images.sh", "frontend", "training", env=program(tmp_path / "bin", "docker", SIZES))
    assert done.returncode == 1
    assert "reviewlens-frontend:local is 900 MB; the limit is 800 MB" in done.stderr
    assert "reviewlens-training:local is 900 MB\n" in done.stderr


def test_a_build_that_fails_is_said_and_the_rest_is_left(tmp_path: Path) -> None:
    done = run("build_images.sh", env=program(tmp_path / "bin", "docker", "exit 7"))
    assert done.returncode == 1
    assert "backend could not be built" in done.stderr
    assert len((tmp_path / "bin" / "asked").read_text().splitlines()) == 1
    assert run("build_images.sh", "nonsense", env=dict(os.environ)).returncode == 2


def test_the_scanner_gets_each_image_as_a_file_and_one_finding_fails_all(tmp_path: Path) -> None:
    script = """
case "$1" in
    save) echo "$4" >"$3" ;;
    run)
        shift 4; while [ "$1" != --volume ]; do shift; done
        work=${2%:/work}
        [ "$(cat "$work/image.tar")" = good:local ] ;;
esac"""
    env = program(tmp_path / "bin", "docker", script)
    assert run("scan_images.sh", "good:local", env=env).returncode == 0
    done = run("scan_images.sh", "bad:local", "good:local", env=env)
    assert done.returncode == 1
    assert "bad:local: there are findings" in done.stderr
    assert "good:local: there" not in done.stderr
    asked = (tmp_path / "bin" / "asked").read_text()
    assert "docker.sock" not in asked
    assert "@sha256:be1190afcb28352bfddc4ddeb71470835d16462af68d310f9f4bca710961a41e image --input" in asked
    assert run("scan_images.sh", env=env).returncode == 2


def test_terraform_that_is_not_formatted_or_not_valid_is_said(tmp_path: Path) -> None:
    for fails, words in (("fmt", "run terraform fmt"), ("init", "could not be downloaded"), ("validate", "not valid")):
        env = program(tmp_path / fails, "terraform", f'case "$*" in *{fails}*) exit 3 ;; esac')
        done = run("check_terraform.sh", env=env)
        assert done.returncode == 1
        assert words in done.stderr
    env = program(tmp_path / "good", "terraform", "")
    assert run("check_terraform.sh", env=env).returncode == 0
    assert (tmp_path / "good" / "asked").read_text().splitlines() == [
        "fmt -check -recursive -diff infra",
        "-chdir=infra init -backend=false -input=false -lockfile=readonly",
        "-chdir=infra validate",
    ]


def test_without_terraform_the_check_says_so(tmp_path: Path) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = run("check_terraform.sh", env={"PATH": str(tmp_path)})
    assert done.returncode == 3
    assert "not installed" in done.stderr


def test_the_compose_smoke_test_shows_the_logs_and_cleans_up_when_it_fails(tmp_path: Path) -> None:
    script = 'case "$*" in *" up "*) exit 4 ;; *" logs "*) echo "the model is missing" ;; esac'
    env = program(tmp_path / "bin", "docker", script)
    done = run("smoke_compose.sh", env={**env, "PYTHON": sys.executable})
    assert done.returncode == 4
    assert "the model is missing" in done.stderr
    assert "down --volumes" in (tmp_path / "bin" / "asked").read_text().splitlines()[-1]


def test_the_compose_smoke_test_wants_httpx_before_it_starts_anything(tmp_path: Path) -> None:
    env = program(tmp_path / "bin", "docker", "")
    program(tmp_path / "other", "bare", "exit 1")
    done = run("smoke_compose.sh", env={**env, "PYTHON": str(tmp_path / "other" / "bare")})
    assert done.returncode == 2
    assert "bare has no httpx" in done.stderr
    assert not (tmp_path / "bin" / "asked").exists()


def test_the_compose_smoke_test_uses_the_product_twice(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    env = program(folder, "docker", 'case "$*" in *" exec "*) echo the-key ;; esac')
    program(
        folder, "py", f'case "$*" in *smoke.py*) echo "$SMOKE_OPERATOR_KEY" >>"{folder}/keys" ;; *) echo pw ;; esac'
    )
    done = run("smoke_compose.sh", env={**env, "PYTHON": "py"})
    assert done.returncode == 0, done.stderr
    asked = (folder / "asked").read_text()
    assert [line for line in asked.splitlines() if "smoke.py" in line] == [
        "scripts/smoke.py --make-user --user smoke",
        "scripts/smoke.py --user smoke",
    ]
    assert (folder / "keys").read_text() == "the-key\nthe-key\n"
    assert asked.count(" up --detach --wait") == 2
    assert asked.splitlines()[-1].endswith("down --volumes --timeout 20")


def test_pins_are_asked_for_as_pypi_knows_them() -> None:
    text = (
        "# made\ntorch==2.13.0+cpu ; sys_platform == 'linux'\ntorch==2.13.0 ; sys_platform != 'linux'\na-b==1 # why\n\n"
    )
    assert audit_dependencies.pins(text) == ["torch==2.13.0", "a-b==1"]
    for name in audit_dependencies.LISTS:
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        assert audit_dependencies.pins("\n".join(lines))


def test_a_known_vulnerability_or_a_look_up_that_failed_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env = program(tmp_path / "bin", "pip-audit", 'case "$*" in *test.txt*) echo "pytest 1 CVE-0" ; exit 1 ;; esac')
    monkeypatch.setenv("PATH", env["PATH"])
    assert audit_dependencies.main(["runtime"]) == 0
    assert audit_dependencies.main(["runtime", "test", "--ignore", "CVE-1"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "pytest 1 CVE-0\n"
    assert "runtime: no known vulnerabilities" in captured.err
    asked = (tmp_path / "bin" / "asked").read_text()
    assert "--strict --disable-pip --no-deps -r" in asked
    assert asked.rstrip().endswith("test.txt --ignore-vuln CVE-1")
    assert audit_dependencies.main(["nothing"]) == 2


def test_pip_audit_takes_what_it_is_given(tmp_path: Path) -> None:
    """Without the internet pip-audit can still read the list: a dry run says how many packages it would look up."""
    found = shutil.which("pip-audit", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if not found:
        pytest.skip("pip-audit is not installed")
    pins = audit_dependencies.pins((ROOT / "requirements" / "training.txt").read_text())
    flat = tmp_path / "training.txt"
    flat.write_text("\n".join(pins) + "\n")
    command = [found, "--strict", "--disable-pip", "--no-deps", "--dry-run", "-r", str(flat)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"would have audited {len(pins)} packages" in done.stdout + done.stderr
