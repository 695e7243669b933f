"""What a model that ships is held to: figures as data, and how a bundle's metrics stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IN_DOMAIN = "in-domain test split"
BALANCED = "its balanced Amazon part"


@dataclass(frozen=True)
class Bar:
    """`path`: where the figure stands in a bundle's metrics; it should be at least, or at most, `bound`.

    `unit`: "%" for shares (0 to 1), "points" for differences of shares, "times" for ratios.
    """

    set: str
    what: str
    path: tuple[str, ...]
    bound: float
    most: bool = False
    unit: str = "%"


BARS: tuple[Bar, ...] = (
    Bar(IN_DOMAIN, "accuracy", ("sets", IN_DOMAIN, "accuracy"), 0.955),
    Bar(IN_DOMAIN, "balanced accuracy", ("sets", IN_DOMAIN, "balanced_accuracy"), 0.942),
    Bar(BALANCED, "accuracy", ("sets", BALANCED, "accuracy"), 0.941),
    Bar("customer_reviews", "accuracy", ("sets", "customer_reviews", "accuracy"), 0.89),
    Bar("amazon_snippets", "accuracy", ("sets", "amazon_snippets", "accuracy"), 0.84),
    Bar("sst2", "accuracy", ("sets", "sst2", "accuracy"), 0.87),
    Bar("worst of the sets", "accuracy lost against the teacher", ("worst", "teacher_gap"), 0.02, True, "points"),
    Bar("worst of the sets", "int8 against float32, accuracy", ("worst", "int8_gap"), 0.003, True, "points"),
    Bar(IN_DOMAIN, "calibration error", ("sets", IN_DOMAIN, "expected_calibration_error"), 0.015, True),
    Bar(IN_DOMAIN, "accuracy over the 90 % most confident", ("worst", "accuracy_of_90_percent"), 0.98),
    Bar("worst of the sets", "cascade agrees with its last stage", ("worst", "agreement"), 0.995),
    Bar("worst of the sets", "accuracy lost by the cascade", ("worst", "cascade_loss"), 0.001, True, "points"),
    Bar(IN_DOMAIN, "speed of the cascade over its last stage", ("worst", "speed_up"), 3.0, False, "times"),
)


@dataclass(frozen=True)
class Standing:
    """A bar with what the model has; `met` with no rounding in its favour."""

    bar: Bar
    has: float

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of the bound, or on it."""
        return self.has <= self.bar.bound if self.bar.most else self.has >= self.bar.bound


def standings(metrics: Mapping[str, Any], bars: Sequence[Bar] = BARS) -> list[Standing]:
    """The bars that the metrics say something about, in order."""
    found = []
    for bar in bars:
        value: Any = metrics
        for step in bar.path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None:
            found.append(Standing(bar, float(value)))
    return found
