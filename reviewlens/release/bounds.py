"""The bounds of a cascade's stages, fitted so that the cascade rarely differs from its last stage."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reviewlens.model.bundle import CascadeStage, LongerBounds
from reviewlens.model.calibration import sigmoid
from reviewlens.release.calibration import fit_temperature

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEAST_CONFIDENCE = 0.9
"""The least confidence of every stage but the last: doubtful and mixed texts go to the best model."""

_CLEARANCE = 1e-3
"""Distance of a bound from the margin of a wrong answer; more than the rounding of a calibrated score."""

_FIRST_STAGE_SHARES = (0.1, 0.2, 0.35, 0.5, 0.65)
_TIGHTER = 0.7
_TRIES = 8


@dataclass(frozen=True)
class Tolerance:
    """How far the cascade may differ from its last stage.

    `disagreement`: largest share of texts, in every group, whose sentiment may differ. `accuracy_loss`: largest loss of
    accuracy (0.001 is 0.1 points). `longer`: other shares for texts of so many word pieces or more, ascending. Stages
    differ more often on single sentences, above all on kinds that the validation texts lack, so short texts need a
    stricter share; nearly all the work is in the long ones.
    """

    disagreement: float = 0.003
    accuracy_loss: float = 0.001
    longer: tuple[tuple[int, float], ...] = ()

    def times(self, factor: float) -> Tolerance:
        """The same with every share multiplied by `factor`."""
        return replace(
            self,
            disagreement=self.disagreement * factor,
            longer=tuple((start, share * factor) for start, share in self.longer),
        )

    def bands(self) -> list[tuple[int, float]]:
        """Pairs of (least length in word pieces, share), the first from 0."""
        return [(0, self.disagreement), *self.longer]


@dataclass(frozen=True)
class LastStage:
    """The last stage's answers on the validation texts, which the other stages are compared with.

    `positive`: its sentiment, shape (n,). `labels`: 1, 0, or -1 without one. `lengths`: word pieces, (n,). `groups`:
    masks (n,) of texts that each must meet the tolerance; `parts`: masks of smaller groups, allowed twice the share and
    one more wrong answer, since few texts give a rough estimate.
    """

    positive: Mask
    labels: Labels
    lengths: Labels
    groups: Sequence[Mask]
    parts: Sequence[Mask] = ()


@dataclass(frozen=True)
class StageView:
    """A stage's margins on the texts, and which texts it may answer, both (n,)."""

    margins: Floats
    may_answer: Mask


@dataclass(frozen=True)
class StageCandidate:
    """A stage to fit. `views`: the released model's first; every other one must meet the tolerance too, for example of
    n-grams that never saw a text's source. `cost`: of one text, in a unit common to all stages."""

    name: Literal["ngrams", "small"]
    views: Sequence[StageView]
    temperature: float
    cost: float
    least_known: float = 0.0


@dataclass(frozen=True)
class Fitted:
    """The stages with their bounds, the stage that answered each text (-1: the last), and the figures that result."""

    stages: tuple[CascadeStage, ...]
    answered_by: Labels
    agreement: float
    accuracy_loss: float
    cost: float


def fit_cascade(
    candidates: Sequence[StageCandidate], reference: LastStage, last_cost: float, tolerance: Tolerance | None = None
) -> Fitted:
    """The cheapest bounds within the tolerance, of those tried.

    In every group, for each sentiment and each band of lengths, a stage may be wrong on at most its part of the
    tolerated texts. It answers from the most confident text down to where that limit is reached. Several ways to share
    the tolerance among the stages are tried. If the loss of accuracy is too large, all is tried again with a stricter
    tolerance.
    """
    target = tolerance or Tolerance()
    for _ in range(_TRIES):
        tried = [_fit(candidates, reference, last_cost, parts, target) for parts in _shares(len(candidates))]
        best = min(tried, key=lambda fitted: fitted.cost)
        if best.accuracy_loss <= target.accuracy_loss:
            break
        target = target.times(_TIGHTER)
    else:
        best = _fit(candidates, reference, last_cost, [0.0] * len(candidates), target)
    log.info("cascade: agreement %.4f at %.2f of the cost", best.agreement, best.cost / last_cost)
    return best


