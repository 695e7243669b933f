"""The model card: bundle.json rendered by model_card.md.jinja.

python -m reviewlens.release.card [BUNDLE] > docs/MODEL_CARD.md
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Template, Undefined, select_autoescape

from reviewlens.contracts.languages import name_languages
from reviewlens.model.bundle import BundleMetadata, CascadeStage, LongerBounds, peek
from reviewlens.model.engines.cascade import LAST
from reviewlens.model.locate import default_bundle_path
from reviewlens.release.acceptance import acceptance_results

_COMPARED = {
    "cascade": "cascade",
    "last stage, int8": "last_int8",
    "small model, int8": "small_int8",
    "cascade says as its last stage": "agreement",
}
_STAGE_NAMES = {"ngrams": "n-grams", "small": "small model", LAST: "last stage"}
_SHAPE_OPTIONS = ("base_model", "keep_layers", "freeze_layers", "class_cap", "limit", "teacher", "teacher_weight")
_SCHEDULE_OPTIONS = ("max_minutes", "epochs", "batch_tokens", "max_tokens", "learning_rate")
_SHOWN_OPTIONS = (*_SHAPE_OPTIONS, *_SCHEDULE_OPTIONS, "snippet_share", "sentence_share", "seed")


def model_card(metadata: BundleMetadata) -> str:
    """The card as Markdown. No figure in it is written by hand."""
    metrics: dict[str, Any] = {**metadata.metrics, **_later_figures().get(metadata.version, {})}
    training: dict[str, Any] = metadata.training
    compared = metrics["compared"].values()
    answered = [of["answered"] for of in compared if "answered" in of]
    return _template().render(
        card=metadata,
        metrics=metrics,
        training=training,
        results=acceptance_results(metrics),
        compared_columns={title: key for title, key in _COMPARED.items() if any(key in of for of in compared)},
        answered_stages=list(answered[0]) if answered else [],
        stage_names=_STAGE_NAMES,
        unstated=_unstated_licences(training),
        trainings=_trainings(training),
        commands=_commands(metadata, training),
    )


def percent(share: float | Undefined | None, digits: int = 2) -> str:
    """A share as a percentage; a dash for a missing one."""
    return "–" if share is None or isinstance(share, Undefined) else f"{100 * share:.{digits}f} %"


def bands(stage: CascadeStage) -> list[tuple[str, CascadeStage | LongerBounds]]:
    """The stage's bounds, each with the lengths of text that they hold for, in words."""
    starts = [0, *(bounds.from_tokens for bounds in stage.longer)]
    names = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        if end is None:
            names.append(f"from {start} word pieces on" if start else "all")
        else:
            names.append(f"{start} to {end - 1} word pieces" if start else f"under {end} word pieces")
    return list(zip(names, (stage, *stage.longer), strict=True))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        languages=name_languages, percent=percent, plain=lambda name: name.replace("_", " "), bands=bands
    )
    return environment.get_template("model_card.md.jinja")


@cache
def _later_figures() -> dict[str, dict[str, Any]]:
    """Figures measured after a bundle was packed, by its version."""
    figures: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("later_figures.json").read_bytes())
    return figures


def _unstated_licences(training: dict[str, Any]) -> dict[str, Any] | None:
    """How many texts have no stated licence, their share, and the licences of the others; None when all have one."""
    counts: Counter[str] = Counter()
    for row in training["texts_by_source"]:
        counts[row["licence"]] += int(row["texts"])
    texts = counts.pop("unstated", 0)
    if not texts:
        return None
    return {"texts": texts, "share": texts / (texts + counts.total()), "others": ",".join(sorted(counts)) or "MIT"}


def _trainings(training: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The trainings that the last stage came from: output folder and facts."""
    runs = training.get("runs") or []
    return [(f"training-{number}", run) for number, run in enumerate(runs, start=1)] or [("training", training)]


def _commands(metadata: BundleMetadata, training: dict[str, Any]) -> list[str]:
    """The commands that make the model again, from training to the bundle."""
    options: dict[str, Any] = training.get("options") or {}
    last = "out/mean/model" if training.get("averaged") else "out/training/model"
    lines = [line for folder, run in _trainings(training) for line in _training_command(run.get("options"), folder)]
    lines += _averaging_command(training, last)
    lines += _training_command((training.get("small") or {}).get("options"), "small", teacher=last)
    build = f"python -m reviewlens.release.build {last} CORPUS.parquet{_licences(options)}"
    return [
        *lines,
        f"{build} --version {metadata.version} \\",
        *_cascade_arguments(metadata),
        "    --tests TEST_1.csv TEST_2.csv --bundle out/model.tar.gz --card out/MODEL_CARD.md",
    ]


def _training_command(options: dict[str, Any] | None, folder: str, teacher: str = "out/training/model") -> list[str]:
    if not options:
        return []
    # The teacher's path on the training machine means nothing here: it is the model of the commands before.
    shown = {**options, "teacher": teacher} if options.get("teacher") else {**options, "teacher_weight": None}
    arguments = [f"--{name.replace('_', '-')} {shown[name]}" for name in _SHOWN_OPTIONS if shown.get(name)]
    return [
        f"python sagemaker/train.py --corpus CORPUS.parquet --output out/{folder}{_licences(options)} \\",
        f"    {' '.join(arguments)}",
    ]


def _averaging_command(training: dict[str, Any], into: str) -> list[str]:
    averaged = training.get("averaged") or []
    if not averaged:
        return []
    several = bool(training.get("runs"))
    folders = [f"out/training-{part['run']}" if several else "out/training" for part in averaged]
    checkpoints = " ".join(f"{folder}/{part['checkpoint']}" for folder, part in zip(folders, averaged, strict=True))
    shares = [part["share"] for part in averaged]
    weights = f" --weights {' '.join(f'{share:g}' for share in shares)}" if len(set(shares)) > 1 else ""
    return [f"python -m reviewlens.training.averaging {into} {checkpoints}{weights}"]


def _cascade_arguments(metadata: BundleMetadata) -> list[str]:
    fit: Any = metadata.metrics.get("cascade_fit") or {}
    arguments = ["--small out/small/model"] if metadata.stage("small") else []
    arguments += ["--teacher-scores out/small/teacher_scores.parquet"] if metadata.stage("ngrams") else []
    arguments += [f"--disagreement {fit['disagreement']:g}"] if "disagreement" in fit else []
    longer = " ".join(f"{start}:{share:g}" for start, share in fit.get("longer") or [])
    arguments += [f"--longer {longer}"] if longer else []
    return [f"    {' '.join(arguments)} \\"] if arguments else []


def _licences(options: dict[str, Any]) -> str:
    licences = options.get("licences")
    return f" --licences {','.join(licences)}" if licences else ""


if __name__ == "__main__":
    sys.stdout.write(model_card(peek(Path(sys.argv[1]) if len(sys.argv) > 1 else default_bundle_path())))
