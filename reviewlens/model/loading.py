"""Making an engine by name; each engine's own library is imported only when that engine is asked for."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from reviewlens.errors import ConfigurationError
from reviewlens.model.archive import sha256_file
from reviewlens.model.bundle import Bundle, open_folder, peek, unpack
from reviewlens.model.interface import Engine
from reviewlens.model.scorer import Scorer

AUTO = "auto"
"""Stands for `cascade` where the bundle has cheaper stages, else for `openvino`."""

_GRAPH_ENGINES = ("openvino", "openvino-small", "openvino-bf16", "openvino-fp32")

ENGINES: tuple[str, ...] = (AUTO, "cascade", *_GRAPH_ENGINES, "transformers", "textblob")
"""Every name that may be asked for."""

DEFAULT_BUNDLE = "reviewlens-4"


def default_bundle_path() -> Path:
    """The model.tar.gz that ships with the library."""
    return Path(__file__).parent / "bundles" / DEFAULT_BUNDLE / "model.tar.gz"


def unpacked_models_dir() -> Path:
    """Where bundles are unpacked unless the caller says otherwise: the user's cache folder, else a private one."""
    try:
        return _own_folder(Path.home() / ".cache" / "reviewlens" / "models")
    except (OSError, RuntimeError):  # a container's user may have no home, or one that cannot be written
        pass
    try:
        return _own_folder(Path(tempfile.gettempdir()) / f"reviewlens-models-{os.getuid()}")
    except OSError:
        return Path(tempfile.mkdtemp(prefix="reviewlens-models-"))


def _own_folder(place: Path) -> Path:
    """The folder, made if need be; OSError unless it can be written and belongs to this user alone."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = place.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
        raise PermissionError(f"{place} could have been filled by somebody else")
    with tempfile.TemporaryFile(dir=place):
        return place


def open_bundle(path: Path | None, cache_dir: Path | None = None) -> Bundle:
    """The bundle at a model.tar.gz or unpacked folder; the one that ships when None.

    Raises ConfigurationError (codes `no-bundle`, `bad-bundle`).
    """
    chosen = path or default_bundle_path()
    return open_folder(chosen) if chosen.is_dir() else unpack(chosen, cache_dir or unpacked_models_dir())


def resolve_engine(name: str, bundle: Path | None = None) -> str:
    """The engine that a name stands for: itself, or for `auto` what suits the bundle (None: the one that ships).

    Raises ConfigurationError (codes `no-bundle`, `bad-bundle`) where `auto` finds no bundle.
    """
    if name != AUTO:
        return name
    return "cascade" if peek(bundle or default_bundle_path()).cascade else "openvino"


def engine_library(name: str) -> str:
    """The Python package that an engine needs."""
    return "openvino" if name in {AUTO, "cascade", *_GRAPH_ENGINES} else name


def model_sha256(name: str, bundle: Path | None) -> str:
    """What pins a job's model: SHA-256 of the archive (of bundle.json for a folder); '' for an engine without a file.

    Raises ConfigurationError (code `no-bundle`) when the file is not there.
    """
    if name == "textblob":
        return ""
    chosen = bundle or default_bundle_path()
    for candidate in (chosen, chosen / "bundle.json", chosen / "config.json"):
        if candidate.is_file():
            return sha256_file(candidate)
    raise ConfigurationError(f"There is no model at {chosen}.", code="no-bundle")


def load_engine(name: str, bundle: Path | None = None, *, threads: int = 1, cache_dir: Path | None = None) -> Engine:
    """An engine ready to score with so many threads.

    `bundle`: a model.tar.gz, an unpacked bundle or (for `transformers`) a Hugging Face folder; None for the one that
    ships.
    Raises ConfigurationError for an unknown name (code `unknown-engine`), an unusable bundle, one without the stages
    that `cascade` and `openvino-small` need (codes `no-cascade`, `no-small-model`), or a library that is not installed.
    """
    name = resolve_engine(name, bundle)
    if name == "cascade":
        from reviewlens.model.engines.cascade import CascadeEngine

        return CascadeEngine(open_bundle(bundle, cache_dir), threads)
    if name in _GRAPH_ENGINES:
        from reviewlens.model.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(open_bundle(bundle, cache_dir), threads, name)
    if name == "transformers":
        try:
            from reviewlens.model.engines.transformers import TransformersEngine
        except ImportError as error:
            raise ConfigurationError(
                "The transformers engine needs the training extra: install requirements/training.txt.",
                code="engine-not-installed",
            ) from error
        if bundle is None:
            raise ConfigurationError(
                "The transformers engine needs a model: a Hugging Face folder or model.tar.gz.", code="no-bundle"
            )
        return TransformersEngine.open(bundle, threads, cache_dir or unpacked_models_dir())
    if name == "textblob":
        from reviewlens.model.engines.textblob import TextBlobEngine

        return TextBlobEngine()
    raise ConfigurationError(
        f"There is no engine called {name[:40]!r}; choose one of {', '.join(ENGINES)}.", code="unknown-engine"
    )


def load_scorer(name: str, bundle: Path | None = None, *, threads: int = 1, cache_dir: Path | None = None) -> Scorer:
    """An engine wrapped for raw texts; errors as for `load_engine`."""
    return Scorer(load_engine(name, bundle, threads=threads, cache_dir=cache_dir))
