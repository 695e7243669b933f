"""Make a release from trained models: convert, quantise, calibrate, fit the cascade, measure, describe, package.

python -m reviewlens.release.build TRAINED CORPUS --bundle OUT/model.tar.gz --card docs/MODEL_CARD.md

TRAINED may also be a bundle. Its graphs are then used unchanged (its small one unless `--small` names another), and
everything fitted or measured on texts is computed again.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl

from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.errors import InputError, ReviewLensError
from reviewlens.evaluation.calibration import expected_calibration_error
from reviewlens.evaluation.measures import measure_neutral
from reviewlens.model.bundle import Bundle, BundleMetadata, CascadeStage, KnownAnswer, write_bundle
from reviewlens.model.calibration import sigmoid
from reviewlens.model.encoder import LongTexts
from reviewlens.model.interface import Thresholds
from reviewlens.model.loading import open_bundle
from reviewlens.release.bounds import Tolerance
from reviewlens.release.calibration import fit_temperature, mixed_band, review_threshold
from reviewlens.release.card import model_card
from reviewlens.release.graphs import CALIBRATION_TEXTS, Reading, ReleaseGraph, convert_and_quantise, graphs_from_bundle
from reviewlens.release.known_texts import KNOWN_TEXTS
from reviewlens.release.measures import ReleaseModel, head, labels_of, measured_pace, measured_sets, sets_of, worst
from reviewlens.release.stages import Stages, fit_stages
from reviewlens.release.work import Work
from reviewlens.reviews.cleaning import CLEANING_VERSION
from reviewlens.training.corpus import Corpus

log = logging.getLogger(__name__)

_PACE_TEXTS = 1000
_WIDEST = 512  # positions of BERT and similar models


@dataclass(frozen=True)
class ReleaseOptions:
    """What to release, and how.

    `trained`: a Hugging Face folder or a bundle. `small`: a trained model for the small stage; `teacher_scores`: a
    Parquet file to train the n-gram stage on. With either, the bundle is a cascade. `disagreement`, `longer`: see
    `Tolerance`. `reading`: the window, and how longer texts are read.

    `tests`: further labelled files to measure. `limit`: most texts per set (None for all); `exact_texts`: how many of
    them are scored in float32 as well. `variants`: a JSON file {name: {set: accuracy}} of other models to show in the
    card. `note`: a sentence for the card about the training. `work`: a folder that caches margins and graphs, so that
    a second call is quick.
    """

    trained: Path
    corpus: Path
    bundle: Path
    card: Path
    version: str
    base_model: str
    licence: str
    licences: tuple[str, ...] = ()
    tests: tuple[Path, ...] = ()
    threads: int = 2
    limit: int | None = None
    exact_texts: int = 4000
    seed: int = 13
    note: str = ""
    small: Path | None = None
    teacher_scores: Path | None = None
    work: Path | None = None
    variants: Path | None = None
    disagreement: float = Tolerance.disagreement
    longer: tuple[tuple[int, float], ...] = ()
    reading: Reading = field(default_factory=Reading)


def release(options: ReleaseOptions) -> BundleMetadata:
    """Write the bundle and the card; returns the content of bundle.json. Raises InputError and ConfigurationError."""
    if not 16 <= options.reading.window <= _WIDEST:
        raise InputError(f"A window holds from 16 to {_WIDEST} word pieces.", code="window")
    variants = _variants(options.variants)
    with tempfile.TemporaryDirectory(prefix="reviewlens-release-") as scratch:
        work = Work(options.work or Path(scratch) / "work")
        previous = _previous_bundle(options, Path(scratch))
        corpus = work.corpus(options.corpus, options.licences)
        sample = corpus.part("train").sample(CALIBRATION_TEXTS, seed=options.seed)["text"].to_list()
        if previous:
            last, small = graphs_from_bundle(previous, work, options.threads, options.reading)
        else:
            last, small = convert_and_quantise(options.trained, sample, work, options.threads, options.reading), None
        if options.small:
            small = convert_and_quantise(options.small, sample, work, options.threads, options.reading)
        validation = head(corpus.part("validation"), options.limit, options.seed)
        stages = Stages()
        if small or options.teacher_scores:
            stages = fit_stages(
                corpus,
                validation,
                last,
                small,
                options.teacher_scores,
                Tolerance(options.disagreement, longer=options.longer),
                work,
            )
        members = Path(scratch) / "members"
        _write_members(members, last, stages)
        before = previous.metadata if previous else None
        metadata = _described(options, corpus, validation, last, stages, before)
        metadata = _measured(options, corpus, metadata, Bundle(members, "", metadata), last, stages, variants, before)
        text = model_card(metadata)
        (members / "MODEL_CARD.md").write_text(text, encoding="utf-8")
        sha256 = write_bundle(options.bundle, members, metadata)
    options.card.parent.mkdir(parents=True, exist_ok=True)
    options.card.write_text(text, encoding="utf-8")
    log.info("%s written, SHA-256 %s", options.bundle, sha256)
    return metadata


def _previous_bundle(options: ReleaseOptions, scratch: Path) -> Bundle | None:
    """The bundle whose graphs are used unchanged; None when `options.trained` is a trained model."""
    if not (options.trained.is_file() or (options.trained / "bundle.json").is_file()):
        return None
    return open_bundle(options.trained, scratch / "previous")


def _write_members(members: Path, last: ReleaseGraph, stages: Stages) -> None:
    members.mkdir()
    for name in ("model.xml", "model.bin", "config.json", "tokenizer.json"):
        shutil.copyfile(last.int8 / name, members / name)
    if stages.small:
        for name in ("model.xml", "model.bin", "tokenizer.json"):
            member = name.replace("model.", "small.") if name != "tokenizer.json" else "small.tokenizer.json"
            shutil.copyfile(stages.small.int8 / name, members / member)
    if stages.ngrams:
        stages.ngrams.save(members / "ngrams.npy")


def _described(
    options: ReleaseOptions,
    corpus: Corpus,
    validation: pl.DataFrame,
    last: ReleaseGraph,
    stages: Stages,
    before: BundleMetadata | None,
) -> BundleMetadata:
    """The metadata without the figures of the test sets: everything fitted on validation texts."""
    labels, texts = labels_of(validation), validation["text"].to_list()
    margins = last.margins(texts)
    temperature = round(fit_temperature(margins, labels), 4)
    model = ReleaseModel(last, temperature, stages)
    scores, _ = model.scores(texts)
    three_stars = head(corpus.part("validation", neutral=True), options.limit, options.seed)["text"].to_list()
    uncalibrated = sigmoid(margins)
    return BundleMetadata(
        version=options.version,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        max_length=options.reading.window,
        long_texts=options.reading.long_texts,
        cleaning_version=CLEANING_VERSION,
        temperature=temperature,
        needs_review=review_threshold(scores, labels),
        mixed=mixed_band(scores, labels, model.scores(three_stars)[0]) if three_stars else None,
        cascade=tuple(_with_known_answers(stage, last, stages) for stage in stages.stages),
        languages=before.languages if before else MODEL_LANGUAGES,
        base_model=before.base_model if before else options.base_model,
        licence=before.licence if before else options.licence,
        precision="int8",
        training=_training_facts(options, corpus, before),
        metrics={
            "validation": {
                "texts": len(validation),
                "accuracy": round(float(np.mean((scores >= 0.5) == (labels == 1))), 5),
                "calibration_error_before": round(expected_calibration_error(uncalibrated, labels), 5),
                "calibration_error_after": round(expected_calibration_error(scores, labels), 5),
            },
            **({"cascade_fit": stages.facts} if stages.stages else {}),
        },
        known_answers=_known_answers(sigmoid(last.margins(KNOWN_TEXTS) / temperature)),
    )


def _with_known_answers(stage: CascadeStage, last: ReleaseGraph, stages: Stages) -> CascadeStage:
    scores, _ = stages.of(stage, KNOWN_TEXTS, (stages.small or last).encoder)
    return stage.model_copy(update={"known_answers": _known_answers(scores)})


def _known_answers(scores: Any) -> tuple[KnownAnswer, ...]:
    return tuple(
        KnownAnswer(text=text, score=round(float(score), 6)) for text, score in zip(KNOWN_TEXTS, scores, strict=True)
    )


def _measured(
    options: ReleaseOptions,
    corpus: Corpus,
    metadata: BundleMetadata,
    bundle: Bundle,
    last: ReleaseGraph,
    stages: Stages,
    variants: dict[str, dict[str, float]],
    before: BundleMetadata | None,
) -> BundleMetadata:
    thresholds = Thresholds(metadata.needs_review, metadata.mixed)
    model = ReleaseModel(last, metadata.temperature, stages)
    sets = sets_of(corpus, options.tests, options.limit, options.seed)
    measures, compared = measured_sets(model, sets, thresholds, 0 if before else options.exact_texts)
    if before:
        compared = _with_exact(compared, before)
    pace = measured_pace(bundle, next(iter(sets.values())).head(_PACE_TEXTS), options.threads)
    neutral = head(corpus.part("test", neutral=True), options.limit, options.seed)["text"].to_list()
    metrics = {
        **metadata.metrics,
        "engine": "cascade" if stages.stages else "openvino",
        "sets": measures,
        "compared": compared,
        "pace": pace,
        "worst": worst(measures, compared, pace, variants),
        "variants": variants,
        **({"three_stars": measure_neutral(model.scores(neutral)[0], thresholds)} if neutral else {}),
    }
    return metadata.model_copy(update={"metrics": metrics})


def _variants(path: Path | None) -> dict[str, dict[str, float]]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): {str(key): float(value) for key, value in sets.items()} for name, sets in content.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f'{path.name} should be like {{"name": {{"set": 0.95}}}}.', code="variants") from error


def _with_exact(compared: dict[str, Any], before: BundleMetadata) -> dict[str, Any]:
    """Adds the int8 and float32 figures of the bundle that the graphs come from: its graphs are the same."""
    metrics: dict[str, Any] = before.metrics
    previous = metrics.get("compared") or {}
    kept = {"exact_texts", "exact_int8", "exact_float32", "int8_as_float32"}
    return {
        name: {**each, **{key: value for key, value in previous.get(name, {}).items() if key in kept}}
        for name, each in compared.items()
    }


def _training_facts(options: ReleaseOptions, corpus: Corpus, before: BundleMetadata | None) -> dict[str, object]:
    facts = dict(before.training) if before else _recorded(options.trained)
    by_source = corpus.frame.group_by("source", "licence").len().sort("source").rows()
    return {
        **facts,
        **({"small": _recorded(options.small)} if options.small else {}),
        **({"note": options.note} if options.note else {}),
        "data_sha256": corpus.fingerprint(),
        "texts_by_source": [
            {"source": source, "licence": licence, "texts": count} for source, licence, count in by_source
        ],
        "splits": dict(corpus.frame.filter(pl.col("label").is_not_null()).group_by("split").len().sort("split").rows()),
    }


def _recorded(trained: Path) -> dict[str, Any]:
    """The training.json beside a trained model, without paths of the training machine."""
    path = trained.parent / "training.json"
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for run in (facts, *facts.get("runs", [])):
        settings = run.get("options")
        if isinstance(settings, dict):
            run["options"] = {name: value for name, value in settings.items() if name not in {"corpus", "output"}}
    return facts


def _tokens_and_share(text: str) -> tuple[int, float]:
    start, _, share = text.partition(":")
    return int(start), float(share)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; exit code 0 on success, 2 for a wrong input or setting."""
    parser = argparse.ArgumentParser(
        prog="python -m reviewlens.release.build", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "trained",
        type=Path,
        help="Hugging Face folder written by the training (the last stage), or a bundle whose cascade is fitted again",
    )
    parser.add_argument("corpus", type=Path, help="corpus that the model was trained on")
    parser.add_argument("--bundle", type=Path, default=Path("out/model.tar.gz"))
    parser.add_argument("--card", type=Path, default=Path("out/MODEL_CARD.md"))
    parser.add_argument("--version", default="local-1")
    parser.add_argument("--base-model", default="", help="name for the card; default: from training.json")
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the base model's weights")
    parser.add_argument("--licences", default="", help="licences of the training texts, as for the training")
    parser.add_argument("--tests", type=Path, nargs="*", default=[], help="further labelled CSV files to measure")
    parser.add_argument("--small", type=Path, help="trained smaller model for the small stage")
    parser.add_argument(
        "--teacher-scores", type=Path, help="Parquet file with text and margin to train the n-gram stage on"
    )
    parser.add_argument(
        "--disagreement",
        type=float,
        default=Tolerance.disagreement,
        help="share of validation texts on which the cascade may differ from its last stage",
    )
    parser.add_argument(
        "--longer",
        type=_tokens_and_share,
        nargs="*",
        default=[],
        metavar="TOKENS:SHARE",
        help="the same share for texts of TOKENS word pieces or more, ascending, for example 48:0.004",
    )
    parser.add_argument(
        "--long-texts",
        choices=get_args(LongTexts),
        default=Reading.long_texts,
        help="how texts longer than the window are read: their beginning and end, or all of it in windows",
    )
    parser.add_argument("--window", type=int, default=Reading.window, help="word pieces read at once")
    parser.add_argument("--work", type=Path, help="folder that caches results, so that a second call is quick")
    parser.add_argument(
        "--variants", type=Path, help="JSON file {name: {set: accuracy}} of other models to show in the card"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="most texts per set, for a quick trial")
    parser.add_argument(
        "--exact-texts", type=int, default=4000, help="texts per set that are scored in float32 as well"
    )
    parser.add_argument(
        "--note", default="", help="sentence for the card about the training, for example that it was resumed"
    )
    options = vars(parser.parse_args(argv))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options["licences"] = tuple(name for name in options["licences"].split(",") if name)
    options["tests"] = tuple(options["tests"])
    options["longer"] = tuple(sorted(options["longer"]))
    options["reading"] = Reading(options.pop("window"), options.pop("long_texts"))
    trained: Path = options["trained"]
    options["base_model"] = options["base_model"] or str(_recorded(trained).get("base_model") or trained.name)
    try:
        release(ReleaseOptions(**options))
    except ReviewLensError as error:
        log.error("%s", error.message)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
