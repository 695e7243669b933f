"""A model bundle (model.tar.gz): its members, writing it, and unpacking it safely from several processes at once."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.errors import ConfigurationError
from reviewlens.model.archive import MIB, extract_allowed, read_member, sha256_file
from reviewlens.model.encoder import LongTexts
from reviewlens.model.locate import default_bundle_path, models_dir

FORMAT_VERSION: Literal[2] = 2
"""Since 2 a bundle may read long texts by their ends and have bounds for longer texts; 1 is accepted."""

MEMBERS: dict[str, int] = {
    "bundle.json": 4 * MIB,
    "tokenizer.json": 64 * MIB,
    "model.xml": 64 * MIB,
    "model.bin": 1024 * MIB,
    "MODEL_CARD.md": MIB,
    "config.json": MIB,
    "model.safetensors": 2048 * MIB,
    "ngrams.npy": 16 * MIB,
    "small.xml": 64 * MIB,
    "small.bin": 512 * MIB,
    "small.tokenizer.json": 64 * MIB,
}
"""Every allowed member of a bundle, with its largest size in bytes."""

_REQUIRED = ("bundle.json", "tokenizer.json", "model.xml", "model.bin", "MODEL_CARD.md")
_STAGE_NEEDS = {"ngrams": ("ngrams.npy",), "small": ("small.xml", "small.bin", "small.tokenizer.json")}


class KnownAnswer(BaseModel):
    """A cleaned text and the score that the graph gave it on the machine that made the bundle."""

    model_config = ConfigDict(frozen=True)

    text: str
    score: float


class LongerBounds(BaseModel):
    """The bounds of a cascade's stage for texts of `from_tokens` word pieces or more."""

    model_config = ConfigDict(frozen=True)

    from_tokens: int = Field(gt=0)
    answers_below: float = Field(ge=0, le=0.5)
    answers_above: float = Field(ge=0.5, le=1)


class CascadeStage(BaseModel):
    """A cheaper stage before the bundle's own graph.

    It answers a text whose calibrated score is at most `answers_below` or at least `answers_above`; the others go to
    the next stage. `longer`: other bounds for longer texts, ascending. `temperature` calibrates this stage's margins.
    `least_known`: the share of a text's n-grams that the n-gram stage must know to answer it. `known_answers`: this
    stage's own scores.
    """

    model_config = ConfigDict(frozen=True)

    name: Literal["ngrams", "small"]
    temperature: float = Field(gt=0, allow_inf_nan=False)
    answers_below: float = Field(ge=0, le=0.5)
    answers_above: float = Field(ge=0.5, le=1)
    longer: tuple[LongerBounds, ...] = ()
    least_known: float = Field(0.0, ge=0, le=1)
    known_answers: tuple[KnownAnswer, ...] = ()

    @field_validator("longer")
    @classmethod
    def _ascending(cls, bounds: tuple[LongerBounds, ...]) -> tuple[LongerBounds, ...]:
        starts = [bound.from_tokens for bound in bounds]
        if starts != sorted(set(starts)):
            raise ValueError("the bounds of longer texts must ascend by from_tokens")
        return bounds


class BundleMetadata(BaseModel):
    """bundle.json; `files` holds the SHA-256 of every other member.

    `languages`: codes of those that the model was validated for. `mixed`: the mixed band, lowest and highest positive
    score; None for no band. `long_texts`: how every stage reads texts longer than `max_length`. `cascade`: the stages
    before the bundle's own graph, cheapest first; empty for a bundle of one graph.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format_version: Literal[1, 2] = FORMAT_VERSION
    version: str
    created_at: str
    labels: tuple[str, str] = ("negative", "positive")
    max_length: int = Field(ge=16, le=8192)
    long_texts: LongTexts = "windows"
    cleaning_version: int
    temperature: float = Field(gt=0)
    needs_review: float = Field(ge=0.5, le=1)
    mixed: tuple[float, float] | None = None
    cascade: tuple[CascadeStage, ...] = ()
    languages: tuple[str, ...] = Field(MODEL_LANGUAGES, min_length=1)
    base_model: str
    licence: str
    precision: str
    training: dict[str, object]
    metrics: dict[str, object]
    known_answers: tuple[KnownAnswer, ...]
    files: dict[str, str] = {}

    @field_validator("cascade")
    @classmethod
    def _cheapest_first(cls, stages: tuple[CascadeStage, ...]) -> tuple[CascadeStage, ...]:
        if [stage.name for stage in stages] not in (["ngrams"], ["small"], ["ngrams", "small"], []):
            raise ValueError("the stages must be ngrams, then small, each at most once")
        return stages

    def stage(self, name: str) -> CascadeStage | None:
        """The stage of this name, if the bundle has it."""
        return next((stage for stage in self.cascade if stage.name == name), None)

    def needed_members(self) -> set[str]:
        """Names of the members that a bundle with this metadata must have."""
        return {*_REQUIRED, *(name for stage in self.cascade for name in _STAGE_NEEDS[stage.name])}


@dataclass(frozen=True)
class Bundle:
    """An unpacked bundle: its folder, the archive's SHA-256 and its bundle.json."""

    dir: Path
    sha256: str
    metadata: BundleMetadata

    @property
    def version(self) -> str:
        """The model's version, shown with its results."""
        return self.metadata.version


