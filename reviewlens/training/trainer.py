"""Fine-tuning of any Hugging Face encoder on labelled reviews, within a time limit and across restarts."""

from __future__ import annotations

import json
import logging
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
    EarlyStoppingCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from reviewlens.training.base_model import resolve_base_model, shape_encoder
from reviewlens.training.batching import TokenBudgetBatches
from reviewlens.training.clock import Clock, ClockCallback, time_decay
from reviewlens.training.corpus import Corpus, read_corpus
from reviewlens.training.data import UNLABELLED, Collator, datasets
from reviewlens.training.training_args import TrainingOptions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingReport:
    """The result of a training; `model` is a Hugging Face folder."""

    model: Path
    steps: int
    texts_seen: int
    minutes: float
    validation: dict[str, float] = field(default_factory=dict)


class ReviewTrainer(Trainer):  # type: ignore[misc]
    """Trainer with length-sorted batches under a token budget, a weighted smoothed loss and decay by elapsed time."""

    def __init__(
        self, *args: Any, options: TrainingOptions, clock: Clock, weights: torch.Tensor, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._options = options
        self._clock = clock
        self._weights = weights

    def get_train_dataloader(self) -> Any:
        batches = TokenBudgetBatches(
            self.train_dataset.lengths(),
            max_tokens=self._options.batch_tokens,
            seed=self._options.seed,
            apart=self.train_dataset.sentences,
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
        labels, margins, bags = inputs.pop("labels"), inputs.pop("margins", None), inputs.pop("bags", None)
        outputs = model(**inputs)
        logits = outputs.logits.float()
        if bags is not None:
            loss = bag_loss(logits, labels, bags, self._weights.to(logits.device))
            return (loss, outputs) if return_outputs else loss
        loss = torch.nn.functional.cross_entropy(
            logits,
            labels,
            weight=self._weights.to(logits.device),
            label_smoothing=self._options.label_smoothing if model.training else 0.0,
            ignore_index=UNLABELLED,
        )
        if margins is not None and model.training:
            weight = self._options.teacher_weight
            distilled = distillation_loss(logits, margins.to(logits), self._options.teacher_temperature)
            # A batch without any label has no loss against labels (torch returns nan).
            labelled = bool((labels != UNLABELLED).any())
            loss = weight * distilled + (1 - weight) * loss if labelled else weight * distilled
        return (loss, outputs) if return_outputs else loss


def distillation_loss(logits: torch.Tensor, margins: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross-entropy of the student's softened scores against the teacher's (Hinton et al. 2015, arXiv:1503.02531).

    It is multiplied by the squared temperature, so that gradients keep their size, and reduced by its minimum, so that
    0 is agreement. `logits`: (rows, 2); `margins`: the teacher's positive less negative logit, (rows,).
    """
    target = torch.sigmoid(margins / temperature)
    student = (logits[:, 1] - logits[:, 0]) / temperature
    least = torch.nn.functional.binary_cross_entropy(target, target)
    return temperature**2 * (torch.nn.functional.binary_cross_entropy_with_logits(student, target) - least)


def bag_loss(
    logits: torch.Tensor, labels: torch.Tensor, bags: torch.Tensor, weights: torch.Tensor, smoothing: float = 0.1
) -> torch.Tensor:
    """Cross-entropy of a text's label against the mean positive probability of its sentences.

    A positive review may thus have a negative sentence (learning instances from the labels of their groups: Kotzias et
    al. 2015, doi:10.1145/2783258.2783380). A three-star text's label is one half.

    `logits`: (sentences, 2); `labels`: (texts,) of 1, 0, UNLABELLED; `bags`: each sentence's text; `weights`: of
    (negative, positive).
    """
    positive = torch.sigmoid(logits[:, 1] - logits[:, 0])
    texts = len(labels)
    sums = positive.new_zeros(texts).index_add(0, bags, positive)
    mean = (sums / torch.bincount(bags, minlength=texts)).clamp(1e-4, 1 - 1e-4)
    known = labels != UNLABELLED
    target = torch.where(known, smoothing / 2 + (1 - smoothing) * labels, torch.full_like(mean, 0.5))
    weight = torch.where(known, weights[labels.clamp(min=0)], torch.ones_like(mean))
    return torch.nn.functional.binary_cross_entropy(mean, target, weight=weight)


def train(options: TrainingOptions) -> TrainingReport:
    """Fine-tune, and save the best model under `options.output`/model; after a kill, the same call resumes.

    Raises InputError for an unusable corpus and ConfigurationError for a base model that cannot be loaded.
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
    training, validation = datasets(corpus, tokenizer, options)
    clock = Clock(options.max_minutes, options.output / "clock.json")
    trainer = ReviewTrainer(
        model=model,
        args=_arguments(options),
        train_dataset=training,
        eval_dataset=validation,
        data_collator=Collator(tokenizer),
        processing_class=tokenizer,
        compute_metrics=_metrics,
        callbacks=[
            ClockCallback(clock, options.evaluate_every_minutes, options.output / "training_log.jsonl"),
            EarlyStoppingCallback(early_stopping_patience=options.patience),
        ],
        options=options,
        clock=clock,
        weights=_class_weights([label for label in training.labels if label != UNLABELLED], options.class_weights),
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
    base_name = Path(base).name if Path(base).is_dir() else base
    recorded = {name: value.name if isinstance(value, Path) else value for name, value in asdict(options).items()}
    facts = {
        "options": {**recorded, "base_model": base_name},
        "base_model": base_name,
        "corpus_sha256": corpus.fingerprint(),
        "dropped_near_copies": corpus.dropped_near_copies,
        "rows": {
            f"{split}/{licence}": count
            for split, licence, count in corpus.frame.group_by("split", "licence").len().sort("split", "licence").rows()
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


def _arguments(options: TrainingOptions) -> TrainingArguments:
    on_gpu = torch.cuda.is_available()
    # bf16 autocast is faster on a CPU only if it has the instructions; otherwise oneDNN emulates it, which is slower.
    bf16 = torch.cuda.is_bf16_supported() if on_gpu else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    never = 10**9  # the clock callback requests evaluations and checkpoints, not step counts
    return TrainingArguments(
        output_dir=str(options.output),
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        bf16=bool(bf16),
        use_cpu=not on_gpu,
        eval_strategy="steps",
        eval_steps=never,
        save_strategy="steps",
        save_steps=never,
        save_total_limit=options.keep_checkpoints,
        load_best_model_at_end=True,
        # On a few thousand texts, the loss separates models of equal accuracy.
        metric_for_best_model="loss",
        greater_is_better=False,
        logging_steps=20,
        report_to=[],
        seed=options.seed,
        disable_tqdm=True,
        remove_unused_columns=False,
    )


def _class_weights(labels: list[int], rule: str) -> torch.Tensor:
    """Loss weights of (negative, positive), with mean 1: equal, or by (the root of) inverse frequency."""
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[rule]
    counts = np.maximum(np.bincount(labels, minlength=2), 1)
    weights = (counts.sum() / (2 * counts)) ** power
    return torch.tensor(weights / np.average(weights, weights=counts), dtype=torch.float32)


def _metrics(prediction: Any) -> dict[str, float]:
    predicted, labels = prediction.predictions.argmax(axis=1), prediction.label_ids
    frame = pl.DataFrame({"right": predicted == labels, "label": labels})
    per_class = frame.group_by("label").agg(pl.col("right").mean())["right"]
    return {"accuracy": float(np.mean(predicted == labels)), "balanced_accuracy": float(np.mean(per_class.to_numpy()))}
