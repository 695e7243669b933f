"""The n-gram stage as shipping makes it: learnt from the teacher's scores, judged also by models that never saw a
text's source."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.errors import InputError
from reviewlens.model.calibration import fit_temperature, sigmoid
from reviewlens.model.cascade_fit import Contender, View
from reviewlens.model.encoder import TextEncoder
from reviewlens.model.ngrams import NgramModel
from reviewlens.model.ngrams_fit import fit_ngrams, out_of_source
from reviewlens.model.shipping_work import Work, digest

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Tokens = Sequence[Sequence[int]]

LEAST_KNOWN_QUANTILE = 0.2
"""The n-gram stage leaves alone the texts of which less is known than of this share of the validation texts: text of
another kind is for a model that reads it."""

_FOLDS = 3
_LABEL_SAYS = 0.95
_LABEL_WEIGHT = 0.5


def ngram_stage(
    training: pl.DataFrame, judged: pl.DataFrame, labels: Labels, scores: Path, encoder: TextEncoder, work: Work
) -> tuple[NgramModel, Contender]:
    """The model, and what its bounds are fitted by.

    `training`: rows with text, label, source; `judged`: rows with text and source, `labels` of them (-1: none);
    `scores`: the teacher's, as `targets_of` reads them.
    """
    tokens, judged_tokens = encoder.tokens(training["text"].to_list()), encoder.tokens(judged["text"].to_list())
    targets, weights = targets_of(training, scores)
    fold_of = out_of_source(training["source"].to_list(), _FOLDS)
    folds = np.array([fold_of[source] for source in training["source"]])
    name = ["ngrams", digest(training["text"].to_list()), digest([targets.tobytes().hex()]), encoder_name(encoder)]

    def learn(left_out: int) -> NgramModel:
        kept = np.flatnonzero(folds != left_out)

        def made() -> NDArray[np.int16]:
            return fit_ngrams([tokens[index] for index in kept.tolist()], targets[kept], weights[kept]).weights

        return NgramModel(work.array([*name, str(left_out)], made))

    model = learn(-1)
    started = time.perf_counter()
    margins, known = model.margins(judged_tokens)
    cost = (time.perf_counter() - started) / len(judged)
    own = labels >= 0
    log.info(
        "n-grams: accuracy %.4f by themselves, %.1f microseconds a text",
        np.mean((margins[own] >= 0) == (labels[own] == 1)),
        1e6 * cost,
    )
    least_known = round(float(np.quantile(known[own], LEAST_KNOWN_QUANTILE)), 3)
    views = [View(margins, known >= least_known)]
    if len(fold_of) >= _FOLDS:
        unseen = np.array([fold_of.get(source, 0) for source in judged["source"]])
        strange, strange_known = margins.copy(), known.copy()
        for fold in range(_FOLDS):
            some = np.flatnonzero(unseen == fold)
            strange[some], strange_known[some] = learn(fold).margins([judged_tokens[index] for index in some.tolist()])
        views.append(View(strange, strange_known >= least_known))
    return model, Contender("ngrams", views, fit_temperature(margins[own], labels[own]), cost, least_known)


def targets_of(training: pl.DataFrame, scores: Path) -> tuple[Floats, Floats]:
    """The probability of positive that each training text is to get, and how much it counts.

    `scores`: a Parquet file with `text` (cleaned) and `margin` (positive less negative logit). Where it lacks a text,
    the label is taken, for less. Raises InputError for a file without these columns, or with none of the texts.
    """
    try:
        known = pl.read_parquet(scores, columns=["text", "margin"])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            f"{scores.name} holds no teacher's scores; it is a Parquet file with text and margin.",
            code="teacher-scores",
        ) from error
    found = training.join(known.unique("text", keep="first"), on="text", how="left", maintain_order="left")["margin"]
    missing = found.is_null().to_numpy()
    if missing.all():
        raise InputError(f"{scores.name} scores none of the training texts.", code="teacher-scores")
    if missing.any():
        log.info("%d of %d texts have no score of the teacher; their labels are taken", missing.sum(), len(missing))
    taught = sigmoid(found.fill_null(0.0).to_numpy().astype(np.float64))
    labelled = np.where(training["label"].to_numpy() == 1, _LABEL_SAYS, 1 - _LABEL_SAYS)
    return np.where(missing, labelled, taught), np.where(missing, _LABEL_WEIGHT, 1.0)


def encoder_name(encoder: TextEncoder) -> str:
    """Tells apart tokenizers that cut texts into other ids."""
    return digest([str(ids) for ids in encoder.tokens(["An unremarkable kettle, 4/5!", "\u00e9t\u00e9 #1 <br>"])])
