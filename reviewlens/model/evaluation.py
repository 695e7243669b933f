"""Judging an engine on labelled texts: the usual measures, calibration, and what is left once doubtful reviews are set
aside."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.errors import InputError
from reviewlens.model.calibration import expected_calibration_error
from reviewlens.model.corpus import labelled_frame
from reviewlens.model.interface import Engine, Thresholds, decide
from reviewlens.reviews.cleaning import clean_text

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)


def measure(scores: Floats, labels: Labels, thresholds: Thresholds) -> dict[str, object]:
    """Measures of scores (probability of positive) against labels (1 or 0), both of shape (n,); positive is the class
    of
    precision, recall and F1."""
    guessed = (scores >= 0.5).astype(np.int64)
    confidence = np.maximum(scores, 1 - scores)
    right = guessed == labels
    tp, fp = int(np.sum(guessed & labels)), int(np.sum(guessed & (1 - labels)))
    fn, tn = int(np.sum((1 - guessed) & labels)), int(np.sum((1 - guessed) & (1 - labels)))
    precision, recall = _ratio(tp, tp + fp), _ratio(tp, tp + fn)
    sure = confidence >= thresholds.needs_review
    return {
        "texts": len(labels),
        "positive_share": _round(float(labels.mean())),
        "accuracy": _round(float(right.mean())),
        "precision": _round(precision),
        "recall": _round(recall),
        "f1": _round(_ratio(2 * precision * recall, precision + recall)),
        "balanced_accuracy": _round((recall + _ratio(tn, tn + fp)) / 2),
        "roc_auc": _round(roc_auc(scores, labels)),
        "confusion": {"true_positive": tp, "false_positive": fp, "false_negative": fn, "true_negative": tn},
        "expected_calibration_error": _round(expected_calibration_error(scores, labels)),
        "needs_review_share": _round(float(1 - sure.mean())),
        "accuracy_without_needs_review": _round(float(right[sure].mean())) if sure.any() else None,
        "risk_coverage": risk_coverage(confidence, right),
    }


def risk_coverage(confidence: Floats, right: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Accuracy over the most confident share of the texts, for several shares."""
    order = np.argsort(-confidence, kind="stable")
    rows = []
    for coverage in _COVERAGES:
        count = max(1, round(coverage * len(right)))
        rows.append(
            {
                "coverage": coverage,
                "accuracy": _round(float(right[order][:count].mean())),
                "least_confidence": _round(float(confidence[order][count - 1])),
            }
        )
    return rows


def roc_auc(scores: Floats, labels: Labels) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half; 0.5 when a class is missing."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return 0.5
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def evaluate_file(engine: Engine, data: Path, output: Path, limit: int | None = None) -> dict[str, object]:
    """Score a labelled CSV or Parquet file; writes model_evaluation.json and tested.csv into `output` and returns the
    former.

    The file has `text` and `label` (or `rating`); three-star rows are scored and reported apart. Raises InputError.
    """
    frame = labelled_frame(data)
    if limit:
        frame = frame.head(limit)
    cleaned = [clean_text(text) for text in frame["text"]]
    kept = [bool(text) for text in cleaned]
    frame = frame.filter(pl.Series(kept))
    texts = [text for text in cleaned if text]
    if frame["label"].drop_nulls().is_empty():
        raise InputError("There is no labelled text in this file.", code="empty-corpus")
    started = time.perf_counter()
    scores = engine.score(texts)
    seconds = time.perf_counter() - started
    labelled = frame["label"].is_not_null().to_numpy()
    result: dict[str, object] = {
        "data": data.name,
        "engine": engine.describe(),
        "empty_texts": len(kept) - sum(kept),
        "texts_per_second": round(len(texts) / max(seconds, 1e-9), 1),
        **measure(scores[labelled], frame["label"].drop_nulls().to_numpy().astype(np.int64), engine.thresholds),
    }
    if not labelled.all():
        result["three_stars"] = measure_neutral(scores[~labelled], engine.thresholds)
    output.mkdir(parents=True, exist_ok=True)
    _write_tested(frame, scores, engine.thresholds, output / "tested.csv")
    (output / "model_evaluation.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


def measure_neutral(scores: Floats, thresholds: Thresholds) -> dict[str, object]:
    """What becomes of three-star reviews, which have no right answer: how many are called for review."""
    confidence = np.maximum(scores, 1 - scores)
    return {
        "texts": len(scores),
        "called_positive": _round(float((scores >= 0.5).mean())),
        "needs_review_share": _round(float((confidence < thresholds.needs_review).mean())),
        "median_confidence": _round(float(np.median(confidence))),
    }


def _write_tested(frame: pl.DataFrame, scores: Sequence[float] | Floats, thresholds: Thresholds, path: Path) -> None:
    decided = [decide(score, thresholds) for score in scores]
    frame.with_columns(
        pl.Series("sentiment", [each.sentiment for each in decided]),
        pl.Series("confidence", [each.confidence for each in decided]),
        pl.Series("positive_score", [each.positive_score for each in decided]),
        pl.Series("needs_review", [each.needs_review for each in decided]),
    ).write_csv(path)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _round(value: float) -> float:
    return round(value, 5)
