"""The stages before a bundle's own graph, as shipping makes them: n-grams learnt from the teacher's scores, bounds
fitted on validation texts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.model.bundle import CascadeStage
from reviewlens.model.encoder import TextEncoder, calibrated
from reviewlens.model.engines.cascade import lengths_of, sure
from reviewlens.model.ngrams import NgramModel
from reviewlens.release.bounds import Contender, Tolerance, Verdicts, View, fit_cascade
from reviewlens.release.calibration import fit_temperature
from reviewlens.release.graphs import ShippedGraph
from reviewlens.release.ngram_stage import ngram_stage
from reviewlens.release.work import Work
from reviewlens.training.corpus import Corpus
from reviewlens.training.snippets import snippet

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_SNIPPETS = 4000
_SOURCE_TEXTS = 400


@dataclass(frozen=True)
class Stages:
    """The fitted stages with what they score by; empty for a bundle of one graph."""

    stages: tuple[CascadeStage, ...] = ()
    ngrams: NgramModel | None = None
    small: ShippedGraph | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def scores(self, texts: Sequence[str], last: Floats, tokens: TextEncoder) -> tuple[Floats, Labels]:
        """What the cascade says where the last stage alone says `last`, and which stage said it (-1: the last).

        `tokens`: the encoder whose ids the n-grams are made of.
        """
        scores, answered_by = last.copy(), np.full(len(texts), -1, dtype=np.int64)
        waiting = np.ones(len(texts), dtype=np.bool_)
        lengths = lengths_of(tokens.tokens(texts)) if self.stages else np.zeros(len(texts), dtype=np.int64)
        for number, stage in enumerate(self.stages):
            found, may = self.of(stage, texts, tokens)
            done = waiting & may & sure(stage, found, lengths)
            scores[done], answered_by[done] = found[done], number
            waiting &= ~done
        return scores, answered_by

    def of(self, stage: CascadeStage, texts: Sequence[str], tokens: TextEncoder) -> tuple[Floats, NDArray[np.bool_]]:
        """One stage's calibrated scores, and which texts it may answer at all."""
        if stage.name == "small":
            assert self.small is not None
            return calibrated(self.small.margins(texts), stage.temperature), np.ones(len(texts), dtype=np.bool_)
        assert self.ngrams is not None
        margins, known = self.ngrams.margins(tokens.tokens(texts))
        return calibrated(margins, stage.temperature), known >= stage.least_known


def fit_stages(
    corpus: Corpus,
    validation: pl.DataFrame,
    last: ShippedGraph,
    small: ShippedGraph | None,
    teacher_scores: Path | None,
    tolerance: Tolerance,
    work: Work,
) -> Stages:
    """Learn and fit. `validation`: the corpus's rows to fit on; `teacher_scores`: a Parquet file with text and margin,
    None for a cascade without n-grams.

    Agreement is judged on the validation texts, on a few sentences cut from each, and on every source by itself.
    """
    judged, labels, groups, parts = _judged(validation)
    texts = judged["text"].to_list()
    contenders, ngrams = [], None
    if teacher_scores is not None:
        encoder = (small or last).encoder
        ngrams, contender = ngram_stage(corpus, judged, labels, teacher_scores, encoder, work)
        contenders.append(contender)
    if small is not None:
        contenders.append(_small_stage(small, texts, labels))
    lengths = lengths_of((small or last).encoder.tokens(texts))
    verdicts = Verdicts(last.margins(texts) >= 0, labels, lengths, groups, parts)
    fitted = fit_cascade(contenders, verdicts, last.seconds_per_text(texts), tolerance)
    own = fitted.answered_by[labels >= 0]
    return Stages(
        fitted.stages,
        ngrams,
        small,
        {
            "disagreement": tolerance.disagreement,
            "longer": [list(each) for each in tolerance.longer],
            "validation_texts": int(np.sum(labels >= 0)),
            "snippets": int(np.sum(labels < 0)),
            "agreement": round(fitted.agreement, 5),
            "accuracy_loss": round(fitted.accuracy_loss, 5),
            "answered": {
                stage.name: round(float(np.mean(own == number)), 4) for number, stage in enumerate(fitted.stages)
            },
        },
    )


def _judged(
    validation: pl.DataFrame,
) -> tuple[pl.DataFrame, Labels, list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Validation rows with snippets cut from them below, labels (-1: a snippet, whose text may say another thing than
    its review's stars), reviews and snippets as groups to be judged by themselves, and each large source."""
    rng = random.Random(29)
    cut = [snippet(text, rng) for text in validation["text"]]
    snippets = validation.with_columns(pl.Series("text", cut)).filter(pl.col("text") != validation["text"])
    snippets = snippets.head(_SNIPPETS)
    both = pl.concat([validation, snippets])
    labels = np.concatenate([validation["label"].to_numpy(), np.full(len(snippets), -1)]).astype(np.int64)
    sources = both["source"].to_numpy()
    groups = [labels >= 0, *([labels < 0] if len(snippets) else [])]
    large = [name for name, count in zip(*np.unique(sources, return_counts=True), strict=True) if count > _SOURCE_TEXTS]
    return both, labels, groups, [np.asarray(sources == name) for name in large]


def _small_stage(small: ShippedGraph, texts: list[str], labels: Labels) -> Contender:
    margins, known = small.margins(texts), labels >= 0
    temperature = fit_temperature(margins[known], labels[known])
    view = View(margins, np.ones(len(texts), dtype=np.bool_))
    return Contender("small", [view], temperature, cost=small.seconds_per_text(texts))
