"""The options of a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingOptions:
    """The options of a training; times in minutes, lengths in tokens.

    `keep_layers`: how many of the base model's first layers are kept (None for all). `freeze_layers`: how many of them
    are frozen, with the embeddings. `class_cap`: see `capped`. `teacher`: see `teacher_margins`; the student also
    learns its scores, with `teacher_weight` in the loss and softened by `teacher_temperature`. Three-star texts and
    snippets, whose labels are missing or doubtful, are learned from the teacher alone. `sentence_share`: share of the
    texts that are read sentence by sentence, so that the label applies to the mean of the sentences' scores (see
    `bag_loss`); three-star texts have one half as their label.
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
