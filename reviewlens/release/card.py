"""The model card: what bundle.json says, in words and tables."""

from __future__ import annotations

from typing import Any

from reviewlens.model.bundle import BundleMetadata, CascadeStage, LongerBounds
from reviewlens.release.acceptance import standings
from reviewlens.release.card_tables import (
    answered_table,
    bars_table,
    compared_table,
    coverage_table,
    exact_table,
    pace_table,
    percent,
    sets_table,
    table,
    variants_table,
)

_LONG_TEXTS = {
    "windows": "longer texts are read in overlapping windows, whose logits are averaged",
    "ends": "of longer texts the first and the last half of that are read, what lies between is not",
}


def model_card(metadata: BundleMetadata) -> str:
    """Markdown, made from the metadata alone, so that no number in it is written by hand."""
    metrics: dict[str, Any] = metadata.metrics
    training: dict[str, Any] = metadata.training
    options: dict[str, Any] = training.get("options") or {}
    lines = [
        f"# Model card: {metadata.version}",
        "",
        "Says whether a product review is positive or negative, with a calibrated confidence. English; other "
        "languages are not supported.",
        "",
        *_facts(metadata),
        *_quality(metrics),
        *_cascade(metadata),
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
        *_licence_notice(training),
        *_large_lines(training, options),
        *_small_lines(training),
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
        *_large_commands(training, options),
        *_averaging_command(training),
        *_training_command(_small(training).get("options") or {}, "small", teacher=_trained(training)),
        f"python -m reviewlens.release.build {_trained(training)} CORPUS.parquet{_licences(options)} --version "
        f"{metadata.version} \\",
        *_cascade_arguments(metadata),
        "    --tests TEST_1.csv TEST_2.csv --bundle out/model.tar.gz --card out/MODEL_CARD.md",
        "```",
        "",
        "The last command converts, quantises, calibrates and measures a trained model and writes this page;",
        "`python sagemaker/evaluate.py --data DATA.csv` measures the bundle that ships on any labelled file.",
        "",
    ]
    return "\n".join(lines)


def _facts(metadata: BundleMetadata) -> list[str]:
    band = f"score from {metadata.mixed[0]} to {metadata.mixed[1]}" if metadata.mixed else "nothing"
    return [
        "| | |",
        "|---|---|",
        f"| base model | {metadata.base_model} |",
        f"| licence of the weights | {metadata.licence} |",
        f"| precision | {metadata.precision}, static scales: a text's score does not depend on what is scored "
        f"beside it |",
        f"| window | {metadata.max_length} tokens; {_LONG_TEXTS[metadata.long_texts]} |",
        f"| cleaning version | {metadata.cleaning_version} |",
        f"| calibration temperature | {metadata.temperature} |",
        f"| `needs_review` | confidence under {metadata.needs_review} |",
        f"| called mixed | {band} |",
        f"| made | {metadata.created_at} |",
        "",
    ]


def _quality(metrics: dict[str, Any]) -> list[str]:
    validation, neutral = metrics["validation"], metrics.get("three_stars")
    held = standings(metrics)
    lines = [
        "## How good it is",
        "",
        f"The int8 model as it ships (engine `{metrics['engine']}`), through the scorer that ships. *Sure* are the "
        "reviews that are not `needs_review`.",
        "",
        *sets_table(metrics["sets"]),
    ]
    if held:
        met = sum(each.met for each in held)
        lines += [f"What it was to reach ({met} of {len(held)} met):", "", *bars_table(metrics)]
    lines += [
        f"- Calibration error on validation data: {percent(validation['calibration_error_before'])} before "
        f"temperature scaling, {percent(validation['calibration_error_after'])} after."
    ]
    if neutral:
        lines += [
            f"- Three-star reviews ({neutral['texts']} of the test split; never trained on with a label) have no right "
            f"answer: {percent(neutral['needs_review_share'])} of them are marked `needs_review`, "
            f"{percent(neutral.get('mixed_share'))} mixed, {percent(neutral['called_positive'])} lean to positive."
        ]
    first = next(iter(metrics["sets"].values()))
    lines += ["", "Accuracy over the most confident share, in-domain test split:", ""]
    lines += coverage_table(first["risk_coverage"])
    if metrics.get("variants"):
        lines += ["Other models beside it:", "", *variants_table(metrics["variants"], metrics["sets"])]
    return lines


