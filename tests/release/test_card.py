"""The model card of the shipped bundle, and what a card leaves out when a bundle has no such figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reviewlens.model.bundle import BundleMetadata, peek
from reviewlens.model.locate import default_bundle_path
from reviewlens.release.acceptance import BALANCED, IN_DOMAIN, Threshold, acceptance_results
from reviewlens.release.card import model_card

CARD = Path(__file__).parents[2] / "docs" / "MODEL_CARD.md"


def test_the_documented_card_is_that_of_the_shipped_bundle() -> None:
    card = model_card(peek(default_bundle_path()))
    assert card == CARD.read_text(encoding="utf-8"), (
        "run `python -m reviewlens.release.card > docs/MODEL_CARD.md` after a change of the template"
    )


def test_a_card_of_one_graph_has_no_cascade_and_no_empty_tables() -> None:
    facts = peek(default_bundle_path()).model_dump(mode="json")
    metrics: dict[str, Any] = {name: value for name, value in facts["metrics"].items() if name != "three_stars"}
    metrics["compared"] = {
        name: {key: of[key] for key in ("texts", "last_int8")} for name, of in metrics["compared"].items()
    }
    metrics["sets"] = {IN_DOMAIN: metrics["sets"][IN_DOMAIN] | {"roc_auc": None}}
    training = {**facts["training"], "runs": None, "averaged": None, "small": None, "note": ""}
    training["texts_by_source"] = [{"source": "shop", "licence": "MIT", "texts": 3}]
    changed = {**facts, "version": "other", "cascade": [], "mixed": None, "metrics": metrics, "training": training}
    card = model_card(BundleMetadata.model_validate(changed))
    for absent in ("A cascade:", "Mind the licences", "Three-star", "small model", "VNNI", "None", "\n\n\n", "--small"):
        assert absent not in card
    assert "| called mixed | nothing |" in card
    in_domain = next(line for line in card.splitlines() if line.startswith(f"| {IN_DOMAIN} | "))
    assert in_domain.split(" | ")[7] == "–", "a missing ROC AUC is a dash"


def test_a_threshold_is_met_on_its_bound_and_missing_figures_are_left_out() -> None:
    metrics = {"sets": {IN_DOMAIN: {"accuracy": 0.9}}, "worst": {"loss": 0.002, "speed_up": 2.999}}
    results = acceptance_results(
        metrics,
        [
            Threshold(IN_DOMAIN, "accuracy", ("sets", IN_DOMAIN, "accuracy"), 0.9),
            Threshold(BALANCED, "accuracy", ("sets", BALANCED, "accuracy"), 0.9),
            Threshold("worst", "loss", ("worst", "loss"), 0.001, is_maximum=True, unit="points"),
            Threshold("worst", "speed", ("worst", "speed_up"), 3.0, unit="times"),
        ],
    )
    assert [(result.met, result.bound_text, result.value_text) for result in results] == [
        (True, "≥ 90 %", "90.00 %"),
        (False, "≤ 0.1 points", "0.20 points"),
        (False, "≥ 3×", "3.00×"),
    ]
