"""The n-gram stage: trained on a teacher's scores, and fitted also with models that never saw a text's source."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.errors import InputError
from reviewlens.model.encoder import TextEncoder
from reviewlens.model.ngrams import NgramModel
from reviewlens.release.bounds import StageCandidate, StageView
from reviewlens.release.calibration import fit_temperature
from reviewlens.release.ngram_training import fit_ngrams, out_of_source
from reviewlens.release.work import Work, digest
from reviewlens.training.corpus import Corpus, without_near_copies
from reviewlens.training.distillation import read_scores

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Tokens = Sequence[Sequence[int]]

LEAST_KNOWN_QUANTILE = 0.2
"""The n-gram stage answers no text with a smaller share of known n-grams than this quantile of the validation texts:
unfamiliar text goes to a transformer."""

_FOLDS = 3
_ALL_FOLDS = -1
_LABEL_TARGET = 0.95
_LABEL_WEIGHT = 0.5


def ngram_stage(
    corpus: Corpus, fitting: pl.DataFrame, labels: Labels, scores: Path, encoder: TextEncoder, work: Work
) -> tuple[NgramModel, StageCandidate]:
    """The trained model, and the candidate to fit its bounds with.

    `fitting`: rows with text and source, `labels` of them (-1: none); `scores`: the teacher's, see `training_rows`.
    """
    rows = training_rows(corpus, scores)
    targets, weights = (rows[name].to_numpy().astype(np.float64) for name in ("target", "weight"))
    texts = rows["text"].to_list()
    tokens, fitting_tokens = encoder.tokens(texts), encoder.tokens(fitting["text"].to_list())
    fold_of = out_of_source([source for source in rows["source"] if source is not None], _FOLDS)
    folds = np.array([fold_of.get(source, -1) for source in rows["source"]])
    name = ["ngrams", digest(texts), encoder_name(encoder)]
    name.append(digest([targets.tobytes().hex(), weights.tobytes().hex(), folds.tobytes().hex()]))

    def train(left_out: int) -> NgramModel:
        # A text without a source may come from the fold that is left out: only the model of all folds learns from it.
        kept = np.flatnonzero((folds != left_out) & (folds >= 0)) if left_out >= 0 else np.arange(len(tokens))

        def fitted() -> NDArray[np.int16]:
            return fit_ngrams([tokens[index] for index in kept.tolist()], targets[kept], weights[kept]).weights

        return NgramModel(work.array([*name, str(left_out)], fitted))

    model = train(_ALL_FOLDS)
    started = time.perf_counter()
    reading = model.read(fitting_tokens)
    margins = reading.margins
    cost = (time.perf_counter() - started) / len(fitting)
    labelled = labels >= 0
    log.info(
        "n-grams: accuracy %.4f alone, %.1f microseconds a text",
        np.mean((margins[labelled] >= 0) == (labels[labelled] == 1)),
        1e6 * cost,
    )
    least_known = round(float(np.quantile(reading.known[labelled], LEAST_KNOWN_QUANTILE)), 3)
    views = [StageView(margins, reading.may_answer(least_known))]
    if len(fold_of) >= _FOLDS:
        fold_of_row = np.array([fold_of.get(source, 0) for source in fitting["source"]])
        unseen, may_answer = margins.copy(), views[0].may_answer.copy()
        for fold in range(_FOLDS):
            chosen = np.flatnonzero(fold_of_row == fold)
            chosen_tokens = [fitting_tokens[index] for index in chosen.tolist()]
            by_fold = train(fold).read(chosen_tokens)
            unseen[chosen], may_answer[chosen] = by_fold.margins, by_fold.may_answer(least_known)
        views.append(StageView(unseen, may_answer))
    return model, StageCandidate(
        "ngrams", views, fit_temperature(margins[labelled], labels[labelled]), cost, least_known
    )


def training_rows(corpus: Corpus, scores: Path) -> pl.DataFrame:
    """Training rows of the n-grams: text, source (null if unknown), target (a probability of positive) and weight.

    `scores`: a Parquet file with `text` (cleaned) and `margin` (positive less negative logit) of training texts and,
    optionally, of others such as snippets of them. Validation and test texts in it are ignored. A labelled training
    text without a score gets its label as target, with less weight. Raises InputError for a file without these columns
    or without any training text.
    """
    known = read_scores(scores)
    training = corpus.frame.filter(pl.col("split") == "train").select("text", "source", "label")
    rows = training.join(known, on="text", how="left", maintain_order="left")
    unscored = rows["margin"].null_count()
    if unscored == len(rows):
        raise InputError(f"{scores.name} scores none of the training texts.", code="teacher-scores")
    extra = known.join(corpus.frame, on="text", how="anti")
    held_out = corpus.frame.filter(pl.col("split") != "train")
    kept = without_near_copies([*held_out["text"], *extra["text"]], [*held_out["split"], *["train"] * len(extra)])[
        len(held_out) :
    ]
    rows = pl.concat([rows, extra.filter(pl.Series(kept, dtype=pl.Boolean))], how="diagonal_relaxed")
    rows = rows.filter(pl.col("margin").is_not_null() | pl.col("label").is_not_null())
    log.info("n-grams are trained on %d texts, %d of them without a teacher's score", len(rows), unscored)
    labelled = pl.when(pl.col("label") == 1).then(_LABEL_TARGET).otherwise(1 - _LABEL_TARGET)
    teacher = 1 / (1 + (-pl.col("margin").cast(pl.Float64)).exp())
    return rows.select(
        "text",
        "source",
        target=pl.coalesce(teacher, labelled),
        weight=pl.when(pl.col("margin").is_null()).then(_LABEL_WEIGHT).otherwise(1.0),
    )


def encoder_name(encoder: TextEncoder) -> str:
    """A name that differs between tokenizers that give different ids."""
    return digest([str(ids) for ids in encoder.tokens(["An unremarkable kettle, 4/5!", "\u00e9t\u00e9 #1 <br>"])])
