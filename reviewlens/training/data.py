"""Training and validation data as token ids: drawn from the corpus, cut to snippets, scored by a teacher."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from transformers import DataCollatorWithPadding

from reviewlens.errors import ConfigurationError
from reviewlens.training.corpus import Corpus, capped
from reviewlens.training.distillation import teacher_margins
from reviewlens.training.label_noise import doubtful_labels
from reviewlens.training.snippets import sentences, snippet
from reviewlens.training.training_args import TrainingOptions

log = logging.getLogger(__name__)

UNLABELLED = -100
"""The label of a text that only the teacher scores and, when read by sentences, of a three-star text."""

SENTENCE_TOKENS = 48
"""Most tokens of a sentence, for texts read by sentences."""


class TokenisedReviews(torch.utils.data.Dataset):  # type: ignore[misc]
    """Token ids of cleaned texts with their labels (`UNLABELLED` for none) and, for a student, the teacher's margins.

    `by_sentences`: the sentences of texts that are read sentence by sentence, by the text's index.
    """

    def __init__(
        self,
        tokenizer: Any,
        texts: Sequence[str],
        labels: Sequence[int],
        max_tokens: int,
        margins: NDArray[np.float32] | None = None,
        by_sentences: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self.ids: list[list[int]] = []
        for start in range(0, len(texts), 4096):
            encoded = tokenizer(texts[start : start + 4096], truncation=True, max_length=max_tokens)
            self.ids.extend(encoded["input_ids"])
        self.labels = labels
        self.margins = margins
        self.sentences: dict[int, list[list[int]]] = {
            index: tokenizer(list(parts), truncation=True, max_length=SENTENCE_TOKENS)["input_ids"]
            for index, parts in (by_sentences or {}).items()
        }

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index in self.sentences:
            return {"sentences": self.sentences[index], "labels": self.labels[index]}
        row = {"input_ids": self.ids[index], "labels": self.labels[index]}
        return row if self.margins is None else {**row, "margins": float(self.margins[index])}

    def lengths(self) -> list[int]:
        """Tokens of each text, special tokens included; for a text read by sentences, with padding."""
        return [
            len(self.sentences[index]) * max(map(len, self.sentences[index])) if index in self.sentences else len(ids)
            for index, ids in enumerate(self.ids)
        ]


class Collator:
    """Pads rows to tensors. For texts read by sentences, the rows are the sentences, and `bags` is the text of each."""

    def __init__(self, tokenizer: Any) -> None:
        self._pad = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        if "sentences" not in rows[0]:
            return dict(self._pad(list(rows)))
        flat = [(bag, ids) for bag, row in enumerate(rows) for ids in row["sentences"]]
        padded = dict(self._pad([{"input_ids": ids} for _, ids in flat]))
        padded["bags"] = torch.tensor([bag for bag, _ in flat])
        padded["labels"] = torch.tensor([row["labels"] for row in rows])
        return padded


def datasets(corpus: Corpus, tokenizer: Any, options: TrainingOptions) -> tuple[TokenisedReviews, TokenisedReviews]:
    """The training and the validation dataset. Raises ConfigurationError and InputError as `teacher_margins` does."""
    texts, labels = _training_texts(corpus, options)
    margins = None
    if options.teacher is not None:
        margins = teacher_margins(options.teacher, texts, options.output, options.threads)
        labels = _without_doubtful(labels, margins)
    by_sentences = _by_sentences(texts, labels, options)
    held_out = corpus.part("validation").head(options.evaluation_texts)
    return (
        TokenisedReviews(tokenizer, texts, labels, options.max_tokens, margins, by_sentences),
        TokenisedReviews(tokenizer, held_out["text"].to_list(), held_out["label"].to_list(), options.max_tokens),
    )


def _without_doubtful(labels: list[int], margins: NDArray[np.float32]) -> list[int]:
    """Labels without those that the teacher's scores show to be wrong; the teacher's score replaces them."""
    array = np.array(labels)
    labelled = array != UNLABELLED
    doubtful = np.zeros(len(array), dtype=bool)
    doubtful[labelled] = doubtful_labels(array[labelled], margins[labelled])
    log.info("%d of %d labels are doubtful; the teacher's scores replace them", doubtful.sum(), labelled.sum())
    return [int(label) for label in np.where(doubtful, UNLABELLED, array)]


def _by_sentences(texts: list[str], labels: list[int], options: TrainingOptions) -> dict[int, list[str]]:
    """The texts to read by sentences: a share drawn by the seed, and every three-star text."""
    if not options.sentence_share:
        return {}
    if options.teacher is not None:
        raise ConfigurationError(
            "Texts are read by sentences or scored by a teacher, not both: use --sentence-share or --teacher.",
            code="sentences-or-teacher",
        )
    rng = random.Random(options.seed + 1)
    return {
        index: sentences(text, rng)
        for index, (text, label) in enumerate(zip(texts, labels, strict=True))
        if label == UNLABELLED or rng.random() < options.sentence_share
    }


def _training_texts(corpus: Corpus, options: TrainingOptions) -> tuple[list[str], list[int]]:
    rows = corpus.part("train")
    if options.class_cap is not None:
        rows = capped(rows, options.class_cap, options.seed)
    if options.teacher is not None or options.sentence_share:
        rows = pl.concat([rows, corpus.part("train", neutral=True)])
    rows = rows.sample(fraction=1.0, shuffle=True, seed=options.seed)
    if options.limit:
        rows = rows.head(options.limit)
    rng = random.Random(options.seed)
    texts, labels = [], []
    for text, label in rows.select("text", "label").iter_rows():
        shown = snippet(text, rng) if rng.random() < options.snippet_share else text
        texts.append(shown)
        # A review's stars are a doubtful label for a few of its sentences; the teacher's score is better.
        doubtful = label is None or (options.teacher is not None and shown != text)
        labels.append(UNLABELLED if doubtful else label)
    return texts, labels
