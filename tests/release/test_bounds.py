"""Where stages may answer: bounds with a known answer, tolerances kept in every group, both answers by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from reviewlens.model.calibration import sigmoid
from reviewlens.release.bounds import (
    LEAST_CONFIDENCE,
    Fitted,
    LastStage,
    StageCandidate,
    StageView,
    Tolerance,
    fit_cascade,
)

ALL = np.ones(1000, dtype=np.bool_)
MARGINS = np.concatenate([np.linspace(10, 0.01, 500), np.linspace(-0.01, -10, 500)])
"""From surely positive to surely negative, evenly."""
LENGTHS = np.full(1000, 10)


def _reference(wrong: list[int], groups: list[NDArray[np.bool_]] | None = None) -> LastStage:
    """The last stage agrees with MARGINS but for these places; it is always right."""
    positive = MARGINS >= 0
    positive[wrong] = ~positive[wrong]
    return LastStage(positive, positive.astype(np.int64), LENGTHS, groups or [ALL])


def _stage(name: str = "small", cost: float = 1.0, views: list[StageView] | None = None) -> StageCandidate:
    return StageCandidate(name, views or [StageView(MARGINS, ALL)], 1.0, cost)  # type: ignore[arg-type]


def _bounds(fitted: Fitted, stage: int = 0) -> tuple[float, float]:
    found = fitted.stages[stage]
    return found.answers_below, found.answers_above


def test_the_bound_is_just_beyond_the_first_answer_too_many() -> None:
    # 1000 texts, 4 of them may differ: 2 a side. The third most confident error on each side sets its bound.
    reference = _reference([50, 100, 200, 300, 990, 900, 800])
    fitted = fit_cascade([_stage()], reference, 10.0, Tolerance(0.004, accuracy_loss=1))
    below, above = _bounds(fitted)
    assert sigmoid(MARGINS[[199, 200]])[0] >= above > sigmoid(MARGINS[[199, 200]])[1]
    assert sigmoid(MARGINS[[801, 800]])[0] <= below < sigmoid(MARGINS[[801, 800]])[1]
    assert fitted.agreement == pytest.approx(1 - 4 / 1000)
    assert np.array_equal(np.flatnonzero(fitted.answered_by == 0), [*range(200), *range(801, 1000)])
    assert fitted.cost == pytest.approx(1 + 10 * 601 / 1000)


def test_without_errors_only_confidence_counts() -> None:
    below, above = _bounds(fit_cascade([_stage()], _reference([]), 10.0))
    assert (below, above) == pytest.approx((1 - LEAST_CONFIDENCE, LEAST_CONFIDENCE))


def test_both_answers_have_bounds_of_their_own() -> None:
    fitted = fit_cascade([_stage()], _reference([0, 1, 2, 3]), 10.0, Tolerance(0.002, 1))
    below, above = _bounds(fitted)
    assert above > 0.9999, "the surest praise is wrong too often"
    assert below == pytest.approx(1 - LEAST_CONFIDENCE)


def test_every_group_is_agreed_upon() -> None:
    errors = list(range(0, 400, 40))  # ten among the positive, all in one group
    group = np.zeros(1000, dtype=np.bool_)
    group[errors] = True
    group[1:400:2] = True
    loose = fit_cascade([_stage()], _reference(errors), 10.0, Tolerance(0.02, 1))
    strict = fit_cascade([_stage()], _reference(errors, [ALL, group]), 10.0, Tolerance(0.02, 1))
    assert loose.agreement == pytest.approx(0.99)
    wrong = (strict.answered_by == 0) & np.isin(np.arange(1000), errors)
    assert wrong.sum() <= 0.02 * group.sum() / 2
    assert strict.cost > loose.cost


def test_a_small_part_may_have_twice_as_many_errors_and_one() -> None:
    part = np.zeros(1000, dtype=np.bool_)
    part[:100] = True
    errors = [10, 30, 50, 70, 90]
    reference = replace(_reference(errors), parts=[part])
    fitted = fit_cascade([_stage()], reference, 10.0, Tolerance(0.02, 1))
    # One in a hundred a side: of 1000 texts 10, of the part's 100 two and one.
    assert np.array_equal(np.flatnonzero(fitted.answered_by[:500] == 0), np.arange(70))


def test_the_strictest_view_decides() -> None:
    strange = MARGINS.copy()
    strange[600:620] = 9.5  # seen by a model that never met these reviewers, they look like praise
    views = [StageView(MARGINS, ALL), StageView(strange, ALL)]
    below, above = _bounds(fit_cascade([_stage(views=views)], _reference([]), 10.0))
    assert above > sigmoid(np.array([9.5]))[0]
    assert below == pytest.approx(1 - LEAST_CONFIDENCE)


def test_what_a_stage_may_not_answer_goes_on() -> None:
    may = np.arange(1000) % 2 == 0
    fitted = fit_cascade([_stage(views=[StageView(MARGINS, may)])], _reference([1, 3, 5]), 10.0)
    assert not (fitted.answered_by[~may] == 0).any()
    assert fitted.agreement == 1


def test_accuracy_may_not_suffer() -> None:
    errors = [20, 60, 120, 200, 300, 400]
    free = fit_cascade([_stage()], _reference(errors), 10.0, Tolerance(0.02, accuracy_loss=1))
    held = fit_cascade([_stage()], _reference(errors), 10.0, Tolerance(0.02, accuracy_loss=0.002))
    assert free.accuracy_loss == pytest.approx(0.005), "the sixth is below the least confidence"
    assert held.accuracy_loss <= 0.002
    assert held.cost > free.cost


def test_two_stages_share_what_is_tolerated_so_that_it_is_cheapest() -> None:
    rng = np.random.default_rng(5)
    truth = rng.random(20_000) < 0.6
    sign = np.where(truth, 1.0, -1.0)
    rough, better = (sign * mean + rng.normal(0, 2, len(truth)) for mean in (2.5, 6.0))
    everything = np.ones(len(truth), dtype=np.bool_)
    lengths = np.full(len(truth), 10)
    reference = LastStage(truth, truth.astype(np.int64), lengths, [everything, np.arange(len(truth)) < 5000])
    stages = [
        StageCandidate("ngrams", [StageView(rough, everything)], 0.8, 0.01, least_known=0.4),
        StageCandidate("small", [StageView(better, everything)], 1.0, 1.0),
    ]
    both = fit_cascade(stages, reference, 4.0, Tolerance(0.01, 1))
    assert both.agreement >= 0.99
    for group in reference.groups:
        said = np.where(both.answered_by == 0, rough, np.where(both.answered_by == 1, better, sign)) >= 0
        assert np.mean(said[group] == truth[group]) >= 0.99
    assert both.cost < fit_cascade(stages[1:], reference, 4.0, Tolerance(0.01, 1)).cost < 4
    assert [stage.name for stage in both.stages] == ["ngrams", "small"]
    assert both.stages[0].least_known == 0.4
    heard = both.answered_by == 0
    confidence = np.maximum(*(sigmoid(side * rough[heard] / both.stages[0].temperature) for side in (1, -1)))
    right = np.mean((rough[heard] >= 0) == truth[heard])
    assert confidence.mean() == pytest.approx(right, abs=0.005), "calibrated on what it answers"


def test_unlabelled_texts_count_for_agreement_alone() -> None:
    reference = replace(_reference([10, 20]), labels=np.full(1000, -1))
    fitted = fit_cascade([_stage()], reference, 10.0, Tolerance(0.01, 0))
    assert fitted.accuracy_loss == 0
    assert fitted.agreement == pytest.approx(0.998)


def test_longer_texts_have_bounds_and_a_share_of_their_own() -> None:
    lengths = np.where(np.arange(1000) % 2 == 0, 20, 100)
    errors = [100, 101, 150, 151, 200, 201, 250, 251]
    reference = replace(_reference(errors), lengths=lengths)
    fitted = fit_cascade([_stage()], reference, 10.0, Tolerance(0, 1, longer=((64, 0.008),)))
    stage = fitted.stages[0]
    (longer,) = stage.longer
    assert longer.from_tokens == 64
    # Of 500 short texts none may differ; of 500 long ones two a side: the third of these errors sets the bound.
    margin = MARGINS[[98, 100, 199, 201]]
    assert sigmoid(margin)[0] >= stage.answers_above > sigmoid(margin)[1]
    assert sigmoid(margin)[2] >= longer.answers_above > sigmoid(margin)[3]
    wrong = (fitted.answered_by == 0) & np.isin(np.arange(1000), errors)
    assert np.flatnonzero(wrong).tolist() == [101, 151]


def test_stricter_is_stricter_at_every_length() -> None:
    reference = replace(_reference(list(range(0, 500, 25))), lengths=np.where(np.arange(1000) % 2 == 0, 20, 100))
    tolerance = Tolerance(0.02, accuracy_loss=0.004, longer=((64, 0.04),))
    held = fit_cascade([_stage()], reference, 10.0, tolerance)
    free = fit_cascade([_stage()], reference, 10.0, replace(tolerance, accuracy_loss=1))
    assert free.accuracy_loss > 0.004 >= held.accuracy_loss
    assert held.stages[0].answers_above > free.stages[0].answers_above
    assert held.stages[0].longer[0].answers_above > free.stages[0].longer[0].answers_above
