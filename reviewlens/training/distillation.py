"""What a teacher says of training texts: its scores, kept part by part so that a kill costs little (distillation)."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.errors import ConfigurationError, InputError
from reviewlens.model.archive import sha256_file
from reviewlens.model.loading import load_engine

log = logging.getLogger(__name__)

PART_TEXTS = 2000
_SURE = 1e-6


def teacher_margins(
    teacher: Path, texts: Sequence[str], scratch: Path, threads: int | None = None
) -> NDArray[np.float32]:
    """The teacher's calibrated log-odds of positive for each cleaned text, shape (len(texts),).

    `teacher`: a Hugging Face folder, a bundle, or a Parquet file with `text` and `margin` that an earlier run left.
    Scored in parts kept under `scratch`, so that the same call after a kill goes on; the whole is left there as
    teacher_scores.parquet. Raises ConfigurationError for a teacher that cannot be loaded, InputError for a Parquet
    file that lacks a text.
    """
    if teacher.suffix == ".parquet":
        return _looked_up(teacher, texts)
    engine = None
    own = _fingerprint(teacher)
    parts = []
    for start in range(0, len(texts), PART_TEXTS):
        wanted = list(texts[start : start + PART_TEXTS])
        digest = hashlib.sha256("\0".join([own, *wanted]).encode()).hexdigest()[:16]
        place = scratch / "teacher" / f"{start // PART_TEXTS:05d}-{digest}.parquet"
        if not place.exists():
            engine = engine or load_engine(_engine_for(teacher), teacher, threads=threads or os.cpu_count() or 1)
            scores = np.clip(engine.score(wanted), _SURE, 1 - _SURE)
            place.parent.mkdir(parents=True, exist_ok=True)
            made = pl.DataFrame({"text": wanted, "margin": np.log(scores / (1 - scores)).astype(np.float32)})
            made.write_parquet(place.with_suffix(".new"))
            place.with_suffix(".new").rename(place)
            log.info("teacher: %d of %d texts", start + len(wanted), len(texts))
        parts.append(pl.read_parquet(place))
    whole = pl.concat(parts)
    whole.unique("text", maintain_order=True).write_parquet(scratch / "teacher_scores.parquet")
    return np.asarray(whole["margin"].to_numpy(), dtype=np.float32)


def _fingerprint(teacher: Path) -> str:
    """Of its weights: one that was trained anew in the same place is another teacher."""
    for weights in (teacher, teacher / "model.safetensors", teacher / "model.bin"):
        if weights.is_file():
            return sha256_file(weights)
    return ""


def _engine_for(teacher: Path) -> str:
    if teacher.is_dir() and (teacher / "config.json").exists() and not (teacher / "model.xml").exists():
        return "transformers"
    if teacher.exists():
        return "openvino"
    raise ConfigurationError(f"There is no teacher at {teacher}.", code="no-bundle")


def read_scores(file: Path) -> pl.DataFrame:
    """A teacher's scores, one row a text: text and margin. Raises InputError for a file that holds none."""
    try:
        return pl.read_parquet(file, columns=["text", "margin"]).unique("text", keep="first", maintain_order=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{file.name} holds no teacher's scores; it is a Parquet file with text and margin.",
            code="teacher-scores",
        ) from error


def _looked_up(file: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    known = read_scores(file)
    found = pl.DataFrame({"text": list(texts)}).join(known, on="text", how="left", maintain_order="left")["margin"]
    if found.null_count():
        raise InputError(
            f"{file.name} has no score for {found.null_count():,} of the {len(texts):,} training texts; "
            "give the teacher itself instead of its scores.",
            code="teacher-scores",
        )
    return np.asarray(found.to_numpy(), dtype=np.float32)
