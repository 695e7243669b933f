"""What shipping remembers between runs: arrays and files under a work folder, named by all that they depend on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
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
    """A folder of results; a second run finds what the first one made, also after a kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def array(self, parts: Sequence[str], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array that was made for just these parts of a name, else made now."""
        path = self.folder / "arrays" / f"{digest(parts)}.npy"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            scratch = path.with_suffix(".new")
            with scratch.open("wb") as file:
                np.save(file, make(), allow_pickle=False)
            scratch.rename(path)
        found: NDArray[Any] = np.load(path, allow_pickle=False)
        return found

    def by_text(self, parts: Sequence[str], texts: Sequence[str], make: Callable[[list[str]], Floats]) -> Floats:
        """One number a text, made and kept a few thousand texts at a time."""
        found = [np.zeros(0)]
        for start in range(0, len(texts), PART_TEXTS):
            some = list(texts[start : start + PART_TEXTS])
            found.append(self.array([*parts, digest(some)], lambda some=some: make(some)))  # type: ignore[misc]
        return np.concatenate(found)

    def folder_of(self, parts: Sequence[str], make: Callable[[Path], None]) -> Path:
        """The folder that was filled for just these parts of a name, else filled now."""
        place = self.folder / "graphs" / digest(parts)
        if not place.exists():
            scratch = place.with_name(f"{place.name}.new")
            scratch.mkdir(parents=True, exist_ok=True)
            make(scratch)
            scratch.rename(place)
        return place

    def corpus(self, path: Path, licences: Sequence[str]) -> Corpus:
        """`read_corpus`, remembered for a file of the same content."""
        if not path.is_file():
            return read_corpus(path, licences)
        name = digest(["corpus", sha256_file(path), *sorted(licences), str(CLEANING_VERSION)])
        place = self.folder / f"corpus-{name}.parquet"
        if not place.exists():
            made = read_corpus(path, licences)
            made.frame.write_parquet(place.with_suffix(".new"))
            place.with_suffix(".new").rename(place)
        return Corpus(pl.read_parquet(place), dropped_near_copies=0)


def digest(parts: Sequence[str]) -> str:
    """A name for a list of strings, 24 hex digits."""
    made = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        made.update(len(raw).to_bytes(8, "little") + raw)
    return made.hexdigest()[:24]
