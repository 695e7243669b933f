"""Fine-tuning any Hugging Face encoder on labelled reviews, within a given time and across restarts."""

from __future__ import annotations

import json
import logging
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from reviewlens.model.base_model import resolve_base_model
from reviewlens.model.batching import TokenBudgetBatches
from reviewlens.model.corpus import Corpus, capped, read_corpus
from reviewlens.model.layers import shape_encoder
from reviewlens.model.snippets import snippet
from reviewlens.model.training_clock import Clock, ClockCallback, time_decay

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingOptions:
    """What a training run is asked to do; times in minutes, lengths in tokens.

    `keep_layers`: only the base model's first so many layers; `freeze_layers`: the embeddings and the first so many
    layers stay as they are; `class_cap`: see `capped`.
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
    keep_layers: int | None = None
    freeze_layers: int = 0
    class_cap: int | None = None
    evaluate_every_minutes: float = 10.0
    evaluation_texts: int = 2000
    patience: int = 4
    seed: int = 13
    threads: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class TrainingReport:
    """What came of a training run; `model` is a Hugging Face folder."""

    model: Path
    steps: int
    texts_seen: int
    minutes: float
    validation: dict[str, float] = field(default_factory=dict)


class TokenisedReviews(torch.utils.data.Dataset):  # type: ignore[misc]
    """Token ids of cleaned texts with their labels."""

    def __init__(self, tokenizer: Any, texts: list[str], labels: list[int], max_tokens: int) -> None:
        self.ids: list[list[int]] = []
        for start in range(0, len(texts), 4096):
            encoded = tokenizer(texts[start : start + 4096], truncation=True, max_length=max_tokens)
            self.ids.extend(encoded["input_ids"])
        self.labels = labels

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self.ids[index], "labels": self.labels[index]}

    def lengths(self) -> list[int]:
        """Tokens of each text, the special ones counted in."""
        return [len(ids) for ids in self.ids]


class ReviewTrainer(Trainer):  # type: ignore[misc]
    """Trainer with length-sorted batches under a token budget, weighted smoothed loss and decay by elapsed time."""

    def __init__(
        self, *args: Any, options: TrainingOptions, clock: Clock, weights: torch.Tensor, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._options = options
        self._clock = clock
        self._weights = weights

    def get_train_dataloader(self) -> Any:
        batches = TokenBudgetBatches(
            self.train_dataset.lengths(), max_tokens=self._options.batch_tokens, seed=self._options.seed
        )
        return torch.utils.data.DataLoader(self.train_dataset, batch_sampler=batches, collate_fn=self.data_collator)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        data = eval_dataset if eval_dataset is not None else self.eval_dataset
        batches = TokenBudgetBatches(data.lengths(), max_tokens=2 * self._options.batch_tokens)
        return torch.utils.data.DataLoader(data, batch_sampler=batches, collate_fn=self.data_collator)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer,
            time_decay(self._clock, num_training_steps, self._options.warmup_share),
        )
        return self.lr_scheduler

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(
            outputs.logits.float(),
            labels,
            weight=self._weights.to(outputs.logits.device),
            label_smoothing=self._options.label_smoothing if model.training else 0.0,
        )
        return (loss, outputs) if return_outputs else loss


def train(options: TrainingOptions) -> TrainingReport:
    """Fine-tune and save the best model under `options.output`/model; run again after a kill, it resumes.

    Raises InputError for an unusable corpus and ConfigurationError for a base model that cannot be had.
    """
    set_seed(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    corpus = read_corpus(options.corpus, options.licences)
    base = resolve_base_model(options.base_model)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=2, id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1}
    )
    shape_encoder(model, options.keep_layers, options.freeze_layers)
    training, validation = _datasets(corpus, tokenizer, options)
    clock = Clock(options.max_minutes, options.output / "clock.json")
    trainer = ReviewTrainer(
        model=model,
        args=_arguments(options),
        train_dataset=training,
        eval_dataset=validation,
        data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8),
        processing_class=tokenizer,
        compute_metrics=_metrics,
        callbacks=[
            ClockCallback(clock, options.evaluate_every_minutes, options.output / "training_log.jsonl"),
            EarlyStoppingCallback(early_stopping_patience=options.patience),
        ],
        options=options,
        clock=clock,
        weights=_class_weights(training.labels, options.class_weights),
    )
    last = get_last_checkpoint(str(options.output)) if options.output.is_dir() else None
    log.info("training on %d texts, validating on %d, resuming from %s", len(training), len(validation), last)
    trainer.train(resume_from_checkpoint=last)
    return _finish(trainer, corpus, options, clock, base)


def _finish(
    trainer: ReviewTrainer, corpus: Corpus, options: TrainingOptions, clock: Clock, base: str
) -> TrainingReport:
    folder = options.output / "model"
    trainer.save_model(str(folder))
    measured = {name: round(value, 6) for name, value in trainer.evaluate().items() if isinstance(value, float)}
    mean_rows = len(trainer.train_dataset) / max(1, len(trainer.get_train_dataloader()))
    report = TrainingReport(
        model=folder,
        steps=trainer.state.global_step,
        texts_seen=round(trainer.state.global_step * mean_rows),
        minutes=round(clock.minutes(), 2),
        validation=measured,
    )
    facts = {
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()},
        "base_model": Path(base).name if Path(base).is_dir() else base,
        "corpus_sha256": corpus.fingerprint(),
        "dropped_near_copies": corpus.dropped_near_copies,
        "rows": {
            f"{s}/{licence}": n
            for s, licence, n in corpus.frame.group_by("split", "licence").len().sort("split", "licence").rows()
        },
        "sources": sorted(set(corpus.frame["source"])),
        "steps": report.steps,
        "texts_seen": report.texts_seen,
        "minutes": report.minutes,
        "validation": measured,
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    (options.output / "training.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return report


def _datasets(corpus: Corpus, tokenizer: Any, options: TrainingOptions) -> tuple[TokenisedReviews, TokenisedReviews]:
    rows = corpus.part("train")
    if options.class_cap is not None:
        rows = capped(rows, options.class_cap, options.seed)
    rows = rows.sample(fraction=1.0, shuffle=True, seed=options.seed)
    if options.limit:
        rows = rows.head(options.limit)
    held_out = corpus.part("validation").head(options.evaluation_texts)
    rng = random.Random(options.seed)
    texts = [snippet(text, rng) if rng.random() < options.snippet_share else text for text in rows["text"]]
    return (
        TokenisedReviews(tokenizer, texts, rows["label"].to_list(), options.max_tokens),
        TokenisedReviews(tokenizer, held_out["text"].to_list(), held_out["label"].to_list(), options.max_tokens),
    )


def _arguments(options: TrainingOptions) -> TrainingArguments:
    on_gpu = torch.cuda.is_available()
    # bf16 autocast pays on a CPU only where oneDNN has the instructions for it; elsewhere it is emulated and slower.
    bf16 = torch.cuda.is_bf16_supported() if on_gpu else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    on_clock = 10**9  # evaluation and saving are asked for by the clock callback, not by step counts
    return TrainingArguments(
        output_dir=str(options.output),
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        bf16=bool(bf16),
        use_cpu=not on_gpu,
        eval_strategy="steps",
        eval_steps=on_clock,
        save_strategy="steps",
        save_steps=on_clock,
        save_total_limit=2,
        load_best_model_at_end=True,
        # Of a few thousand texts the loss tells models apart that the accuracy cannot.
        metric_for_best_model="loss",
        greater_is_better=False,
        logging_steps=20,
        report_to=[],
        seed=options.seed,
        disable_tqdm=True,
        remove_unused_columns=False,
    )


def _class_weights(labels: list[int], rule: str) -> torch.Tensor:
    """Loss weights of (negative, positive): none, or (root of) inverse frequency, with mean one."""
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[rule]
    counts = np.maximum(np.bincount(labels, minlength=2), 1)
    weights = (counts.sum() / (2 * counts)) ** power
    return torch.tensor(weights / np.average(weights, weights=counts), dtype=torch.float32)


def _metrics(prediction: Any) -> dict[str, float]:
    guessed, labels = prediction.predictions.argmax(axis=1), prediction.label_ids
    frame = pl.DataFrame({"right": guessed == labels, "label": labels})
    per_class = frame.group_by("label").agg(pl.col("right").mean())["right"]
    return {"accuracy": float(np.mean(guessed == labels)), "balanced_accuracy": float(np.mean(per_class.to_numpy()))}
