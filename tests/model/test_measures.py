"""Calibration, thresholds and evaluation against figures worked out another way."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reviewlens.errors import InputError
from reviewlens.model.calibration import expected_calibration_error, fit_temperature, review_threshold, sigmoid
from reviewlens.model.evaluation import evaluate_file, measure, roc_auc
from reviewlens.model.interface import Thresholds
from reviewlens.model.textblob_engine import TextBlobEngine


def _drawn(scale: float, count: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Margins that are `scale` times what an honest model would say, with labels drawn accordingly."""
    rng = np.random.default_rng(5)
    honest = rng.normal(0.5, 2.5, count)
    labels = (rng.random(count) < sigmoid(honest)).astype(np.int64)
    return honest * scale, labels


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_temperature_undoes_a_known_scale(scale: float) -> None:
    margins, labels = _drawn(scale)
    temperature = fit_temperature(margins, labels)
    assert temperature == pytest.approx(scale, rel=0.05)
    assert expected_calibration_error(sigmoid(margins / temperature), labels) < 0.01


def test_calibration_error_of_an_overconfident_model() -> None:
    scores = np.full(1000, 0.9)
    labels = np.array([1] * 600 + [0] * 400)
    assert expected_calibration_error(scores, labels) == pytest.approx(0.3)


def test_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e5, 0.0, 1e5])).tolist() == [0.0, 0.5, 1.0]


def test_review_threshold_keeps_the_accuracy_it_promises() -> None:
    margins, labels = _drawn(1.0)
    scores = sigmoid(margins)
    threshold = review_threshold(scores, labels, accuracy=0.95, least_coverage=0.1)
    confidence = np.maximum(scores, 1 - scores)
    right = (scores >= 0.5) == labels
    assert right[confidence >= threshold].mean() == pytest.approx(0.95, abs=0.005)
    assert right[confidence >= threshold - 0.05].mean() < 0.95


def test_review_threshold_never_sets_most_aside() -> None:
    margins, labels = _drawn(1.0)
    scores = sigmoid(margins)
    threshold = review_threshold(scores, labels, accuracy=1.0, least_coverage=0.7)
    assert (np.maximum(scores, 1 - scores) >= threshold).mean() == pytest.approx(0.7, abs=0.01)


def test_measures_agree_with_counting_by_hand() -> None:
    margins, labels = _drawn(1.0, 600)
    scores = np.round(sigmoid(margins), 2)  # ties on purpose
    ours = measure(scores, labels, Thresholds(needs_review=0.9))
    pairs = [(bool(score >= 0.5), bool(label)) for score, label in zip(scores, labels, strict=True)]
    tp, fp = pairs.count((True, True)), pairs.count((True, False))
    fn, tn = pairs.count((False, True)), pairs.count((False, False))
    assert ours["confusion"] == {"true_positive": tp, "false_positive": fp, "false_negative": fn, "true_negative": tn}
    assert ours["accuracy"] == pytest.approx((tp + tn) / 600, abs=1e-5)
    assert ours["precision"] == pytest.approx(tp / (tp + fp), abs=1e-5)
    assert ours["recall"] == pytest.approx(tp / (tp + fn), abs=1e-5)
    assert ours["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=1e-5)
    assert ours["balanced_accuracy"] == pytest.approx((tp / (tp + fn) + tn / (tn + fp)) / 2, abs=1e-5)
    wins = [(p > n) + 0.5 * (p == n) for p in scores[labels == 1] for n in scores[labels == 0]]
    assert ours["roc_auc"] == pytest.approx(sum(wins) / len(wins), abs=1e-5)
    sure = [max(score, 1 - score) >= 0.9 for score in scores]
    assert ours["needs_review_share"] == pytest.approx(1 - sum(sure) / 600, abs=1e-5)
    curve = ours["risk_coverage"]
    assert isinstance(curve, list)
    assert curve[0]["accuracy"] == ours["accuracy"]
    assert [row["accuracy"] for row in curve] == sorted(row["accuracy"] for row in curve)


def test_auc_of_one_class_says_nothing() -> None:
    assert roc_auc(np.array([0.1, 0.9]), np.array([1, 1])) == 0.5


def test_evaluate_file_writes_both_files(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    pl.DataFrame(
        {
            "text": [
                "Excellent lamp",
                "Terrible lamp",
                "A wonderful lamp",
                "Awful, horrible",
                "<br>",
                "Could be worse",
            ],
            "rating": [5, 1, 4, 2, 5, 3],
        }
    ).write_csv(data)
    result = evaluate_file(TextBlobEngine(), data, tmp_path / "out")
    assert result["accuracy"] == 1.0
    assert result["texts"] == 4
    assert result["empty_texts"] == 1
    neutral = result["three_stars"]
    assert isinstance(neutral, dict)
    assert neutral["texts"] == 1
    assert json.loads((tmp_path / "out" / "model_evaluation.json").read_text()) == result
    with (tmp_path / "out" / "tested.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["sentiment"] for row in rows[:4]] == ["positive", "negative", "positive", "negative"]
    assert all(0.5 <= float(row["confidence"]) <= 1 for row in rows)


def test_evaluate_file_wants_labels(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,stars\nfine,5\n")
    with pytest.raises(InputError):
        evaluate_file(TextBlobEngine(), data, tmp_path / "out")