def _cascade(metadata: BundleMetadata) -> list[str]:
    metrics: dict[str, Any] = metadata.metrics
    pace = metrics["pace"]
    threads = next(iter(pace.values()))["threads"]
    lines = ["## Its parts, side by side", "", "Accuracy of each by itself:", "", *compared_table(metrics["compared"])]
    lines += ["Quantised and not, accuracy on the same texts:", "", *exact_table(metrics["compared"])]
    if metadata.cascade:
        fitted = metrics["cascade_fit"]
        lines += [
            "A cascade: each stage answers the reviews it is sure of and leaves the rest to the next. Which stage "
            "answers a review depends on that review alone.",
            "",
            *table(
                ["stage", "texts", "answers from a score of", "or down from", "temperature"],
                [
                    [
                        "n-grams" if stage.name == "ngrams" else "small model",
                        texts,
                        f"{bounds.answers_above:.4f}",
                        f"{bounds.answers_below:.4f}",
                        f"{stage.temperature:.3f}",
                    ]
                    for stage in metadata.cascade
                    for texts, bounds in _bands(stage)
                ],
            ),
            f"The bounds were fitted on {fitted['validation_texts']} validation texts and {fitted['snippets']} snippets"
            f" of them, with the last stage's answers as the measure: agreement {percent(fitted['agreement'])}. "
            "Share of each set that each stage answers:",
            "",
            *answered_table(metrics["compared"]),
        ]
    return [
        *lines,
        f"Speed on {next(iter(pace.values()))['texts']} in-domain test texts, {threads} threads in one process, "
        "tokenising included, on the machine that made the bundle:",
        "",
        *pace_table(pace),
    ]


def _bands(stage: CascadeStage) -> list[tuple[str, CascadeStage | LongerBounds]]:
    starts = [0, *(each.from_tokens for each in stage.longer)]
    ends = [*starts[1:], None]
    names = [
        "all" if not start and not end else f"under {end} word pieces" if not start else f"from {start} word pieces on"
        if not end else f"{start} to {end - 1} word pieces"
        for start, end in zip(starts, ends, strict=True)
    ]  # fmt: skip
    return list(zip(names, (stage, *stage.longer), strict=True))


def _licence_notice(training: dict[str, Any]) -> list[str]:
    counts: dict[str, int] = {}
    for row in training["texts_by_source"]:
        counts[row["licence"]] = counts.get(row["licence"], 0) + int(row["texts"])
    unstated = counts.get("unstated", 0)
    if not unstated:
        return []
    share = percent(unstated / sum(counts.values()), 0)
    return [
        f"**Mind the licences.** {unstated} of the texts ({share}) come from repositories that state no licence for "
        "them. The weights hold no text, but whoever needs a model learnt from openly licensed texts alone should "
        f"train one with `--licences {','.join(sorted(name for name in counts if name != 'unstated')) or 'MIT'}`.",
        "",
    ]


def _small(training: dict[str, Any]) -> dict[str, Any]:
    return training.get("small") or {}


def _small_lines(training: dict[str, Any]) -> list[str]:
    told = _small(training)
    return _training_lines("The small model was fine-tuned", told, told.get("options") or {})


