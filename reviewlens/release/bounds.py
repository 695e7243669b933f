"""Where each stage of a cascade may answer: chosen on validation texts, so that it hardly ever differs from the last
stage."""

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
"""No stage but the last answers with less: what is doubtful, or mixed, is for the best model to say."""

_CLEARANCE = 1e-3
"""How far beyond the margin of a wrong answer a bound stands: enough to survive the rounding of a calibrated score."""

_FIRST_STAGE_SHARES = (0.1, 0.2, 0.35, 0.5, 0.65)
_TIGHTER = 0.7
_TRIES = 8


@dataclass(frozen=True)
class Tolerance:
    """`disagreement`: most texts, as a share of every group, for which the cascade may say another sentiment than the
    last stage alone; `accuracy_loss`: how much less accurate it may be (0.001 is 0.1 points).

    `longer`: other shares for the texts from so many word pieces on, ascending. Single sentences say less than a review
    does, and on those of a kind that validation texts are not, stages differ several times as often: short texts are
    for a stricter share, while nearly all of the work is in the long ones.
    """

    disagreement: float = 0.003
    accuracy_loss: float = 0.001
    longer: tuple[tuple[int, float], ...] = ()

    def times(self, factor: float) -> Tolerance:
        """All shares so much stricter."""
        return replace(
            self,
            disagreement=self.disagreement * factor,
            longer=tuple((start, share * factor) for start, share in self.longer),
        )

    def bands(self) -> list[tuple[int, float]]:
        """From which length on (in word pieces) which share holds, the first from none on."""
        return [(0, self.disagreement), *self.longer]


@dataclass(frozen=True)
class Verdicts:
    """What the last stage alone says of the validation texts: positive or not, shape (n,).

    `labels`: 1, 0, or -1 where there is none. `lengths`: word pieces, (n,). `groups`: sets of texts that must all be
    agreed upon, each (n,); `parts`: smaller ones, which may have twice as many wrong answers and one, for a few say
    little.
    """

    positive: Mask
    labels: Labels
    lengths: Labels
    groups: Sequence[Mask]
    parts: Sequence[Mask] = ()


@dataclass(frozen=True)
class View:
    """One look at a stage: its margins for the texts, and which of them it may answer at all, both (n,)."""

    margins: Floats
    may: Mask


@dataclass(frozen=True)
class Contender:
    """A stage to be fitted: its views, the one that ships first. The others are judged by as strictly (an n-gram model
    that never saw a text's source, say). `cost`: of one text, in any unit that is the same for all."""

    name: Literal["ngrams", "small"]
    views: Sequence[View]
    temperature: float
    cost: float
    least_known: float = 0.0


@dataclass(frozen=True)
class Fitted:
    """The stages with their bounds, which stage answered each text (-1: the last), and what that comes to."""

    stages: tuple[CascadeStage, ...]
    answered_by: Labels
    agreement: float
    accuracy_loss: float
    cost: float


def fit_cascade(
    contenders: Sequence[Contender], verdicts: Verdicts, last_cost: float, tolerance: Tolerance | None = None
) -> Fitted:
    """The cheapest bounds within the tolerance, of those tried.

    In every group, for each answer (positive, negative) and for short and longer texts by themselves, a stage may be
    wrong about no more than its part of the tolerated texts; from the most confident text down, it answers as long as
    that holds. How the tolerance is
    shared among the stages is tried out. Where accuracy suffers more than it may, all is tried again more strictly.
    """
    wanted = tolerance or Tolerance()
    for _ in range(_TRIES):
        tried = [_fit(contenders, verdicts, last_cost, parts, wanted) for parts in _shares(len(contenders))]
        best = min(tried, key=lambda fitted: fitted.cost)
        if best.accuracy_loss <= wanted.accuracy_loss:
            break
        wanted = wanted.times(_TIGHTER)
    else:
        best = _fit(contenders, verdicts, last_cost, [0.0] * len(contenders), wanted)
    log.info("cascade: agreement %.4f at %.2f of the cost", best.agreement, best.cost / last_cost)
    return best


def _shares(stages: int) -> list[list[float]]:
    return [[1.0]] if stages == 1 else [[first, 1 - first] for first in _FIRST_STAGE_SHARES]


def _fit(
    contenders: Sequence[Contender], verdicts: Verdicts, last_cost: float, parts: Sequence[float], wanted: Tolerance
) -> Fitted:
    waiting = np.ones(len(verdicts.positive), dtype=np.bool_)
    answered_by = np.full(len(waiting), -1, dtype=np.int64)
    said = verdicts.positive.copy()
    stages, cost = [], 0.0
    for number, (stage, part) in enumerate(zip(contenders, parts, strict=True)):
        cost += stage.cost * float(waiting.mean())
        own = stage.views[0]
        done = np.zeros(len(waiting), dtype=np.bool_)
        bounds = []
        starts = [start for start, _ in wanted.bands()]
        for (start, share), end in zip(wanted.bands(), [*starts[1:], np.inf], strict=True):
            band = (verdicts.lengths >= start) & (verdicts.lengths < end)
            above = _lowest_safe(stage, verdicts, waiting, band, part * share / 2, positive=True)
            below = -_lowest_safe(stage, verdicts, waiting, band, part * share / 2, positive=False)
            done |= waiting & band & own.may & ((own.margins >= above) | (own.margins <= below))
            bounds.append((start, below, above))
        said[done] = own.margins[done] >= 0
        answered_by[done] = number
        waiting &= ~done
        stages.append(_stage(stage, verdicts.labels, done, bounds))
    cost += last_cost * float(waiting.mean())
    known = verdicts.labels >= 0
    right = verdicts.labels[known] == 1
    loss = float(np.mean(verdicts.positive[known] == right) - np.mean(said[known] == right)) if known.any() else 0.0
    return Fitted(tuple(stages), answered_by, float(np.mean(said == verdicts.positive)), loss, cost)


def _lowest_safe(
    stage: Contender, verdicts: Verdicts, waiting: Mask, band: Mask, share: float, *, positive: bool
) -> float:
    """The lowest margin towards one answer from which the stage's wrong answers among the texts of a band stay within
    the share of every group's, whichever of its views is asked."""
    sign = 1.0 if positive else -1.0
    bound = stage.temperature * float(np.log(LEAST_CONFIDENCE / (1 - LEAST_CONFIDENCE)))
    for view in stage.views:
        towards = sign * view.margins
        wrong = waiting & band & view.may & (towards >= bound) & (verdicts.positive != positive)
        allowances = [(group, int(share * int((group & band).sum()))) for group in verdicts.groups]
        allowances += [(part, int(2 * share * int((part & band).sum())) + 1) for part in verdicts.parts]
        for group, allowed in allowances:
            worst = np.sort(towards[wrong & group])[::-1]
            if len(worst) > allowed:
                bound = max(bound, float(worst[allowed]) + _CLEARANCE)
    return bound


def _stage(stage: Contender, labels: Labels, done: Mask, bounds: Sequence[tuple[int, float, float]]) -> CascadeStage:
    """The bounds (first length, below, above) as calibrated scores. The n-gram stage is calibrated on the texts that it
    answers: what it would say of the others nobody hears."""
    own = stage.views[0]
    temperature = stage.temperature
    heard = done & (labels >= 0)
    if stage.name == "ngrams" and np.sum((own.margins[heard] >= 0) != (labels[heard] == 1)) >= 5:
        temperature = fit_temperature(own.margins[heard], labels[heard])
    # Calibrated anew, a bound may come to less than it was: what is doubtful is for the last stage all the same.
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
