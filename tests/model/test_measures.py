"""Calibration, thresholds and evaluation against figures worked out another way."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewlens.errors import InputError
from reviewlens.evaluation.calibration import expected_calibration_error, reliability
from reviewlens.evaluation.measures import evaluate_file, measure, measure_neutral, roc_auc
from reviewlens.model.calibration import sigmoid
from reviewlens.model.engines.textblob import TextBlobEngine
from reviewlens.model.interface import Thresholds
from reviewlens.release.calibration import fit_temperature, mixed_band, review_threshold


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


def test_calibration_error_before_scaling_is_that_of_the_unscaled_margins() -> None:
    margins, labels = _drawn(3.0, 5000)
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


def test_review_threshold_on_a_ladder() -> None:
    # From the surest down: 80 right, 10 of which 4 are wrong, 10 of which 5 are wrong.
    scores = np.array([0.99] * 80 + [0.8] * 10 + [0.6] * 10)
    labels = np.array([1] * 80 + [1] * 6 + [0] * 4 + [1] * 5 + [0] * 5)
    assert review_threshold(scores, labels, accuracy=0.95, least_coverage=0.5) == 0.601, "86 of 90 are right"
    assert review_threshold(scores, labels, accuracy=0.96, least_coverage=0.5) == 0.801, "only 80 of 80 will do"
    assert review_threshold(scores, labels, accuracy=0.96, least_coverage=0.85) == 0.8, "ten more have to stay"
    assert review_threshold(scores, labels, accuracy=0.9, least_coverage=0.5) == 0.5, "91 of 100: nothing set aside"


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=60), st.floats(0.5, 1))
def test_review_threshold_is_the_best_of_all(pairs: list[tuple[float, int]], accuracy: float) -> None:
    scores = np.round(np.array([score for score, _ in pairs]), 6)
    labels = np.array([label for _, label in pairs])
    confidence = np.round(np.maximum(scores, 1 - scores), 6)
    right = (scores >= 0.5) == labels
    possible = []
    for step in range(500, 1001):
        kept = confidence >= step / 1000
        if kept.mean() >= 0.8 and kept.any():
            possible.append((step / 1000, bool(right[kept].mean() >= accuracy - 1e-9)))
    expected = next((step for step, good in possible if good), possible[-1][0])
    assert review_threshold(scores, labels, accuracy) == expected


def test_mixed_band_with_a_known_answer() -> None:
    # A hundred clear reviews at the ends but for four: two at 0.4, two at 0.7. Three stars: many at 0.45 to 0.65.
    scores = np.array([0.02] * 48 + [0.98] * 48 + [0.4] * 2 + [0.7] * 2)
    labels = np.array([0] * 48 + [1] * 48 + [0, 0, 1, 1])
    neutral = np.array([0.02] * 30 + [0.45] * 20 + [0.65] * 10 + [0.7] * 5 + [0.4] * 3 + [0.98] * 32)
    assert mixed_band(scores, labels, neutral, most_flagged=0.0) == (0.45, 0.65)
    assert mixed_band(scores, labels, neutral, most_flagged=0.02) == (0.45, 0.7), "room for one pair: the better one"
    assert mixed_band(scores, labels, neutral, most_flagged=0.04) == (0.4, 0.7)
    assert mixed_band(scores, labels, neutral, most_flagged=0.05) == (0.4, 0.7), "the ends are too crowded to go on"


def test_mixed_band_rather_takes_in_what_was_called_wrongly() -> None:
    scores, neutral = np.array([0.1, 0.3, 0.9]), np.array([0.1, 0.3])
    assert mixed_band(scores, np.array([0, 1, 1]), neutral, most_flagged=0.34) == (0.3, 0.3)
    assert mixed_band(scores, np.array([1, 0, 1]), neutral, most_flagged=0.34) == (0.1, 0.1)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1)), min_size=1, max_size=40),
    st.lists(st.integers(0, 20), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0]),
)
def test_mixed_band_is_the_best_of_all(pairs: list[tuple[int, int]], stars: list[int], most: float) -> None:
    scores, neutral = np.array([score for score, _ in pairs]) / 20, np.array(stars) / 20
    low, high = mixed_band(scores, np.array([label for _, label in pairs]), neutral, most)
    assert ((scores >= low) & (scores <= high)).mean() <= most + 1e-9
    best = 0.0
    for start in range(1, 42):  # ends on and between the scores' own steps
        for end in range(start, 42):
            a, b = (start - 1) / 40 + 1e-9, end / 40 - 1e-9
            if ((scores >= a - 1e-8) & (scores <= b + 1e-8)).mean() <= most + 1e-9:
                best = max(best, float(((neutral >= a - 1e-8) & (neutral <= b + 1e-8)).mean()))
    assert ((neutral >= low) & (neutral <= high)).mean() >= best


def test_mixed_band_needs_three_star_reviews() -> None:
    with pytest.raises(InputError):
        mixed_band(np.array([0.1]), np.array([0]), np.zeros(0))


def test_neutral_reviews_are_counted_by_both_decisions() -> None:
    scores = np.array([0.05, 0.3, 0.5, 0.7, 0.95])
    values = measure_neutral(scores, Thresholds(needs_review=0.9, mixed=(0.3, 0.6)))
    assert values["needs_review_share"] == 0.6
    assert values["mixed_share"] == 0.4
    assert values["called_positive"] == 0.6
    assert measure_neutral(scores, Thresholds(needs_review=0.9))["mixed_share"] is None
