"""The folders that a SageMaker container names in its environment; defaults for a laptop where there is none.

The one reader of the environment beside settings.py: these variables belong to the container, not to this product.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SageMakerFolders:
    """Input channels, model folder and output folder of a training or processing job."""

    train: Path | None
    test: Path | None
    model: Path | None
    output: Path | None
    checkpoints: Path | None


def sagemaker_folders() -> SageMakerFolders:
    """What the container says; every field is None outside one."""

    def folder(name: str) -> Path | None:
        value = os.environ.get(name)
        return Path(value) if value else None

    checkpoints = Path("/opt/ml/checkpoints")
    return SageMakerFolders(
        train=folder("SM_CHANNEL_TRAIN") or folder("SM_CHANNEL_TRAINING"),
        test=folder("SM_CHANNEL_TEST"),
        model=folder("SM_MODEL_DIR"),
        output=folder("SM_OUTPUT_DATA_DIR"),
        checkpoints=checkpoints if checkpoints.is_dir() else None,
    )