def _cascade_arguments(metadata: BundleMetadata) -> list[str]:
    given = ["--small out/small/model"] if metadata.stage("small") else []
    given += ["--teacher-scores out/small/teacher_scores.parquet"] if metadata.stage("ngrams") else []
    metrics: dict[str, Any] = metadata.metrics
    fitted = metrics.get("cascade_fit") or {}
    given += [f"--disagreement {fitted['disagreement']:g}"] if "disagreement" in fitted else []
    longer = " ".join(f"{start}:{share:g}" for start, share in fitted.get("longer") or [])
    given += [f"--longer {longer}"] if longer else []
    return [f"    {' '.join(given)} \\"] if given else []


def _training_lines(opening: str, training: dict[str, Any], options: dict[str, Any]) -> list[str]:
    if "texts_seen" not in training:
        return []
    return [
        f"{opening} for {training['minutes']:.0f} minutes: about {training['texts_seen']} "
        f"texts seen, "
        f"at most {options.get('max_tokens')} tokens each, learning rate {options.get('learning_rate')} falling to "
        f"nothing, "
        f"label smoothing {options.get('label_smoothing')}, class weights by the {options.get('class_weights')} rule, "
        f"{percent(float(options.get('snippet_share', 0)), 0)} of the longer texts cut to a few sentences, "
        f"{_by_sentences(options)}seed {options.get('seed')}.",
        "",
    ]


def _by_sentences(options: dict[str, Any]) -> str:
    share = float(options.get("sentence_share") or 0)
    return f"{percent(share, 0)} read sentence by sentence, " if share else ""


def _runs(training: dict[str, Any], options: dict[str, Any]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The trainings that the (last) model came from: output folder, facts, options."""
    told = training.get("runs") or []
    if not told:
        return [("training", training, options)]
    return [(f"training-{number}", facts, facts.get("options") or {}) for number, facts in enumerate(told, start=1)]


def _large_lines(training: dict[str, Any], options: dict[str, Any]) -> list[str]:
    runs = _runs(training, options)
    if len(runs) == 1:
        return _training_lines("Fine-tuned", training, options)
    return [line for folder, facts, own in runs for line in _training_lines(f"Fine-tuned ({folder})", facts, own)]


def _large_commands(training: dict[str, Any], options: dict[str, Any]) -> list[str]:
    return [line for folder, _, own in _runs(training, options) for line in _training_command(own, folder)]


def _trained(training: dict[str, Any]) -> str:
    return "out/mean/model" if training.get("averaged") else "out/training/model"


def _averaging_command(training: dict[str, Any]) -> list[str]:
    averaged = training.get("averaged") or []
    if not averaged:
        return []
    several = bool(training.get("runs"))
    checkpoints = " ".join(
        f"out/training{'-' + str(each['run']) if several else ''}/{each['checkpoint']}" for each in averaged
    )
    shares = [each["share"] for each in averaged]
    weights = f" --weights {' '.join(f'{share:g}' for share in shares)}" if len(set(shares)) > 1 else ""
    return [f"python -m reviewlens.training.averaging {_trained(training)} {checkpoints}{weights}"]


def _training_command(options: dict[str, Any], folder: str, teacher: str = "out/training/model") -> list[str]:
    if not options:
        return []
    shaped = ("base_model", "keep_layers", "freeze_layers", "class_cap", "limit", "teacher", "teacher_weight")
    schedule = ("max_minutes", "epochs", "batch_tokens", "max_tokens", "learning_rate")
    shown = (*shaped, *schedule, "snippet_share", "sentence_share", "seed")
    # What the teacher is called where it was used tells a reader nothing: here it is the model of the commands before.
    given = {**options, "teacher": teacher} if options.get("teacher") else {**options, "teacher_weight": None}
    arguments = [f"--{name.replace('_', '-')} {given[name]}" for name in shown if given.get(name)]
    return [
        f"python sagemaker/train.py --corpus CORPUS.parquet --output out/{folder}{_licences(options)} \\",
        f"    {' '.join(arguments)}",
    ]


def _licences(options: dict[str, Any]) -> str:
    chosen = options.get("licences")
    return f" --licences {','.join(chosen)}" if chosen else ""
