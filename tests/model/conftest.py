"""Fixtures for the model's tests: the engine on the bundle that ships, and small bundles made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewlens.model.bundle import BundleMetadata, write_bundle
from reviewlens.model.engines.openvino import OpenVinoEngine
from reviewlens.model.loading import load_engine


@pytest.fixture(scope="session")
def engine(cache_dir: Path) -> OpenVinoEngine:
    loaded = load_engine("openvino", threads=2, cache_dir=cache_dir)
    assert isinstance(loaded, OpenVinoEngine)
    return loaded


def metadata(**changes: object) -> BundleMetadata:
    facts: dict[str, object] = {
        "version": "test-1",
        "created_at": "2026-01-01T00:00:00Z",
        "max_length": 64,
        "cleaning_version": 1,
        "temperature": 1.0,
        "needs_review": 0.8,
        "base_model": "none",
        "licence": "MIT",
        "precision": "int8",
        "training": {},
        "metrics": {},
        "known_answers": [],
    }
    return BundleMetadata.model_validate({**facts, **changes})


@pytest.fixture
def members(tmp_path: Path) -> Path:
    """A folder with every file a bundle must have, of no use as a model."""
    folder = tmp_path / "members"
    folder.mkdir()
    for name in ("tokenizer.json", "model.xml", "model.bin", "MODEL_CARD.md"):
        (folder / name).write_bytes(f"contents of {name}\n".encode() * 50)
    return folder


@pytest.fixture
def small_bundle(tmp_path: Path, members: Path) -> Path:
    archive = tmp_path / "model.tar.gz"
    write_bundle(archive, members, metadata())
    return archive
