"""What decides a text's score besides the text: two jobs may share scores only where all of this is equal."""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import reviewlens.model
from reviewlens.reviews.cleaning import CLEANING_VERSION

INDEX_VERSION = 1
"""Raised when an index holds other things than before, or says them differently."""

_LIBRARIES = ("numpy", "openvino", "tokenizers", "torch", "transformers", "textblob")


def scoring_identity(engine: str, model: str, model_sha256: str) -> dict[str, object] | None:
    """Engine, model, cleaning, and the code and machine that do the arithmetic; None where the model's content is not
    pinned as a whole. `model`: its local path, '' for the one that ships or none at all.

    A model given as a folder is pinned by its description only: its weights may have changed and nobody would see it.
    """
    if model and not Path(model).is_file():
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
    """The processor, the libraries that score, and a digest of this program's own scoring code.

    Processors and releases round differently in the last places, and a digest needs nobody to remember to raise a
    number.
    """
    return {
        "processor": _processor(),
        "code": _digest(Path(next(iter(reviewlens.model.__path__)))),
        **{name: _version(name) for name in _LIBRARIES},
    }


_PROCESSOR_FACTS = ("flags", "Features", "cpu family", "model\t", "stepping", "CPU implementer", "CPU part")


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _processor() -> str:
    """Kind, model and a digest of what it can do, as far as the system tells: a virtual machine may name any model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    telling = sorted({line for line in lines if line.startswith(_PROCESSOR_FACTS)})
    return " ".join([platform.machine(), *names[:1], hashlib.sha256("\n".join(telling).encode()).hexdigest()[:12]])
