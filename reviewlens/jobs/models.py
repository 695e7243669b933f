"""Which engine and model a new job is bound to."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from reviewlens.errors import InputError
from reviewlens.model.loading import ENGINES, default_bundle_path, model_sha256


def check_engine(engine: str) -> str:
    """The engine's name; InputError when there is none of this name, or what it needs is not installed."""
    if engine not in ENGINES:
        raise InputError(f"There is no such engine; choose one of {', '.join(ENGINES)}.", code="unknown-engine")
    if find_spec(engine) is None:
        raise InputError(f"The engine {engine} is not installed here; choose another one.", code="engine-not-installed")
    return engine


def pinned_model(engine: str, model: str) -> str:
    """What pins the model's content, read once as long as the file stays as it is; ConfigurationError without one."""
    path = Path(model) if model else default_bundle_path()
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return _pinned(engine, path, stamp)


@lru_cache(maxsize=16)
def _pinned(engine: str, path: Path, _stamp: int) -> str:
    return model_sha256(engine, path)
