"""Probably wrong labels: a model's scores against the stars, by confident learning.

python -m reviewlens.training.label_noise CORPUS TEACHER_SCORES.parquet
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from reviewlens.errors import InputError, ReviewLensError
from reviewlens.model.calibration import sigmoid
from reviewlens.training.corpus import read_corpus
from reviewlens.training.distillation import read_scores


def doubtful_labels(labels: NDArray[np.int64], margins: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which labels (1 or 0, shape (n,)) are wrong by confident learning (Northcutt et al. 2021, arXiv:1911.00068).

    `margins`: a model's calibrated log-odds of positive, shape (n,). A label is doubtful when the other class is at
    least as likely as it is on average for texts with that label. With one class only, no label is doubtful.
    """
    if len(np.unique(labels)) < 2:
        return np.zeros(len(labels), dtype=bool)
    scores = sigmoid(np.asarray(margins, dtype=np.float64))
    doubtful = find_label_issues(
        labels, np.column_stack([1 - scores, scores]), filter_by="confident_learning", n_jobs=1
    )
    return np.asarray(doubtful, dtype=bool)


def noise_by_source(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Share of doubtful labels by source and overall; `frame` has the columns text, label, source and margin."""
    marked = frame.with_columns(
        pl.Series("doubtful", doubtful_labels(frame["label"].to_numpy().astype(np.int64), frame["margin"].to_numpy())),
        ((pl.col("margin") >= 0) != (pl.col("label") == 1)).alias("disagrees"),
    )
    measured = (pl.len().alias("texts"), pl.col("disagrees").mean(), pl.col("doubtful").mean())
    rows = marked.group_by("source").agg(*measured).sort("doubtful", descending=True).to_dicts()
    return [{"source": "all", **marked.select(*measured).to_dicts()[0]}, *rows]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the noise of each source as JSON lines; exit code 2 when the files do not fit together."""
    parser = argparse.ArgumentParser(
        prog="python -m reviewlens.training.label_noise", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("corpus", type=Path, help="Parquet or CSV corpus")
    parser.add_argument(
        "scores", type=Path, help="Parquet file with text and margin, as written by training with a teacher"
    )
    options = parser.parse_args(argv)
    try:
        scores = read_scores(options.scores)
        corpus = read_corpus(options.corpus).frame.filter(pl.col("label").is_not_null())
        frame = corpus.join(scores, on="text", how="inner")
        if frame.is_empty():
            raise InputError("The file scores none of the labelled texts of this corpus.", code="teacher-scores")
    except ReviewLensError as error:
        sys.stderr.write(error.message + "\n")
        return 2
    for row in noise_by_source(frame):
        sys.stdout.write(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
