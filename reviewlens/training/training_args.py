"""What a training run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingOptions:
    """What a training run is asked to do; times in minutes, lengths in tokens.

    `keep_layers`: only the base model's first so many layers; `freeze_layers`: the embeddings and the first so many
    layers stay as they are; `class_cap`: see `capped`. With a `teacher` (see `teacher_margins`) the student also learns
    its scores, at this weight beside the labels' and softened by this temperature, and three-star texts and snippets,
    whose labels are missing or doubtful, from it alone. `sentence_share`: this share of the texts is read sentence by
    sentence and only the mean of the sentences' scores is held against the label (see `bag_loss`), three-star texts
    against the middle.
    """

    corpus: Path
    output: Path
    base_model: str = "distilbert-base-uncased"
    licences: tuple[str, ...] = ()
    max_minutes: float | None = None
    epochs: float = 3.0
    max_tokens: int = 192
    batch_tokens: int = 4096
    learning_rate: float = 5e-5
    weight_decay: float = 0.01
    warmup_share: float = 0.05
    label_smoothing: float = 0.05
    class_weights: str = "sqrt"
    snippet_share: float = 0.0
    sentence_share: float = 0.0
    keep_layers: int | None = None
    freeze_layers: int = 0
    class_cap: int | None = None
    teacher: Path | None = None
    teacher_weight: float = 0.7
    teacher_temperature: float = 2.0
    evaluate_every_minutes: float = 10.0
    evaluation_texts: int = 2000
    patience: int = 4
    keep_checkpoints: int = 2
    seed: int = 13
    threads: int | None = None
    limit: int | None = None
