"""Tables and lines of a model card, each made from a bundle's metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reviewlens.model.engines.cascade import LAST
from reviewlens.release.acceptance import Standing, standings

_COLUMNS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "F1": "f1",
    "balanced accuracy": "balanced_accuracy",
    "ROC AUC": "roc_auc",
    "calibration error": "expected_calibration_error",
    "needs review": "needs_review_share",
    "accuracy of the sure": "accuracy_without_needs_review",
}
_STAGES = {"ngrams": "n-grams", "small": "small model", LAST: "last stage"}


def sets_table(sets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The measures of every set."""
    rows = [[plain(name), str(values["texts"]), *(percent(values[key]) for key in _COLUMNS.values())]
            for name, values in sets.items()]  # fmt: skip
    return table(["set", "texts", *_COLUMNS], rows)


def bars_table(metrics: Mapping[str, Any]) -> list[str]:
    """What the model was to reach, and whether it did."""
    rows = [
        [
            plain(each.bar.set),
            each.bar.what,
            _bound(each),
            _figure(each, each.has),
            "met" if each.met else "**not met**",
        ]
        for each in standings(metrics)
    ]
    return table(["set", "figure", "bar", "has", ""], rows)


def compared_table(compared: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The accuracy of everything in the bundle, side by side."""
    columns = {
        "cascade": "cascade",
        "last stage, int8": "last_int8",
        "small model, int8": "small_int8",
        "cascade says as its last stage": "agreement",
    }
    shown = {name: key for name, key in columns.items() if any(key in each for each in compared.values())}
    rows = [[plain(name), *(percent(each.get(key)) for key in shown.values())] for name, each in compared.items()]
    return table(["set", *shown], rows)


def exact_table(compared: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The last stage in int8 beside itself in float32, on texts drawn from each set."""
    rows = [
        [
            plain(name),
            str(each["exact_texts"]),
            *(percent(each[key]) for key in ("exact_int8", "exact_float32", "int8_as_float32")),
        ]
        for name, each in compared.items()
        if "exact_texts" in each
    ]
    return table(["set", "texts drawn", "int8", "float32", "int8 says as float32"], rows)


def answered_table(compared: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which share of each set is answered by which stage."""
    told = {name: each["answered"] for name, each in compared.items() if "answered" in each}
    stages = list(next(iter(told.values())))
    rows = [[plain(name), *(percent(each[stage], 1) for stage in stages)] for name, each in told.items()]
    return table(["set", *(_STAGES[stage] for stage in stages)], rows)


def pace_table(pace: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Accuracy beside speed."""
    by_speed = sorted(pace.items(), key=lambda item: item[1]["texts_per_second"])
    rows = [[f"`{name}`", percent(each["accuracy"]), f"{each['texts_per_second']:.0f}"] for name, each in by_speed]
    return table(["engine", "accuracy", "reviews a second"], rows)


def variants_table(variants: Mapping[str, Mapping[str, float]], sets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Other models beside the one that ships."""
    rows = [["this model", *(percent(values["accuracy"]) for values in sets.values())]]
    rows += [[plain(name), *(percent(given.get(each)) for each in sets)] for name, given in variants.items()]
    return table(["accuracy of", *(plain(name) for name in sets)], rows)


def coverage_table(curve: Sequence[Mapping[str, float]]) -> list[str]:
    """Accuracy over the most confident share."""
    rows = [[percent(row["coverage"], 0), percent(row["accuracy"]), f"{row['least_confidence']:.3f}"] for row in curve]
    return table(["share of reviews", "accuracy", "least confidence"], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table with an empty line after it."""
    return [f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows]] + [""]


def plain(name: str) -> str:
    """A set's name in words."""
    return name.replace("_", " ")


def percent(share: float | None, digits: int = 2) -> str:
    """A share as a percentage; a dash for none."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def _bound(standing: Standing) -> str:
    return f"{'≤' if standing.bar.most else '≥'} {_figure(standing, standing.bar.bound, exact=True)}"


def _figure(standing: Standing, value: float, *, exact: bool = False) -> str:
    if standing.bar.unit == "times":
        return f"{value:g}×" if exact else f"{value:.2f}×"
    unit = " %" if standing.bar.unit == "%" else " points"
    return (f"{100 * value:g}" if exact else f"{100 * value:.2f}") + unit
