"""The stages before a bundle's own graph: n-grams trained on a teacher's scores, bounds fitted on validation texts."""

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
from reviewlens.release.bounds import LastStage, StageCandidate, StageView, Tolerance, fit_cascade
from reviewlens.release.calibration import fit_temperature
from reviewlens.release.graphs import ReleaseGraph
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
    """The fitted stages with their models; empty for a bundle of one graph."""

    stages: tuple[CascadeStage, ...] = ()
    ngrams: NgramModel | None = None
    small: ReleaseGraph | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def scores(self, texts: Sequence[str], last: Floats, tokens: TextEncoder) -> tuple[Floats, Labels]:
        """The cascade's scores, and the number of the stage that answered each text (-1: the last), both (n,).

        `last`: the last stage's scores; `tokens`: the encoder of the n-grams' token ids.
        """
        scores, answered_by = last.copy(), np.full(len(texts), -1, dtype=np.int64)
        waiting = np.ones(len(texts), dtype=np.bool_)
        lengths = lengths_of(tokens.tokens(texts)) if self.stages else np.zeros(len(texts), dtype=np.int64)
        for number, stage in enumerate(self.stages):
            own, may_answer = self.of(stage, texts, tokens)
            done = waiting & may_answer & sure(stage, own, lengths)
            scores[done], answered_by[done] = own[done], number
            waiting &= ~done
        return scores, answered_by

    def of(self, stage: CascadeStage, texts: Sequence[str], tokens: TextEncoder) -> tuple[Floats, NDArray[np.bool_]]:
        """One stage's calibrated scores, and which texts it may answer, both (n,)."""
        if stage.name == "small":
            assert self.small is not None
            return calibrated(self.small.margins(texts), stage.temperature), np.ones(len(texts), dtype=np.bool_)
        assert self.ngrams is not None
        reading = self.ngrams.read(tokens.tokens(texts))
        return calibrated(reading.margins, stage.temperature), reading.may_answer(stage.least_known)


def fit_stages(
    corpus: Corpus,
    validation: pl.DataFrame,
    last: ReleaseGraph,
    small: ReleaseGraph | None,
    teacher_scores: Path | None,
    tolerance: Tolerance,
    work: Work,
) -> Stages:
    """Train the n-grams and fit every stage's bounds.

    `validation`: the corpus's rows to fit on; `teacher_scores`: a Parquet file with text and margin, None for a cascade
    without n-grams. Agreement is measured on the validation texts, on a few sentences cut from each, and on every large
    source.
    """
    rows, labels, groups, parts = _fitting_rows(validation)
    texts = rows["text"].to_list()
    candidates, ngrams = [], None
    if teacher_scores is not None:
        encoder = (small or last).encoder
        ngrams, candidate = ngram_stage(corpus, rows, labels, teacher_scores, encoder, work)
        candidates.append(candidate)
    if small is not None:
        candidates.append(_small_stage(small, texts, labels))
    lengths = lengths_of((small or last).encoder.tokens(texts))
    reference = LastStage(last.margins(texts) >= 0, labels, lengths, groups, parts)
    fitted = fit_cascade(candidates, reference, last.seconds_per_text(texts), tolerance)
    answered_by = fitted.answered_by[labels >= 0]
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
                stage.name: round(float(np.mean(answered_by == number)), 4)
                for number, stage in enumerate(fitted.stages)
            },
        },
    )


def _fitting_rows(
    validation: pl.DataFrame,
) -> tuple[pl.DataFrame, Labels, list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    """Validation rows followed by snippets of them, their labels, groups and parts (see `LastStage`).

    A snippet has the label -1: it may differ from its review's stars. Reviews and snippets are the groups, large
    sources the parts.
    """
    rng = random.Random(29)
    shortened = [snippet(text, rng) for text in validation["text"]]
    snippets = validation.with_columns(pl.Series("text", shortened)).filter(pl.col("text") != validation["text"])
    snippets = snippets.head(_SNIPPETS)
    both = pl.concat([validation, snippets])
    labels = np.concatenate([validation["label"].to_numpy(), np.full(len(snippets), -1)]).astype(np.int64)
    sources = both["source"].to_numpy()
    groups = [labels >= 0, *([labels < 0] if len(snippets) else [])]
    large = [name for name, count in zip(*np.unique(sources, return_counts=True), strict=True) if count > _SOURCE_TEXTS]
    return both, labels, groups, [np.asarray(sources == name) for name in large]


def _small_stage(small: ReleaseGraph, texts: list[str], labels: Labels) -> StageCandidate:
    margins, known = small.margins(texts), labels >= 0
    temperature = fit_temperature(margins[known], labels[known])
    view = StageView(margins, np.ones(len(texts), dtype=np.bool_))
    return StageCandidate("small", [view], temperature, cost=small.seconds_per_text(texts))
