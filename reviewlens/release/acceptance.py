"""Acceptance thresholds for a released model, as data, and how a bundle's metrics compare with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IN_DOMAIN = "in-domain test split"
BALANCED = "its balanced Amazon part"


@dataclass(frozen=True)
class Threshold:
    """A bound on one figure: its least value, or its largest where `is_maximum`.

    `path`: where the figure is in a bundle's metrics. `unit`: "%" for shares (0 to 1), "points" for differences of
    shares, "times" for ratios.
    """

    set: str
    figure: str
    path: tuple[str, ...]
    bound: float
    is_maximum: bool = False
    unit: str = "%"


THRESHOLDS: tuple[Threshold, ...] = (
    Threshold(IN_DOMAIN, "accuracy", ("sets", IN_DOMAIN, "accuracy"), 0.955),
    Threshold(IN_DOMAIN, "balanced accuracy", ("sets", IN_DOMAIN, "balanced_accuracy"), 0.942),
    Threshold(BALANCED, "accuracy", ("sets", BALANCED, "accuracy"), 0.941),
    Threshold("customer_reviews", "accuracy", ("sets", "customer_reviews", "accuracy"), 0.89),
    Threshold("amazon_snippets", "accuracy", ("sets", "amazon_snippets", "accuracy"), 0.84),
    Threshold("sst2", "accuracy", ("sets", "sst2", "accuracy"), 0.87),
    Threshold("worst of the sets", "accuracy lost against the teacher", ("worst", "teacher_gap"), 0.02, True, "points"),
    Threshold("worst of the sets", "int8 against float32, accuracy", ("worst", "int8_gap"), 0.003, True, "points"),
    Threshold(IN_DOMAIN, "calibration error", ("sets", IN_DOMAIN, "expected_calibration_error"), 0.015, True),
    Threshold(IN_DOMAIN, "accuracy over the 90 % most confident", ("worst", "accuracy_of_90_percent"), 0.98),
    Threshold("worst of the sets", "cascade agrees with its last stage", ("worst", "agreement"), 0.995),
    Threshold("worst of the sets", "accuracy lost by the cascade", ("worst", "cascade_loss"), 0.001, True, "points"),
    Threshold(IN_DOMAIN, "speed of the cascade over its last stage", ("worst", "speed_up"), 3.0, False, "times"),
)


@dataclass(frozen=True)
class Result:
    """A threshold with the model's value; `met` compares without rounding."""

    threshold: Threshold
    value: float

    @property
    def met(self) -> bool:
        """Whether the value is on the right side of the bound, or on it."""
        bound = self.threshold.bound
        return self.value <= bound if self.threshold.is_maximum else self.value >= bound

    @property
    def bound_text(self) -> str:
        """The bound with its unit, for example '≥ 95.5 %'."""
        bound, unit = self.threshold.bound, self.threshold.unit
        figure = f"{bound:g}×" if unit == "times" else f"{100 * bound:g} {unit}"
        return f"{'≤' if self.threshold.is_maximum else '≥'} {figure}"

    @property
    def value_text(self) -> str:
        """The value with its unit, to two decimals."""
        unit = self.threshold.unit
        return f"{self.value:.2f}×" if unit == "times" else f"{100 * self.value:.2f} {unit}"


def acceptance_results(metrics: Mapping[str, Any], thresholds: Sequence[Threshold] = THRESHOLDS) -> list[Result]:
    """The result for every threshold whose figure the metrics hold, in order."""
    results = []
    for threshold in thresholds:
        value: Any = metrics
        for step in threshold.path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None:
            results.append(Result(threshold, float(value)))
    return results
