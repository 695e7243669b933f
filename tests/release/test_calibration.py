"""Temperature, review threshold and mixed band against figures computed another way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewlens.errors import InputError
from reviewlens.evaluation.calibration import expected_calibration_error
from reviewlens.model.calibration import sigmoid
from reviewlens.release.calibration import fit_temperature, mixed_band, review_threshold
from tests.evaluation.drawn import drawn


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_temperature_undoes_a_known_scale(scale: float) -> None:
    margins, labels = drawn(scale)
    temperature = fit_temperature(margins, labels)
    assert temperature == pytest.approx(scale, rel=0.05)
    assert expected_calibration_error(sigmoid(margins / temperature), labels) < 0.01


def test_review_threshold_keeps_the_accuracy_it_promises() -> None:
    margins, labels = drawn(1.0)
    scores = sigmoid(margins)
    threshold = review_threshold(scores, labels, accuracy=0.95, least_coverage=0.1)
    confidence = np.maximum(scores, 1 - scores)
    right = (scores >= 0.5) == labels
    assert right[confidence >= threshold].mean() == pytest.approx(0.95, abs=0.005)
    assert right[confidence >= threshold - 0.05].mean() < 0.95


def test_review_threshold_never_sets_most_aside() -> None:
    margins, labels = drawn(1.0)
    scores = sigmoid(margins)
    threshold = review_threshold(scores, labels, accuracy=1.0, least_coverage=0.7)
    assert (np.maximum(scores, 1 - scores) >= threshold).mean() == pytest.approx(0.7, abs=0.01)


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
