"""The model card: what bundle.json says, in words and tables."""

from __future__ import annotations

from typing import Any

from reviewlens.model.bundle import BundleMetadata

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


def model_card(metadata: BundleMetadata) -> str:
    """Markdown, made from the metadata alone, so that no number in it is written by hand."""
    metrics: dict[str, Any] = metadata.metrics
    training: dict[str, Any] = metadata.training
    validation, agreement, neutral = metrics["validation"], metrics["int8_against_float32"], metrics["three_stars"]
    options: dict[str, Any] = training.get("options") or {}
    lines = [
        f"# Model card: {metadata.version}",
        "",
        "Says whether a product review is positive or negative, with a calibrated confidence. English; other "
        "languages are not supported.",
        "",
        "| | |",
        "|---|---|",
        f"| base model | {metadata.base_model} |",
        f"| licence of the weights | {metadata.licence} |",
        f"| precision | {metadata.precision}, static scales: a text's score does not depend on what is scored "
        f"beside it |",
        f"| window | {metadata.max_length} tokens; longer texts are read in overlapping windows, whose logits are "
        f"averaged |",
        f"| cleaning version | {metadata.cleaning_version} |",
        f"| calibration temperature | {metadata.temperature} |",
        f"| `needs_review` | confidence under {metadata.needs_review} |",
        f"| made | {metadata.created_at} |",
        "",
        "## How good it is",
        "",
        "The int8 model as it ships, through the scorer that ships. *Sure* are the reviews that are not "
        "`needs_review`.",
        "",
        "| set | texts | " + " | ".join(_COLUMNS) + " |",
        "|---|---|" + "---|" * len(_COLUMNS),
        *[_row(name, values) for name, values in metrics["sets"].items()],
        "",
        f"- Calibration error on validation data: {_percent(validation['calibration_error_before'])} before "
        f"temperature scaling, "
        f"{_percent(validation['calibration_error_after'])} after.",
        f"- int8 against float32 on {agreement['texts']} test texts: accuracy "
        f"{_percent(agreement['accuracy_int8'])} against "
        f"{_percent(agreement['accuracy_float32'])}; {_percent(agreement['same_label'])} of the labels are the same.",
        f"- Three-star reviews ({neutral['texts']}; never trained on) have no right answer: "
        f"{_percent(neutral['needs_review_share'])} "
        f"of them are marked `needs_review`, {_percent(neutral['called_positive'])} are called positive.",
        "",
        "Accuracy over the most confident share, in-domain test split:",
        "",
        "| share of reviews | accuracy | least confidence |",
        "|---|---|---|",
        *[
            f"| {_percent(row['coverage'], 0)} | {_percent(row['accuracy'])} | {row['least_confidence']:.3f} |"
            for row in next(iter(metrics["sets"].values()))["risk_coverage"]
        ],
        "",
        "## What it was trained on",
        "",
        f"{training['splits'].get('train', 0)} labelled texts for training, "
        f"{training['splits'].get('validation', 0)} for validation, "
        f"{training['splits'].get('test', 0)} for testing, split by the hash of a text's words; no training text "
        f"shares twelve "
        "consecutive words with a validation or test text. Labels come from stars (4 and 5 positive, 1 and 2 "
        "negative) and "
        "are noisy. The licences are those that the sources state.",
        "",
        "| source | licence as stated | texts |",
        "|---|---|---|",
        *[f"| {row['source']} | {row['licence']} | {row['texts']} |" for row in training["texts_by_source"]],
        "",
        *_training_lines(training, options),
        *([str(training["note"]), ""] if training.get("note") else []),
        f"Fingerprint of the data (SHA-256): `{training['data_sha256']}`.",
        "",
        "## What it is not for",
        "",
        "Reviews of products, apps and books are what it knows. It reads single sentences, film reviews and tweets "
        "less well (see the "
        "table), misses much sarcasm, and gives one answer for a review that praises one thing and blames another; "
        "such reviews "
        "tend to get a low confidence. It must not be used to judge people.",
        "",
        "## Getting these numbers again",
        "",
        "```",
        *_training_command(options),
        f"python -m reviewlens.model.shipping out/training/model CORPUS.parquet{_licences(options)} --version "
        f"{metadata.version} \\",
        "    --tests TEST_1.csv TEST_2.csv --bundle out/model.tar.gz --card out/MODEL_CARD.md",
        "```",
        "",
        "The second command converts, quantises, calibrates and measures a trained model and writes this page;",
        "`python sagemaker/evaluate.py --data DATA.csv` measures the bundle that ships on any labelled file.",
        "",
    ]
    return "\n".join(lines)


def _training_lines(training: dict[str, Any], options: dict[str, Any]) -> list[str]:
    if "texts_seen" not in training:
        return []
    return [
        f"Fine-tuned for {training['minutes']:.0f} minutes: about {training['texts_seen']} "
        f"texts seen, "
        f"at most {options.get('max_tokens')} tokens each, learning rate {options.get('learning_rate')} falling to "
        f"nothing, "
        f"label smoothing {options.get('label_smoothing')}, class weights by the {options.get('class_weights')} rule, "
        f"{_percent(float(options.get('snippet_share', 0)), 0)} of the longer texts cut to a few sentences, seed "
        f"{options.get('seed')}.",
        "",
    ]


def _training_command(options: dict[str, Any]) -> list[str]:
    if not options:
        return []
    shown = ("base_model", "max_minutes", "epochs", "max_tokens", "learning_rate", "snippet_share", "seed")
    arguments = [f"--{name.replace('_', '-')} {options[name]}" for name in shown if options.get(name) is not None]
    return [
        f"python sagemaker/train.py --corpus CORPUS.parquet --output out/training{_licences(options)} \\",
        f"    {' '.join(arguments)}",
    ]


def _licences(options: dict[str, Any]) -> str:
    chosen = options.get("licences")
    return f" --licences {','.join(chosen)}" if chosen else ""


def _row(name: str, values: dict[str, Any]) -> str:
    cells = [_percent(values[key]) for key in _COLUMNS.values()]
    return f"| {name.replace('_', ' ')} | {values['texts']} | " + " | ".join(cells) + " |"


def _percent(share: float | None, digits: int = 2) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f} %"
