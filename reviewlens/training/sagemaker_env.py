"""The folders that a SageMaker container names in its environment.

Beside settings.py this is the only reader of the environment: the variables belong to the container.
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
    """The container's folders; every field is None outside a container."""

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
