"""Evaluation of an engine on labelled texts: measures with intervals, calibration, and accuracy by confidence."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.errors import InputError
from reviewlens.evaluation.baselines import NOT_INSTALLED
from reviewlens.evaluation.behaviour import Behaviour, judge
from reviewlens.evaluation.bootstrap import confusion, intervals, rates
from reviewlens.evaluation.calibration import expected_calibration_error, reliability, uncalibrated
from reviewlens.evaluation.groups import groups_of
from reviewlens.evaluation.report import render_report
from reviewlens.model.interface import SCORE_DECIMALS, Engine, Thresholds, decide
from reviewlens.reviews.cleaning import clean_text
from reviewlens.training.corpus import labelled_frame

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
FINE_COVERAGES = tuple(share / 100 for share in range(100, 0, -1))
_COMPARED = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "intervals")


@dataclass(frozen=True)
class Comparison:
    """What an evaluation adds: baselines by name (None: not installed) and behavioural tests."""

    baselines: Mapping[str, Engine | None] = field(default_factory=dict)
    behaviour: Behaviour | None = None


def measure(
    scores: Floats,
    labels: Labels,
    thresholds: Thresholds,
    *,
    temperature: float | None = None,
    coverages: Sequence[float] = COVERAGES,
) -> dict[str, object]:
    """Measures of scores (probability of positive) against labels (1 or 0), both of shape (n,), n at least 1.

    Positive is the class of precision, recall and F1. An undefined measure, such as the recall of a missing class, is
    None. `temperature`: that of the scores, to compute the calibration error without it.
    """
    confidence = np.maximum(scores, 1 - scores)
    right = (scores >= 0.5) == (labels == 1)
    counted = confusion(scores, labels)
    sure = confidence >= thresholds.needs_review
    both = 0 < int(labels.sum()) < len(labels)
    before = None if temperature is None else expected_calibration_error(uncalibrated(scores, temperature), labels)
    return {
        "texts": len(labels),
        "positive_share": _round(float(labels.mean())),
        **{name: _round(float(value)) for name, value in rates(np.array(counted)).items()},
        "roc_auc": _round(roc_auc(scores, labels)) if both else None,
        "intervals": intervals(counted),
        "confusion": counted._asdict(),
        "expected_calibration_error": _round(expected_calibration_error(scores, labels)),
        "expected_calibration_error_before_scaling": _round(before),
        "needs_review_share": _round(float(1 - sure.mean())),
        "accuracy_without_needs_review": _round(float(right[sure].mean())) if sure.any() else None,
        "mixed_share": _round(_mixed_share(scores, thresholds)),
        "risk_coverage": risk_coverage(confidence, right, coverages),
    }


def risk_coverage(
    confidence: Floats, right: NDArray[np.bool_], coverages: Sequence[float] = COVERAGES
) -> list[dict[str, float]]:
    """Accuracy over the most confident share of the texts and its least confidence, for several shares."""
    order = np.argsort(-confidence, kind="stable")
    so_far = np.cumsum(right[order])
    counts = [max(1, round(coverage * len(right))) for coverage in coverages]
    return [
        {
            "coverage": coverage,
            "accuracy": round(float(so_far[count - 1] / count), 5),
            "least_confidence": round(float(confidence[order][count - 1]), 5),
        }
        for coverage, count in zip(coverages, counts, strict=True)
    ]


def roc_auc(scores: Floats, labels: Labels) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half; 0.5 when a class is missing."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return 0.5
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def measure_neutral(scores: Floats, thresholds: Thresholds) -> dict[str, object]:
    """Shares of three-star reviews, which have no correct label, that are positive, need review or are mixed."""
    confidence = np.maximum(scores, 1 - scores)
    return {
        "texts": len(scores),
        "called_positive": _round(float((scores >= 0.5).mean())),
        "needs_review_share": _round(float((confidence < thresholds.needs_review).mean())),
        "mixed_share": _round(_mixed_share(scores, thresholds)),
        "median_confidence": _round(float(np.median(confidence))),
    }


def evaluate_file(
    engine: Engine,
    data: Path,
    output: Path,
    limit: int | None = None,
    *,
    temperature: float | None = None,
    comparison: Comparison | None = None,
) -> dict[str, object]:
    """Evaluate an engine on a labelled CSV or Parquet file; returns the content of model_evaluation.json.

    Writes model_evaluation.json, model_evaluation.html and tested.csv into `output`. The file has `text` and `label`
    (or `rating`); three-star rows are scored and reported separately. `temperature`: that of the engine's scores;
    without it the calibration error before scaling is null. Raises InputError for a file that cannot be read or has no
    labelled text.
    """
    added = comparison or Comparison()
    frame, texts, empty = _read(data, limit)
    started = time.perf_counter()
    scores = np.round(engine.score(texts), SCORE_DECIMALS)
    seconds = time.perf_counter() - started
    log.info("%d texts scored in %.1f s", len(texts), seconds)
    clear = frame["label"].is_not_null().to_numpy()
    labels = frame["label"].drop_nulls().to_numpy().astype(np.int64)
    clear_texts = [text for text, labelled in zip(texts, clear, strict=True) if labelled]

    def measured(chosen: NDArray[np.bool_], coverages: Sequence[float] = COVERAGES) -> dict[str, object]:
        return measure(
            scores[clear][chosen], labels[chosen], engine.thresholds, temperature=temperature, coverages=coverages
        )

    whole = measured(np.ones(len(labels), dtype=bool), FINE_COVERAGES)
    result: dict[str, object] = {
        "data": data.name,
        "engine": engine.describe(),
        "temperature": temperature,
        "empty_texts": empty,
        "texts_per_second": round(len(texts) / max(seconds, 1e-9), 1),
        **whole,
        "reliability": _reliability(scores[clear], labels),
        "groups": {
            kind: [{"group": group, **measured(chosen)} for group, chosen in members]
            for kind, members in groups_of(frame.filter(pl.Series(clear)), clear_texts).items()
        },
        "comparison": {
            engine.name: {key: whole[key] for key in _COMPARED},
            **_compare(added.baselines, clear_texts, labels, skip=engine.name),
        },
    }
    if not clear.all():
        result["three_stars"] = measure_neutral(scores[~clear], engine.thresholds)
    if added.behaviour is not None:
        result["behaviour"] = judge(added.behaviour, {engine.name: engine, **added.baselines}).as_json()
    output.mkdir(parents=True, exist_ok=True)
    _write_tested(frame, scores, engine.thresholds, output / "tested.csv")
    (output / "model_evaluation.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (output / "model_evaluation.html").write_text(render_report(result), encoding="utf-8")
    return result


def _read(data: Path, limit: int | None) -> tuple[pl.DataFrame, list[str], int]:
    """The rows whose cleaned text is not empty, their cleaned texts, and the number of the others."""
    try:
        frame = labelled_frame(data)
        frame = frame.head(limit) if limit else frame
        labels = frame["label"]
        frame = frame.with_columns(
            pl.col("text").cast(pl.String), pl.col("label").cast(pl.Float64, strict=False).alias("label")
        )
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{data.name} could not be read as a table of labelled texts.", code="bad-corpus") from error
    known = frame["label"].is_in([0.0, 1.0]).fill_null(False) | labels.is_null()
    if not known.all():
        raise InputError(
            f"A label is 1 (positive), 0 (negative) or empty (three stars); row {int(known.arg_min() or 0) + 1} of "
            f"{data.name} has another.",
            code="bad-labels",
        )
    cleaned = [clean_text(text) for text in frame["text"]]
    kept = [bool(text) for text in cleaned]
    frame = frame.filter(pl.Series(kept)).with_columns(pl.col("label").cast(pl.Int64))
    if frame["label"].drop_nulls().is_empty():
        raise InputError("There is no labelled text in this file.", code="empty-corpus")
    return frame, [text for text in cleaned if text], len(kept) - sum(kept)


def _compare(
    baselines: Mapping[str, Engine | None], texts: Sequence[str], labels: Labels, skip: str
) -> dict[str, object]:
    figures: dict[str, object] = {}
    for name, baseline in baselines.items():
        if baseline is None:
            figures[name] = NOT_INSTALLED
        elif name != skip:
            scores = np.round(baseline.score(texts), SCORE_DECIMALS)
            values = measure(scores, labels, baseline.thresholds)
            figures[name] = {key: values[key] for key in _COMPARED}
    return figures


def _reliability(scores: Floats, labels: Labels) -> list[dict[str, object]]:
    table = reliability(scores, labels)
    bins = len(table.texts)
    return [
        {
            "from": _round(0.5 + 0.5 * index / bins),
            "to": _round(0.5 + 0.5 * (index + 1) / bins),
            "texts": int(table.texts[index]),
            "confidence": _round(float(table.confidence[index])) if table.texts[index] else None,
            "accuracy": _round(float(table.accuracy[index])) if table.texts[index] else None,
        }
        for index in range(bins)
    ]


def _write_tested(frame: pl.DataFrame, scores: Floats, thresholds: Thresholds, path: Path) -> None:
    decided = [decide(float(score), thresholds) for score in scores]
    flat = frame.select(name for name, kind in frame.schema.items() if not kind.is_nested())
    columns = ("sentiment", "confidence", "positive_score", "needs_review", "mixed")
    flat.with_columns(pl.Series(name, [getattr(each, name) for each in decided]) for name in columns).write_csv(path)


def _mixed_share(scores: Floats, thresholds: Thresholds) -> float | None:
    if thresholds.mixed is None:
        return None
    low, high = thresholds.mixed
    return float(((scores >= low) & (scores <= high)).mean())


def _round(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(value, 5)
