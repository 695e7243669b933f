"""Choosing and loading an engine by name; an engine's own library is imported only when that engine is loaded."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.errors import ConfigurationError, InputError, ReviewLensError
from reviewlens.model.archive import sha256_file
from reviewlens.model.bundle import open_bundle, peek
from reviewlens.model.engines import AUTO, BY_NAME, ENGINES, EngineInfo
from reviewlens.model.interface import Engine
from reviewlens.model.locate import absolute, default_bundle_path, is_remote, local_model, split_address
from reviewlens.model.middle import MiddleReader
from reviewlens.model.scorer import Scorer

__all__ = [
    "AUTO",
    "ENGINES",
    "check_engine",
    "default_bundle_path",
    "languages_read",
    "load_engine",
    "load_scorer",
    "model_address",
    "model_sha256",
    "open_bundle",
    "pinned_model",
    "resolve_engine",
]


def resolve_engine(name: str, bundle: Path | None = None) -> str:
    """The name itself, or for `auto` the engine that suits the bundle (None: the shipped one).

    Raises ConfigurationError (codes `no-bundle`, `bad-bundle`) when `auto` finds no bundle.
    """
    if name != AUTO:
        return name
    return "cascade" if peek(bundle or default_bundle_path()).cascade else "openvino"


def check_engine(name: str, model: str) -> str:
    """The name of the engine that a new job uses, `auto` resolved; `model` as for `local_model`.

    Raises InputError for an unknown engine (code `unknown-engine`) or one whose libraries are missing
    (`engine-not-installed`); ConfigurationError when there is no such model.
    """
    if name not in ENGINES:
        raise InputError(f"There is no such engine; choose one of {', '.join(ENGINES)}.", code="unknown-engine")
    if any(find_spec(library) is None for library in BY_NAME["cascade" if name == AUTO else name].libraries):
        raise InputError(f"The engine {name} is not installed here; choose another one.", code="engine-not-installed")
    return name if name != AUTO else resolve_engine(name, local_model(model))


def model_address(engine: str, model: str) -> str:
    """The model's name in a job's specification: valid in any working directory; '' for an engine without a model."""
    return absolute(model) if BY_NAME[engine].needs_model else ""


def model_sha256(name: str, bundle: Path | None) -> str:
    """SHA-256 that pins a job's model: of the archive, or of bundle.json in a folder; '' for an engine without a model.

    Raises ConfigurationError (code `no-bundle`) when the file is missing, (`unknown-engine`) for an unknown engine.
    """
    if not _info(name).needs_model:
        return ""
    chosen = bundle or default_bundle_path()
    for candidate in (chosen, chosen / "bundle.json", chosen / "config.json"):
        if candidate.is_file():
            return sha256_file(candidate)
    raise ConfigurationError(f"There is no model at {chosen}.", code="no-bundle")


def pinned_model(engine: str, model: str) -> str:
    """As `model_sha256` for a model as `local_model` takes it; a file is read once while it stays the same."""
    if is_remote(model) and BY_NAME[engine].needs_model:
        return split_address(model)[1]
    path = local_model(model) or default_bundle_path()
    return _pinned(engine, path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=16)
def _pinned(engine: str, path: Path, _mtime_ns: int) -> str:
    return model_sha256(engine, path)


def languages_read(engine: str, model: str) -> tuple[str, ...]:
    """Codes of the languages that an engine's model was validated for; `model` as for `local_model`.

    English for a model that cannot be read; whoever loads it reports why.
    """
    if engine != AUTO and not BY_NAME[engine].needs_model:
        return MODEL_LANGUAGES
    try:
        path = local_model(model) or default_bundle_path()
        return _languages(path, path.stat().st_mtime_ns if path.exists() else 0)
    except ReviewLensError:
        return MODEL_LANGUAGES


@lru_cache(maxsize=16)
def _languages(path: Path, _mtime_ns: int) -> tuple[str, ...]:
    plain_folder = path.is_dir() and not (path / "bundle.json").is_file()  # a Hugging Face model lists none
    return MODEL_LANGUAGES if plain_folder else peek(path).languages


def load_engine(
    name: str, model: Path | str | None = None, *, threads: int = 1, cache_dir: Path | None = None
) -> Engine:
    """An engine ready to score with this many threads.

    `model`: a model.tar.gz, an unpacked bundle or (for `transformers`) a Hugging Face folder; None for the shipped
    one; text as for `local_model`. Raises ConfigurationError for an unknown name (code `unknown-engine`), missing
    libraries (`engine-not-installed`), an unusable bundle (`no-bundle`, `bad-bundle`), or one without the stages that
    `cascade` and `openvino-small` need (`no-cascade`, `no-small-model`).
    """
    path = local_model(model, cache_dir) if isinstance(model, str) else model
    info = _info(resolve_engine(name, path))
    try:
        module = import_module(f"reviewlens.model.engines.{info.module}")
    except ImportError as error:
        raise ConfigurationError(
            f"The {info.name} engine needs {' and '.join(info.libraries)}: install {info.requirements}.",
            code="engine-not-installed",
        ) from error
    engine: Engine = getattr(module, info.class_name).open(info.name, path, threads, cache_dir)
    return engine


def load_scorer(
    name: str, model: Path | str | None = None, *, threads: int = 1, cache_dir: Path | None = None
) -> Scorer:
    """An engine wrapped for raw texts; arguments and errors as for `load_engine`."""
    path = local_model(model, cache_dir) if isinstance(model, str) else model
    name = resolve_engine(name, path)
    engine = load_engine(name, path, threads=threads, cache_dir=cache_dir)
    return Scorer(engine, middle=MiddleReader.open(name, path, cache_dir))


def _info(name: str) -> EngineInfo:
    try:
        return BY_NAME[name]
    except KeyError:
        raise ConfigurationError(
            f"There is no engine called {name[:40]!r}; choose one of {', '.join(ENGINES)}.", code="unknown-engine"
        ) from None
