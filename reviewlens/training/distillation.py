"""Distillation: a teacher's scores of training texts, stored in parts so that a kill costs little."""

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

    `teacher`: a Hugging Face folder, a bundle, or a Parquet file with `text` and `margin` from an earlier call.
    Parts of the scores are stored under `scratch`, so that a call after a kill continues; all of them end up there as
    teacher_scores.parquet. Raises ConfigurationError for a teacher that cannot be loaded, InputError for a Parquet file
    that lacks a text.
    """
    if teacher.suffix == ".parquet":
        return _looked_up(teacher, texts)
    engine = None
    fingerprint = _fingerprint(teacher)
    parts = []
    for start in range(0, len(texts), PART_TEXTS):
        part = list(texts[start : start + PART_TEXTS])
        digest = hashlib.sha256("\0".join([fingerprint, *part]).encode()).hexdigest()[:16]
        file = scratch / "teacher" / f"{start // PART_TEXTS:05d}-{digest}.parquet"
        if not file.exists():
            engine = engine or load_engine(_engine_for(teacher), teacher, threads=threads or os.cpu_count() or 1)
            scores = np.clip(engine.score(part), _SURE, 1 - _SURE)
            file.parent.mkdir(parents=True, exist_ok=True)
            scored = pl.DataFrame({"text": part, "margin": np.log(scores / (1 - scores)).astype(np.float32)})
            scored.write_parquet(file.with_suffix(".new"))
            file.with_suffix(".new").rename(file)
            log.info("teacher: %d of %d texts", start + len(part), len(texts))
        parts.append(pl.read_parquet(file))
    whole = pl.concat(parts)
    whole.unique("text", maintain_order=True).write_parquet(scratch / "teacher_scores.parquet")
    return np.asarray(whole["margin"].to_numpy(), dtype=np.float32)


def _fingerprint(teacher: Path) -> str:
    """SHA-256 of the teacher's weights: a model trained again in the same folder is another teacher."""
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
    """A teacher's scores, one row per text: text and margin. Raises InputError for any other file."""
    try:
        return pl.read_parquet(file, columns=["text", "margin"]).unique("text", keep="first", maintain_order=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{file.name} is not a file of teacher's scores: a Parquet file with text and margin.",
            code="teacher-scores",
        ) from error


def _looked_up(file: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    known = read_scores(file)
    margins = pl.DataFrame({"text": list(texts)}).join(known, on="text", how="left", maintain_order="left")["margin"]
    if margins.null_count():
        raise InputError(
            f"{file.name} has no score for {margins.null_count():,} of the {len(texts):,} training texts; "
            "use the teacher itself instead of its scores.",
            code="teacher-scores",
        )
    return np.asarray(margins.to_numpy(), dtype=np.float32)
