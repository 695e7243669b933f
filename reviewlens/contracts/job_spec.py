"""A job's specification: a JSON document frozen at submission."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.contracts.tables import Dialect, Mapping

SPEC_VERSION = 1

JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]


class Limits(BaseModel):
    """The settings of the same names, at submission."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_unpacked_bytes: int
    max_compression_ratio: int
    max_rows: int
    max_columns: int
    max_field_chars: int


class JobSpec(BaseModel):
    """Everything that decides a job's output; the same spec on the same file gives the same output.

    Stored at `JobKeys(user, job).spec`. The store's root is the spec's URI less that key, so a spec holds no root.
    `model`: '' for the shipped bundle, else the path or file URI of a bundle on the task's machine; `model_sha256`: its
    digest ('' for textblob).
    `languages`: those that the model was validated for; texts in others are not judged, unless the mapping says so.
    `slice_rows`: rows per slice of the file, the unit of commit; `batch_rows`: rows per Arrow batch.
    `reuse_scores_of`: finished jobs of the same user, newest first, whose scores are reused for texts that both have;
    `keep_scores`: keep an index of this job's scores for later jobs. Neither changes the outputs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec_version: int = SPEC_VERSION
    user: str
    job: JobId
    upload: JobId
    filename: str
    input_sha256: str
    input_bytes: int
    dialect: Dialect
    mapping: Mapping
    engine: str
    model: str = ""
    model_sha256: str = ""
    languages: tuple[str, ...] = MODEL_LANGUAGES
    slice_rows: int = 1000
    batch_rows: int = 1000
    reuse_scores_of: tuple[JobId, ...] = ()
    keep_scores: bool = False
    limits: Limits
    submitted_at: str = Field(description="ISO 8601, UTC.")


def scratch_dir(data_dir: Path, user: str, job: str) -> Path:
    """The folder of a task's working files on its machine; a killed task leaves it behind."""
    return data_dir.absolute() / "scratch" / hashlib.sha256(f"{user}/{job}".encode()).hexdigest()[:24]
