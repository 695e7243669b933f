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
from reviewlens.model.encoder import TextEncoder
from reviewlens.model.ngrams import NgramModel
from reviewlens.release.bounds import Contender, View
from reviewlens.release.calibration import fit_temperature
from reviewlens.release.ngrams_fit import fit_ngrams, out_of_source
from reviewlens.release.work import Work, digest
from reviewlens.training.corpus import Corpus, without_near_copies
from reviewlens.training.distillation import read_scores

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Tokens = Sequence[Sequence[int]]

LEAST_KNOWN_QUANTILE = 0.2
"""The n-gram stage leaves alone the texts of which less is known than of this share of the validation texts: text of
another kind is for a model that reads it."""

_FOLDS = 3
_WHOLE = -1
_LABEL_SAYS = 0.95
_LABEL_WEIGHT = 0.5


def ngram_stage(
    corpus: Corpus, judged: pl.DataFrame, labels: Labels, scores: Path, encoder: TextEncoder, work: Work
) -> tuple[NgramModel, Contender]:
    """The model, and what its bounds are fitted by.

    `judged`: rows with text and source, `labels` of them (-1: none); `scores`: the teacher's, see `lessons`.
    """
    rows = lessons(corpus, scores)
    targets, weights = (rows[name].to_numpy().astype(np.float64) for name in ("target", "weight"))
    texts = rows["text"].to_list()
    tokens, judged_tokens = encoder.tokens(texts), encoder.tokens(judged["text"].to_list())
    fold_of = out_of_source([source for source in rows["source"] if source is not None], _FOLDS)
    folds = np.array([fold_of.get(source, -1) for source in rows["source"]])
    name = ["ngrams", digest(texts), encoder_name(encoder)]
    name.append(digest([targets.tobytes().hex(), weights.tobytes().hex(), folds.tobytes().hex()]))

    def learn(left_out: int) -> NgramModel:
        # Texts of no known source are for the whole model alone: they may be of the one that is left out.
        kept = np.flatnonzero((folds != left_out) & (folds >= 0)) if left_out >= 0 else np.arange(len(tokens))

        def made() -> NDArray[np.int16]:
            return fit_ngrams([tokens[index] for index in kept.tolist()], targets[kept], weights[kept]).weights

        return NgramModel(work.array([*name, str(left_out)], made))

    model = learn(_WHOLE)
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


def lessons(corpus: Corpus, scores: Path) -> pl.DataFrame:
    """What the n-grams learn from: rows of text, source (null where unknown), target (the probability of positive that
    the text is to get) and weight.

    `scores`: a Parquet file with `text` (cleaned) and `margin` (positive less negative logit) of training texts, and
    maybe of more, say snippets of them; what it says of validation and test texts is not looked at. A labelled
    training text that it lacks is taught by its label, for less. Raises InputError for a file without these columns,
    or with none of the training texts.
    """
    known = read_scores(scores)
    training = corpus.frame.filter(pl.col("split") == "train").select("text", "source", "label")
    rows = training.join(known, on="text", how="left", maintain_order="left")
    silent = rows["margin"].null_count()
    if silent == len(rows):
        raise InputError(f"{scores.name} scores none of the training texts.", code="teacher-scores")
    extra = known.join(corpus.frame, on="text", how="anti")
    held_out = corpus.frame.filter(pl.col("split") != "train")
    kept = without_near_copies([*held_out["text"], *extra["text"]], [*held_out["split"], *["train"] * len(extra)])[
        len(held_out) :
    ]
    rows = pl.concat([rows, extra.filter(pl.Series(kept, dtype=pl.Boolean))], how="diagonal_relaxed")
    rows = rows.filter(pl.col("margin").is_not_null() | pl.col("label").is_not_null())
    log.info("n-grams learn from %d texts, %d of them without a score of the teacher", len(rows), silent)
    labelled = pl.when(pl.col("label") == 1).then(_LABEL_SAYS).otherwise(1 - _LABEL_SAYS)
    taught = 1 / (1 + (-pl.col("margin").cast(pl.Float64)).exp())
    return rows.select(
        "text",
        "source",
        target=pl.coalesce(taught, labelled),
        weight=pl.when(pl.col("margin").is_null()).then(_LABEL_WEIGHT).otherwise(1.0),
    )


def encoder_name(encoder: TextEncoder) -> str:
    """Tells apart tokenizers that cut texts into other ids."""
    return digest([str(ids) for ids in encoder.tokens(["An unremarkable kettle, 4/5!", "\u00e9t\u00e9 #1 <br>"])])
