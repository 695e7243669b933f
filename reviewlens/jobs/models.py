"""Chooses the engine and model of a new job."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from reviewlens.errors import InputError
from reviewlens.model.loading import ENGINES, default_bundle_path, engine_library, model_sha256, resolve_engine


def check_engine(engine: str, model: str) -> str:
    """The engine's name, with `auto` resolved for the model.

    Raises InputError (`unknown-engine`, `engine-not-installed`), ConfigurationError when there is no such model.
    """
    if engine not in ENGINES:
        raise InputError(f"There is no such engine; choose one of {', '.join(ENGINES)}.", code="unknown-engine")
    if find_spec(engine_library(engine)) is None:
        raise InputError(f"The engine {engine} is not installed here; choose another one.", code="engine-not-installed")
    return resolve_engine(engine, _bundle(model))


def pinned_model(engine: str, model: str) -> str:
    """The SHA-256 that identifies the model's content, cached until the file changes; ConfigurationError without a
    model."""
    path = _bundle(model)
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return _pinned(engine, path, stamp)


def _bundle(model: str) -> Path:
    return Path(model) if model else default_bundle_path()


@lru_cache(maxsize=16)
def _pinned(engine: str, path: Path, _stamp: int) -> str:
    return model_sha256(engine, path)
