"""Bundles: what goes in comes out, hostile archives are refused, several processes may unpack at once."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.model.archive import extract_allowed, sha256_file
from reviewlens.model.bundle import FORMAT_VERSION, BundleMetadata, open_folder, unpack, write_bundle
from reviewlens.model.loading import default_bundle_path
from tests.model.conftest import metadata


def _tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def _file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def _link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def test_round_trip(small_bundle: Path, members: Path, tmp_path: Path) -> None:
    bundle = unpack(small_bundle, tmp_path / "into")
    assert bundle.sha256 == sha256_file(small_bundle)
    assert bundle.dir.name == bundle.sha256
    assert bundle.version == "test-1"
    for path in members.iterdir():
        assert (bundle.dir / path.name).read_bytes() == path.read_bytes()
    assert open_folder(bundle.dir).metadata == bundle.metadata


def test_the_same_contents_give_the_same_bytes(small_bundle: Path, members: Path, tmp_path: Path) -> None:
    assert write_bundle(tmp_path / "again.tar.gz", members, metadata()) == sha256_file(small_bundle)


def test_unpacking_again_touches_nothing(small_bundle: Path, tmp_path: Path) -> None:
    first = unpack(small_bundle, tmp_path / "into")
    stamps = {path: path.stat().st_mtime_ns for path in first.dir.iterdir()}
    assert unpack(small_bundle, tmp_path / "into") == first
    assert {path: path.stat().st_mtime_ns for path in first.dir.iterdir()} == stamps
    assert [path.name for path in (tmp_path / "into").iterdir()] == [first.sha256]


@pytest.mark.parametrize("damage", ["remove", "change"])
def test_a_damaged_folder_is_unpacked_anew(small_bundle: Path, tmp_path: Path, damage: str) -> None:
    first = unpack(small_bundle, tmp_path / "into")
    whole = (first.dir / "model.bin").read_bytes()
    if damage == "remove":
        (first.dir / "model.bin").unlink()
    else:
        (first.dir / "model.bin").write_bytes(whole[:-1])
    assert (unpack(small_bundle, tmp_path / "into").dir / "model.bin").read_bytes() == whole
    assert [path.name for path in (tmp_path / "into").iterdir()] == [first.sha256]


def test_a_changed_folder_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    bundle = unpack(small_bundle, tmp_path / "into")
    (bundle.dir / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"tokenizer\.json"):
        open_folder(bundle.dir)


def test_many_processes_unpack_at_once(small_bundle: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from reviewlens.model.bundle import unpack;"
        "print(unpack(Path(sys.argv[1]), Path(sys.argv[2])).dir)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, small_bundle, tmp_path / "into"], stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0] * 6
    assert said == {str(tmp_path / "into" / sha256_file(small_bundle))}
    assert len(list((tmp_path / "into").iterdir())) == 1


HOSTILE: dict[str, Callable[[], list[tuple[tarfile.TarInfo, bytes]]]] = {
    "climbs out": lambda: [_file("../evil")],
    "absolute": lambda: [_file("/tmp/evil")],
    "climbs under a good name": lambda: [_file("./x/../../model.bin")],
    "not listed": lambda: [_file("setup.py")],
    "pickle": lambda: [_file("pytorch_model.bin")],
    "twice": lambda: [_file("model.xml"), _file("model.xml")],
    "symbolic link": lambda: [_link("model.bin", "/etc/passwd", tarfile.SYMTYPE)],
    "hard link": lambda: [_link("model.bin", "/etc/passwd", tarfile.LNKTYPE)],
    "device": lambda: [_link("model.bin", "", tarfile.CHRTYPE)],
    "folder": lambda: [_link("model.bin", "", tarfile.DIRTYPE)],
    "too large": lambda: [_file("MODEL_CARD.md", b"x" * (1024 * 1024 + 1))],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_members_are_refused(tmp_path: Path, kind: str) -> None:
    archive = _tar(tmp_path / "bad.tar.gz", HOSTILE[kind]())
    with pytest.raises(ConfigurationError) as caught:
        unpack(archive, tmp_path / "deep" / "into")
    assert caught.value.code == "bad-bundle"
    assert list((tmp_path / "deep" / "into").iterdir()) == [], "nothing is left behind"
    assert not (tmp_path / "deep" / "evil").exists()


def test_pickled_weights_are_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    archive = _tar(tmp_path / "bad.tar.gz", [_file("pytorch_model.bin")])
    with pytest.raises(ConfigurationError, match="safetensors"):
        unpack(archive, tmp_path / "into")


@pytest.mark.parametrize(("count", "size"), [(1, 40_000_000), (12, 5_000_000), (3000, 512)])
def test_headers_that_ask_for_all_memory_are_refused(tmp_path: Path, count: int, size: int) -> None:
    """Extended headers are read whole and one within the other before any member is seen."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, size
    archive = tmp_path / "bomb.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        for _ in range(count):
            file.write(header.tobuf())
            file.write(b"\0" * (-(-size // 512) * 512))
    (tmp_path / "into").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        extract_allowed(archive, tmp_path / "into", {"a": 1000})
    assert caught.value.code == "bad-bundle"


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no tar"), gzip.compress(b"x" * 5000)[:-9]])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        unpack(archive, tmp_path / "into")
    assert caught.value.code == "bad-bundle"


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        unpack(tmp_path / "none.tar.gz", tmp_path)
    assert caught.value.code == "no-bundle"


def test_contents_must_match_their_sums(small_bundle: Path, tmp_path: Path) -> None:
    with tarfile.open(small_bundle) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar.getmembers()]  # type: ignore[union-attr]
    changed = [(info, content + b"!" if info.name == "model.bin" else content) for info, content in members]
    with pytest.raises(ConfigurationError, match="do not match"):
        unpack(_tar(tmp_path / "changed.tar.gz", changed), tmp_path / "into")


def test_a_needed_member_must_be_there(small_bundle: Path, tmp_path: Path) -> None:
    with tarfile.open(small_bundle) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar.getmembers()]  # type: ignore[union-attr]
    facts = json.loads(members[0][1])
    del facts["files"]["model.bin"]
    kept = [(members[0][0], json.dumps(facts).encode()), *[each for each in members[1:] if each[0].name != "model.bin"]]
    with pytest.raises(ConfigurationError):
        unpack(_tar(tmp_path / "less.tar.gz", kept), tmp_path / "into")


@pytest.mark.parametrize(
    "change",
    [{"format_version": FORMAT_VERSION + 1}, {"temperature": 0}, {"needs_review": 0.2}, {"max_length": "long"}],
)
def test_metadata_out_of_range_is_refused(tmp_path: Path, members: Path, change: dict[str, object]) -> None:
    facts = {**json.loads(metadata().model_dump_json()), **change}
    (members / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(ConfigurationError, match=next(iter(change))):
        open_folder(members)


def test_writing_needs_every_member(members: Path, tmp_path: Path) -> None:
    (members / "model.xml").unlink()
    with pytest.raises(ConfigurationError, match=r"model\.xml"):
        write_bundle(tmp_path / "model.tar.gz", members, metadata())
    assert not (tmp_path / "model.tar.gz").exists()


def test_the_bundle_that_ships_is_whole_and_described(tmp_path: Path) -> None:
    bundle = unpack(default_bundle_path(), tmp_path)
    facts: BundleMetadata = bundle.metadata
    assert len(facts.known_answers) == 64
    assert facts.labels == ("negative", "positive")
    assert facts.licence == "Apache-2.0"
    assert set(facts.training) >= {"data_sha256", "texts_by_source", "splits"}
    assert (bundle.dir / "MODEL_CARD.md").read_text().startswith("# Model card")
    assert default_bundle_path().stat().st_size < 100_000_000
