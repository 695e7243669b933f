"""The identity of scores: two jobs may share scores only if everything here is equal."""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import reviewlens.model
from reviewlens.model.engines import engine_libraries
from reviewlens.model.locate import is_remote
from reviewlens.reviews.cleaning import CLEANING_VERSION

INDEX_VERSION = 1
"""Raise it when the content or format of an index changes."""

_NOT_SCORING = ("explain.py", "spans.py", "locate.py", "archive.py")
"""Files of `reviewlens/model` that change no score: explanations, and where a bundle comes from."""


def scoring_identity(engine: str, model: str, model_sha256: str) -> dict[str, object] | None:
    """Engine, model, cleaning, code and machine; None when the model's content is not pinned as a whole.

    `model`: an address or local path, '' for the shipped model or none. A folder is pinned by its description only, so
    a change of its weights would go unnoticed.
    """
    if model and not is_remote(model) and not Path(model).is_file():
        return None
    return {
        "version": INDEX_VERSION,
        "engine": engine,
        "model_sha256": model_sha256,
        "cleaning_version": CLEANING_VERSION,
        "runtime": runtime(),
    }


@lru_cache(maxsize=1)
def runtime() -> dict[str, str]:
    """The processor, the versions of the scoring libraries, and a digest of our scoring code.

    Processors and library versions round differently. A digest of the code needs no version number to maintain.
    """
    return {
        "processor": _processor(),
        "code": code_digest(Path(next(iter(reviewlens.model.__path__)))),
        **{name: _version(name) for name in ("numpy", *engine_libraries())},
    }


_PROCESSOR_FACTS = ("flags", "Features", "cpu family", "model\t", "stepping", "CPU implementer", "CPU part")


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def code_digest(folder: Path) -> str:
    """SHA-256 over the scoring code in `reviewlens/model`; a change of any other code leaves it as it is."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        if path.relative_to(folder).as_posix() in _NOT_SCORING:
            continue
        digest.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _processor() -> str:
    """Architecture, model name and a digest of its features: a virtual machine may report any model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    features = sorted({line for line in lines if line.startswith(_PROCESSOR_FACTS)})
    return " ".join([platform.machine(), *names[:1], hashlib.sha256("\n".join(features).encode()).hexdigest()[:12]])
