"""Images into ECR on the AWS emulator: with a real Docker engine, and with a stand-in for its command."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import push_images
import pytest

from tests.workflows.conftest import Installation

# What `docker` is asked for, done on the emulator: a push makes a manifest in ECR, an inspection tells its digest.
DOCKER = """#!{python}
import hashlib, json, sys
state = "{state}"
with open(state, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
def parts(reference):
    repository, _, tag = reference.rpartition(":")
    return repository.partition("/")[2], tag, json.dumps({{"schemaVersion": 2, "of": reference}})
match sys.argv[1:]:
    case ["login", "--username", "AWS", "--password-stdin", registry]:
        assert sys.stdin.read()
    case ["tag", local, remote]:
        pass
    case ["push", "--quiet", remote]:
        repository, tag, manifest = parts(remote)
        if tag == "{refused}":
            sys.exit("denied: no basic auth credentials")
        import boto3

        boto3.client("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
    case ["image", "inspect", "--format", "{{{{json .RepoDigests}}}}", remote]:
        repository, tag, manifest = parts(remote)
        print(json.dumps([remote.rpartition(":")[0] + "@sha256:" + hashlib.sha256(manifest.encode()).hexdigest()]))
    case ["image", "inspect", "--format", "{{{{.Os}}}}/{{{{.Architecture}}}}", local]:
        print("{platform}")
    case _:
        sys.exit(f"not asked for: {{sys.argv}}")
"""


@pytest.fixture
def docker(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` before all others on PATH; what it was asked stands in the file that is returned."""
    return _docker(installation, monkeypatch)


def _docker(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, *, refused: str = "", platform: str = "linux/amd64"
) -> Path:
    folder = installation.folder / "bin"
    folder.mkdir(exist_ok=True)
    asked = installation.folder / "asked.jsonl"
    program = folder / "docker"
    program.write_text(DOCKER.format(python=sys.executable, state=asked, refused=refused, platform=platform))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return asked


def run(installation: Installation, tag: str, *more: str) -> int:
    return push_images.main(["--deployment", installation.file, "--tag", tag, *more])


def test_what_is_printed_is_by_digest_and_what_ecr_has(
    installation: Installation, docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(installation, "0123abc") == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["backend", "frontend", "pipeline"]
    for name, reference in printed.items():
        uri = installation.deployment["repositories"][name]
        repository = uri.partition("/")[2]
        (found,) = installation.ecr.describe_images(repositoryName=repository)["imageDetails"]
        assert reference == f"{uri}@{found['imageDigest']}"
        assert found["imageTags"] == ["0123abc"]
    asked = [json.loads(line) for line in docker.read_text().splitlines()]
    assert [words[0] for words in asked].count("login") == 1
    assert [
        "tag",
        "reviewlens-backend:0123abc",
        f"{installation.deployment['repositories']['backend']}:0123abc",
    ] in asked


def test_the_same_commit_again_pushes_nothing_and_prints_the_same(
    installation: Installation, docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(installation, "0123abc") == 0
    first = capsys.readouterr().out
    docker.unlink()
    out = installation.folder / "images.json"
    assert run(installation, "0123abc", "--out", str(out)) == 0
    assert out.read_text() == first
    assert not docker.exists()
    assert run(installation, "0123abc", "--look-up") == 0
    assert capsys.readouterr().out == first


def test_an_image_for_another_processor_is_not_pushed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = _docker(installation, monkeypatch, platform="linux/arm64")
    assert run(installation, "0123abc") == 2
    printed = capsys.readouterr().err
    assert "built for linux/arm64, and the task definitions run linux/amd64" in printed
    assert "scripts/build_images.sh --platform linux/amd64" in printed
    assert '"push"' not in asked.read_text()
    installation.deployment["platform"] = "linux/arm64"
    assert run(installation, "0123abc") == 0, capsys.readouterr().err


def test_looking_up_a_version_that_was_never_pushed_is_refused(
    installation: Installation, docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(installation, "0123abc", "--look-up") == 2
    assert "The registry has no" in capsys.readouterr().err
    assert not docker.exists()


def test_a_refused_push_says_what_docker_said(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _docker(installation, monkeypatch, refused="0123abc")
    assert run(installation, "0123abc") == 1
    captured = capsys.readouterr()
    assert "no basic auth credentials" in captured.err
    assert captured.out == ""


def test_somebody_elses_image_under_our_tag_is_noticed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = _docker(installation, monkeypatch)
    program = installation.folder / "bin" / "docker"
    program.write_text(program.read_text().replace("hashlib.sha256(manifest", "hashlib.sha256(b'x' + manifest"))
    assert run(installation, "0123abc") == 1
    assert "another image was pushed with the same tag" in capsys.readouterr().err
    assert asked.exists()


@pytest.mark.parametrize("tag", ["", "a b", "$(id)", "../x", "-x", "x" * 129])
def test_what_cannot_be_a_tag_is_refused_before_anything_is_asked(
    tag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push_images.main(["--deployment", str(tmp_path / "none"), f"--tag={tag}"]) == 2
    assert "is not a valid image tag" in capsys.readouterr().err


def test_a_repository_that_is_missing_is_said(
    installation: Installation, docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installation.deployment["repositories"]["frontend"] += "-2"
    assert run(installation, "0123abc") == 1
    assert "RepositoryNotFoundException" in capsys.readouterr().err
    assert docker.exists()


def _engine() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def test_a_real_engine_pushes_to_the_registry(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    if not _engine():
        pytest.skip("no Docker engine is running on this machine")
    tag = uuid.uuid4().hex
    layer = installation.folder / "layer"
    layer.mkdir()
    (layer / "file").write_text(tag)
    for name in ("backend", "frontend", "pipeline"):
        (layer / "Dockerfile").write_text(f"FROM scratch\nLABEL part={name}\nCOPY file /\n")
        subprocess.run(["docker", "build", "--quiet", "--tag", f"try-{name}:{tag}", str(layer)], check=True)
    try:
        assert run(installation, tag, "--prefix", "try-") == 0
        printed = json.loads(capsys.readouterr().out.splitlines()[-1])
        for name, reference in printed.items():
            repository = installation.deployment["repositories"][name].partition("/")[2]
            (image,) = installation.ecr.batch_get_image(
                repositoryName=repository, imageIds=[{"imageDigest": reference.partition("@")[2]}]
            )["images"]
            assert "sha256:" + hashlib.sha256(image["imageManifest"].encode()).hexdigest() in reference
    finally:
        for name, uri in installation.deployment["repositories"].items():
            subprocess.run(["docker", "rmi", "--force", f"try-{name}:{tag}", f"{uri}:{tag}"], capture_output=True)
