"""A cache of arrays and files for release builds; each is named by everything it depends on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.model.archive import sha256_file
from reviewlens.reviews.cleaning import CLEANING_VERSION
from reviewlens.training.corpus import Corpus, read_corpus

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
PART_TEXTS = 2000


class Work:
    """A folder of results, valid across restarts and kills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def array(self, parts: Sequence[str], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The cached array with this name, or a new one from `make`."""
        path = self.folder / "arrays" / f"{digest(parts)}.npy"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            scratch = path.with_suffix(".new")
            with scratch.open("wb") as file:
                np.save(file, make(), allow_pickle=False)
            scratch.rename(path)
        array: NDArray[Any] = np.load(path, allow_pickle=False)
        return array

    def by_text(self, parts: Sequence[str], texts: Sequence[str], make: Callable[[list[str]], Floats]) -> Floats:
        """One number per text, shape (len(texts),), computed and cached `PART_TEXTS` at a time."""
        values = [np.zeros(0)]
        for start in range(0, len(texts), PART_TEXTS):
            part = list(texts[start : start + PART_TEXTS])
            values.append(self.array([*parts, digest(part)], partial(make, part)))
        return np.concatenate(values)

    def folder_of(self, parts: Sequence[str], make: Callable[[Path], None]) -> Path:
        """The cached folder with this name, or a new one filled by `make`."""
        folder = self.folder / "graphs" / digest(parts)
        if not folder.exists():
            scratch = folder.with_name(f"{folder.name}.new")
            scratch.mkdir(parents=True, exist_ok=True)
            make(scratch)
            scratch.rename(folder)
        return folder

    def corpus(self, path: Path, licences: Sequence[str]) -> Corpus:
        """As `read_corpus`, cached for a file of the same content."""
        if not path.is_file():
            return read_corpus(path, licences)
        name = digest(["corpus", sha256_file(path), *sorted(licences), str(CLEANING_VERSION)])
        cached = self.folder / f"corpus-{name}.parquet"
        if not cached.exists():
            read_corpus(path, licences).frame.write_parquet(cached.with_suffix(".new"))
            cached.with_suffix(".new").rename(cached)
        return Corpus(pl.read_parquet(cached), dropped_near_copies=0)


def digest(parts: Sequence[str]) -> str:
    """A name for a list of strings: 24 hex digits."""
    sha256 = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        sha256.update(len(raw).to_bytes(8, "little") + raw)
    return sha256.hexdigest()[:24]