def _shares(stages: int) -> list[list[float]]:
    return [[1.0]] if stages == 1 else [[first, 1 - first] for first in _FIRST_STAGE_SHARES]


def _fit(
    candidates: Sequence[StageCandidate],
    reference: LastStage,
    last_cost: float,
    parts: Sequence[float],
    tolerance: Tolerance,
) -> Fitted:
    waiting = np.ones(len(reference.positive), dtype=np.bool_)
    answered_by = np.full(len(waiting), -1, dtype=np.int64)
    positive = reference.positive.copy()
    stages, cost = [], 0.0
    for number, (stage, part) in enumerate(zip(candidates, parts, strict=True)):
        cost += stage.cost * float(waiting.mean())
        own = stage.views[0]
        done = np.zeros(len(waiting), dtype=np.bool_)
        bounds = []
        starts = [start for start, _ in tolerance.bands()]
        for (start, share), end in zip(tolerance.bands(), [*starts[1:], np.inf], strict=True):
            band = (reference.lengths >= start) & (reference.lengths < end)
            above = _lowest_safe(stage, reference, waiting, band, part * share / 2, positive=True)
            below = -_lowest_safe(stage, reference, waiting, band, part * share / 2, positive=False)
            done |= waiting & band & own.may_answer & ((own.margins >= above) | (own.margins <= below))
            bounds.append((start, below, above))
        positive[done] = own.margins[done] >= 0
        answered_by[done] = number
        waiting &= ~done
        stages.append(_stage(stage, reference.labels, done, bounds))
    cost += last_cost * float(waiting.mean())
    known = reference.labels >= 0
    right = reference.labels[known] == 1
    loss = (
        float(np.mean(reference.positive[known] == right) - np.mean(positive[known] == right)) if known.any() else 0.0
    )
    return Fitted(tuple(stages), answered_by, float(np.mean(positive == reference.positive)), loss, cost)


def _lowest_safe(
    stage: StageCandidate, reference: LastStage, waiting: Mask, band: Mask, share: float, *, positive: bool
) -> float:
    """The lowest margin from which the stage's wrong answers towards one sentiment, in a band of lengths, stay within
    the share in every group, in all of its views."""
    sign = 1.0 if positive else -1.0
    bound = stage.temperature * float(np.log(LEAST_CONFIDENCE / (1 - LEAST_CONFIDENCE)))
    for view in stage.views:
        towards = sign * view.margins
        wrong = waiting & band & view.may_answer & (towards >= bound) & (reference.positive != positive)
        allowances = [(group, int(share * int((group & band).sum()))) for group in reference.groups]
        allowances += [(part, int(2 * share * int((part & band).sum())) + 1) for part in reference.parts]
        for group, allowed in allowances:
            worst = np.sort(towards[wrong & group])[::-1]
            if len(worst) > allowed:
                bound = max(bound, float(worst[allowed]) + _CLEARANCE)
    return bound


def _stage(
    stage: StageCandidate, labels: Labels, done: Mask, bounds: Sequence[tuple[int, float, float]]
) -> CascadeStage:
    """The stage with its bounds (least length, below, above) as calibrated scores.

    The n-gram stage is calibrated on the texts that it answers: it scores no others.
    """
    own = stage.views[0]
    temperature = stage.temperature
    answered = done & (labels >= 0)
    if stage.name == "ngrams" and np.sum((own.margins[answered] >= 0) != (labels[answered] == 1)) >= 5:
        temperature = fit_temperature(own.margins[answered], labels[answered])
    # A new temperature may move a bound inwards: doubtful texts still go to the last stage.
    scores = [
        (
            start,
            float(min(sigmoid(np.array([below / temperature]))[0], 1 - LEAST_CONFIDENCE)),
            float(max(sigmoid(np.array([above / temperature]))[0], LEAST_CONFIDENCE)),
        )
        for start, below, above in bounds
    ]
    return CascadeStage(
        name=stage.name,
        temperature=temperature,
        answers_below=scores[0][1],
        answers_above=scores[0][2],
        longer=tuple(
            LongerBounds(from_tokens=start, answers_below=below, answers_above=above)
            for start, below, above in scores[1:]
        ),
        least_known=stage.least_known,
    )
