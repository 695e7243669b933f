"""Rates, calibration error and coverage against figures computed another way."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reviewlens.errors import InputError
from reviewlens.evaluation.calibration import expected_calibration_error, reliability
from reviewlens.evaluation.measures import evaluate_file, measure, measure_neutral, roc_auc
from reviewlens.model.calibration import sigmoid
from reviewlens.model.engines.textblob import TextBlobEngine
from reviewlens.model.interface import Thresholds
from tests.evaluation.drawn import drawn


def test_calibration_error_of_an_overconfident_model() -> None:
    scores = np.full(1000, 0.9)
    labels = np.array([1] * 600 + [0] * 400)
    assert expected_calibration_error(scores, labels) == pytest.approx(0.3)


def test_measures_agree_with_counting_by_hand() -> None:
    margins, labels = drawn(1.0, 600)
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


def test_calibration_error_before_scaling_is_that_of_the_unscaled_margins() -> None:
    margins, labels = drawn(3.0, 5000)
    unscaled = expected_calibration_error(sigmoid(margins), labels)
    values = measure(sigmoid(margins / 3.0), labels, Thresholds(needs_review=0.9), temperature=3.0)
    assert values["expected_calibration_error_before_scaling"] == pytest.approx(unscaled, abs=1e-4)
    assert values["expected_calibration_error"] == pytest.approx(
        expected_calibration_error(sigmoid(margins / 3.0), labels), abs=1e-5
    )
    assert measure(sigmoid(margins), labels, Thresholds(0.9))["expected_calibration_error_before_scaling"] is None


def test_calibration_error_by_hand() -> None:
    # Two bins: ten texts at 0.9 of which eight are right (gap 0.1), thirty at 0.6 of which eighteen are (no gap).
    scores = np.array([0.9] * 5 + [0.1] * 5 + [0.6] * 30)
    labels = np.array([1] * 4 + [0] + [0] * 4 + [1] + [1] * 18 + [0] * 12)
    assert expected_calibration_error(scores, labels) == pytest.approx(0.25 * 0.1)
    table = reliability(scores, labels)
    assert table.texts.sum() == 40
    assert sorted(table.texts[table.texts > 0].tolist()) == [10, 30]
    assert table.accuracy[table.texts == 10].tolist() == pytest.approx([0.8])
    assert table.confidence[table.texts == 30].tolist() == pytest.approx([0.6])


def test_auc_of_known_orders() -> None:
    labels = np.array([0, 0, 1, 1])
    assert roc_auc(np.array([0.1, 0.2, 0.3, 0.4]), labels) == 1.0
    assert roc_auc(np.array([0.4, 0.3, 0.2, 0.1]), labels) == 0.0
    assert roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), labels) == 0.75
    assert roc_auc(np.full(4, 0.5), labels) == 0.5


def test_measures_of_one_class_leave_out_what_they_cannot_tell() -> None:
    values = measure(np.array([0.9, 0.8, 0.2]), np.array([1, 1, 1]), Thresholds(needs_review=0.5))
    assert values["accuracy"] == values["recall"] == pytest.approx(2 / 3, abs=1e-5)
    assert values["balanced_accuracy"] is None
    assert values["roc_auc"] is None
    intervals_found = values["intervals"]
    assert isinstance(intervals_found, dict)
    assert intervals_found["balanced_accuracy"] is None
    assert intervals_found["accuracy"] is not None


def test_neutral_reviews_are_counted_by_both_decisions() -> None:
    scores = np.array([0.05, 0.3, 0.5, 0.7, 0.95])
    values = measure_neutral(scores, Thresholds(needs_review=0.9, mixed=(0.3, 0.6)))
    assert values["needs_review_share"] == 0.6
    assert values["mixed_share"] == 0.4
    assert values["called_positive"] == 0.6
    assert measure_neutral(scores, Thresholds(needs_review=0.9))["mixed_share"] is None