def write_bundle(archive: Path, folder: Path, metadata: BundleMetadata) -> str:
    """Pack the folder's members and bundle.json into `archive`; returns its SHA-256.

    The same contents give the same bytes. Raises ConfigurationError (code `bad-bundle`) when a member is missing.
    """
    names = [name for name in MEMBERS if name != "bundle.json" and (folder / name).exists()]
    missing = sorted(metadata.needed_members() - {*names, "bundle.json"})
    if missing:
        raise ConfigurationError(f"A bundle needs {', '.join(missing)} in {folder}.", code="bad-bundle")
    described = metadata.model_copy(update={"files": {name: sha256_file(folder / name) for name in names}})
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.NamedTemporaryFile(dir=archive.parent, prefix=".bundle-", delete=False) as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=9) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        _add(tar, "bundle.json", described.model_dump_json(indent=1).encode())
        for name in names:
            _add(tar, name, (folder / name).read_bytes())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(archive)
    return sha256_file(archive)


def open_bundle(path: Path | None, cache_dir: Path | None = None) -> Bundle:
    """The bundle in a model.tar.gz or an unpacked folder; the shipped one when None.

    Raises ConfigurationError (codes `no-bundle`, `bad-bundle`).
    """
    chosen = path or default_bundle_path()
    return open_folder(chosen) if chosen.is_dir() else unpack(chosen, cache_dir or models_dir())


def unpack(archive: Path, into: Path) -> Bundle:
    """The bundle, unpacked under `into` in a folder named by the archive's SHA-256; quick when it is there already.

    Several processes may do it at once: each unpacks into a folder of its own and renames it. Raises ConfigurationError
    for a missing archive (code `no-bundle`) and for one that breaks a rule (`bad-bundle`).
    """
    if not archive.is_file():
        raise ConfigurationError(f"There is no model bundle at {archive}.", code="no-bundle")
    sha256 = sha256_file(archive)
    folder = into / sha256
    if not _complete(folder):
        into.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=into, prefix=f".{sha256[:12]}-"))
        try:
            digests = extract_allowed(archive, scratch, MEMBERS)
            metadata = _read_metadata(scratch)
            expected = {**metadata.files, "bundle.json": digests.get("bundle.json", "")}
            if digests != expected or not metadata.needed_members() <= set(digests):
                raise ConfigurationError("This model bundle's files do not match its bundle.json.", code="bad-bundle")
            _move(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return Bundle(folder, sha256, _read_metadata(folder))


def open_folder(folder: Path) -> Bundle:
    """The bundle in an unpacked folder, as `unpack` or a SageMaker container leaves it, with its files verified.

    Raises ConfigurationError (code `bad-bundle`).
    """
    metadata = _read_metadata(folder)
    for name, digest in metadata.files.items():
        if name not in MEMBERS or not (folder / name).is_file() or sha256_file(folder / name) != digest:
            raise ConfigurationError(f"{name} in {folder} does not match its bundle.json.", code="bad-bundle")
    missing = sorted(metadata.needed_members() - {*metadata.files, "bundle.json"})
    if missing:
        raise ConfigurationError(
            f"{folder} is not a complete model bundle: {missing[0]} is missing.", code="bad-bundle"
        )
    return Bundle(folder, sha256_file(folder / "bundle.json"), metadata)


def peek(path: Path) -> BundleMetadata:
    """The bundle.json of an archive or an unpacked folder; nothing else is read or verified.

    Raises ConfigurationError (codes `no-bundle`, `bad-bundle`).
    """
    if path.is_dir():
        return _read_metadata(path)
    if not path.is_file():
        raise ConfigurationError(f"There is no model bundle at {path}.", code="no-bundle")
    return _parsed(read_member(path, "bundle.json", MEMBERS))


def _read_metadata(folder: Path) -> BundleMetadata:
    try:
        return _parsed((folder / "bundle.json").read_bytes())
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{folder} is not a model bundle: it has no bundle.json.", code="bad-bundle"
        ) from error


def _parsed(content: bytes) -> BundleMetadata:
    try:
        return BundleMetadata.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"]) or "its form"
        raise ConfigurationError(f"bundle.json is not valid: {location}: {first['msg']}.", code="bad-bundle") from error


def _complete(folder: Path) -> bool:
    """Whether an unpacked folder still has all files: a cleaner of temporary files may have removed some."""
    try:
        metadata = _read_metadata(folder)
    except ConfigurationError:
        return False
    return all(
        (folder / name).is_file() and sha256_file(folder / name) == digest for name, digest in metadata.files.items()
    )


def _move(scratch: Path, folder: Path) -> None:
    scratch.chmod(0o755)
    try:
        scratch.rename(folder)
    except OSError:
        if _complete(folder):
            return  # another process was first
        broken = folder.with_name(f".{folder.name[:12]}-broken-{os.getpid()}")
        folder.rename(broken)
        scratch.rename(folder)
        shutil.rmtree(broken, ignore_errors=True)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(content))
