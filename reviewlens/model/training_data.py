"""The texts that a training run sees, as token ids: drawn from the corpus, cut to snippets, scored by a teacher."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from reviewlens.model.corpus import Corpus, capped
from reviewlens.model.label_noise import doubtful_labels
from reviewlens.model.snippets import snippet
from reviewlens.model.teaching import teacher_margins
from reviewlens.model.training_options import TrainingOptions

log = logging.getLogger(__name__)

UNLABELLED = -100
"""The label of a text that only the teacher speaks of."""


class TokenisedReviews(torch.utils.data.Dataset):  # type: ignore[misc]
    """Token ids of cleaned texts with their labels (`UNLABELLED` for none); for a student, with a teacher's margins."""

    def __init__(
        self,
        tokenizer: Any,
        texts: Sequence[str],
        labels: Sequence[int],
        max_tokens: int,
        margins: NDArray[np.float32] | None = None,
    ) -> None:
        self.ids: list[list[int]] = []
        for start in range(0, len(texts), 4096):
            encoded = tokenizer(texts[start : start + 4096], truncation=True, max_length=max_tokens)
            self.ids.extend(encoded["input_ids"])
        self.labels = labels
        self.margins = margins

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = {"input_ids": self.ids[index], "labels": self.labels[index]}
        return row if self.margins is None else {**row, "margins": float(self.margins[index])}

    def lengths(self) -> list[int]:
        """Tokens of each text, the special ones counted in."""
        return [len(ids) for ids in self.ids]


def datasets(corpus: Corpus, tokenizer: Any, options: TrainingOptions) -> tuple[TokenisedReviews, TokenisedReviews]:
    """What to train on and what to validate on."""
    texts, labels = _training_texts(corpus, options)
    margins = None
    if options.teacher is not None:
        margins = teacher_margins(options.teacher, texts, options.output, options.threads)
        labels = _without_doubtful(labels, margins)
    held_out = corpus.part("validation").head(options.evaluation_texts)
    return (
        TokenisedReviews(tokenizer, texts, labels, options.max_tokens, margins),
        TokenisedReviews(tokenizer, held_out["text"].to_list(), held_out["label"].to_list(), options.max_tokens),
    )


def _without_doubtful(labels: list[int], margins: NDArray[np.float32]) -> list[int]:
    """Labels that the teacher's scores show to be wrong are not learned: the teacher's word stands for them."""
    given = np.array(labels)
    labelled = given != UNLABELLED
    doubtful = np.zeros(len(given), dtype=bool)
    doubtful[labelled] = doubtful_labels(given[labelled], margins[labelled])
    log.info("%d of %d labels are doubtful and left to the teacher", doubtful.sum(), labelled.sum())
    return [int(label) for label in np.where(doubtful, UNLABELLED, given)]


def _training_texts(corpus: Corpus, options: TrainingOptions) -> tuple[list[str], list[int]]:
    rows = corpus.part("train")
    if options.class_cap is not None:
        rows = capped(rows, options.class_cap, options.seed)
    if options.teacher is not None:
        rows = pl.concat([rows, corpus.part("train", neutral=True)])
    rows = rows.sample(fraction=1.0, shuffle=True, seed=options.seed)
    if options.limit:
        rows = rows.head(options.limit)
    rng = random.Random(options.seed)
    texts, labels = [], []
    for text, label in rows.select("text", "label").iter_rows():
        cut = snippet(text, rng) if rng.random() < options.snippet_share else text
        texts.append(cut)
        # A review's stars are a doubtful label for three of its sentences; a teacher knows better.
        doubtful = label is None or (options.teacher is not None and cut != text)
        labels.append(UNLABELLED if doubtful else label)
    return texts, labels
