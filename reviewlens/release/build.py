"""One command from trained models to the bundle that ships: convert, quantise, calibrate, fit, measure, describe, pack.

python -m reviewlens.release.build TRAINED CORPUS --bundle OUT/model.tar.gz --card docs/MODEL_CARD.md

In place of a trained model a bundle may be given: its graphs are taken as they are (its small one where `--small` names
no other), and all that is fitted or measured on texts is made anew.
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
from reviewlens.release.graphs import CALIBRATION_TEXTS, Reading, ShippedGraph, of_bundle, prepare
from reviewlens.release.known_texts import KNOWN_TEXTS
from reviewlens.release.measures import Shipped, head, labels_of, measured_pace, measured_sets, sets_of, worst
from reviewlens.release.stages import Stages, fit_stages
from reviewlens.release.work import Work
from reviewlens.reviews.cleaning import CLEANING_VERSION
from reviewlens.training.corpus import Corpus

log = logging.getLogger(__name__)

_PACE_TEXTS = 1000
_WIDEST = 512  # what models of BERT's kind have positions for


@dataclass(frozen=True)
class ShippingOptions:
    """`tests`: further labelled files, measured by their names; `limit`: most texts per set (None for all);
    `exact_texts`: of those, how many are scored in float32 too.

    `trained`: a Hugging Face folder, or a bundle; `longer`: other shares than `disagreement` for longer texts, see
    `Tolerance`; `reading`: the window, and how what does not fit it is read.

    `small`: a trained model to put before the first one, `teacher_scores`: what to learn n-grams from, so that the
    bundle is a cascade; `work`: a folder to remember margins and graphs in, so that another run is quick; `variants`:
    a JSON file {name: {set: accuracy}} of other models to show beside this one; `note`: what the card must say of how
    the training went, where its options alone do not tell.
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


def ship(options: ShippingOptions) -> BundleMetadata:
    """Make the bundle and the card; returns what bundle.json says."""
    if not 16 <= options.reading.window <= _WIDEST:
        raise InputError(f"A window holds from 16 to {_WIDEST} word pieces.", code="window")
    variants = _variants(options.variants)
    with tempfile.TemporaryDirectory(prefix="reviewlens-ship-") as scratch:
        work = Work(options.work or Path(scratch) / "work")
        given = _bundle(options, Path(scratch))
        corpus = work.corpus(options.corpus, options.licences)
        sample = corpus.part("train").sample(CALIBRATION_TEXTS, seed=options.seed)["text"].to_list()
        if given:
            last, small = of_bundle(given, work, options.threads, options.reading)
        else:
            last, small = prepare(options.trained, sample, work, options.threads, options.reading), None
        if options.small:
            small = prepare(options.small, sample, work, options.threads, options.reading)
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
        _lay_out(members, last, stages)
        before = given.metadata if given else None
        metadata = _described(options, corpus, validation, last, stages, before)
        metadata = _measured(options, corpus, metadata, Bundle(members, "", metadata), last, stages, variants, before)
        text = model_card(metadata)
        (members / "MODEL_CARD.md").write_text(text, encoding="utf-8")
        sha256 = write_bundle(options.bundle, members, metadata)
    options.card.parent.mkdir(parents=True, exist_ok=True)
    options.card.write_text(text, encoding="utf-8")
    log.info("%s written, SHA-256 %s", options.bundle, sha256)
    return metadata


def _bundle(options: ShippingOptions, scratch: Path) -> Bundle | None:
    """The bundle whose graphs are to be taken; None where a trained model is given."""
    if not (options.trained.is_file() or (options.trained / "bundle.json").is_file()):
        return None
    return open_bundle(options.trained, scratch / "given")


def _lay_out(members: Path, last: ShippedGraph, stages: Stages) -> None:
    members.mkdir()
    for name in ("model.xml", "model.bin", "config.json", "tokenizer.json"):
        shutil.copyfile(last.int8 / name, members / name)
    if stages.small:
        for name in ("model.xml", "model.bin", "tokenizer.json"):
            into = name.replace("model.", "small.") if name != "tokenizer.json" else "small.tokenizer.json"
            shutil.copyfile(stages.small.int8 / name, members / into)
    if stages.ngrams:
        stages.ngrams.save(members / "ngrams.npy")


def _described(
    options: ShippingOptions,
    corpus: Corpus,
    validation: pl.DataFrame,
    last: ShippedGraph,
    stages: Stages,
    before: BundleMetadata | None,
) -> BundleMetadata:
    """All but the figures of the test sets: what is fitted on validation texts."""
    labels, texts = labels_of(validation), validation["text"].to_list()
    alone = last.margins(texts)
    temperature = round(fit_temperature(alone, labels), 4)
    shipped = Shipped(last, temperature, stages)
    scores, _ = shipped.scores(texts)
    three_stars = head(corpus.part("validation", neutral=True), options.limit, options.seed)["text"].to_list()
    raw = sigmoid(alone)
    return BundleMetadata(
        version=options.version,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        max_length=options.reading.window,
        long_texts=options.reading.long_texts,
        cleaning_version=CLEANING_VERSION,
        temperature=temperature,
        needs_review=review_threshold(scores, labels),
        mixed=mixed_band(scores, labels, shipped.scores(three_stars)[0]) if three_stars else None,
        cascade=tuple(_with_answers(stage, last, stages) for stage in stages.stages),
        base_model=before.base_model if before else options.base_model,
        licence=before.licence if before else options.licence,
        precision="int8",
        training=_training_facts(options, corpus, before),
        metrics={
            "validation": {
                "texts": len(validation),
                "accuracy": round(float(np.mean((scores >= 0.5) == (labels == 1))), 5),
                "calibration_error_before": round(expected_calibration_error(raw, labels), 5),
                "calibration_error_after": round(expected_calibration_error(scores, labels), 5),
            },
            **({"cascade_fit": stages.facts} if stages.stages else {}),
        },
        known_answers=_known(sigmoid(last.margins(KNOWN_TEXTS) / temperature)),
    )


def _with_answers(stage: CascadeStage, last: ShippedGraph, stages: Stages) -> CascadeStage:
    scores, _ = stages.of(stage, KNOWN_TEXTS, (stages.small or last).encoder)
    return stage.model_copy(update={"known_answers": _known(scores)})


def _known(scores: Any) -> tuple[KnownAnswer, ...]:
    return tuple(
        KnownAnswer(text=text, score=round(float(score), 6)) for text, score in zip(KNOWN_TEXTS, scores, strict=True)
    )


def _measured(
    options: ShippingOptions,
    corpus: Corpus,
    metadata: BundleMetadata,
    bundle: Bundle,
    last: ShippedGraph,
    stages: Stages,
    variants: dict[str, dict[str, float]],
    before: BundleMetadata | None,
) -> BundleMetadata:
    thresholds = Thresholds(metadata.needs_review, metadata.mixed)
    shipped = Shipped(last, metadata.temperature, stages)
    sets = sets_of(corpus, options.tests, options.limit, options.seed)
    measures, compared = measured_sets(shipped, sets, thresholds, 0 if before else options.exact_texts)
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
        **({"three_stars": measure_neutral(shipped.scores(neutral)[0], thresholds)} if neutral else {}),
    }
    return metadata.model_copy(update={"metrics": metrics})


def _variants(path: Path | None) -> dict[str, dict[str, float]]:
    if path is None:
        return {}
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): {str(key): float(value) for key, value in sets.items()} for name, sets in read.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f'{path.name} should be like {{"name": {{"set": 0.95}}}}.', code="variants") from error


def _with_exact(compared: dict[str, Any], before: BundleMetadata) -> dict[str, Any]:
    """With what the bundle that the graphs come from says of int8 against float32: that is of the same graphs."""
    metrics: dict[str, Any] = before.metrics
    told = metrics.get("compared") or {}
    kept = {"exact_texts", "exact_int8", "exact_float32", "int8_as_float32"}
    return {
        name: {**each, **{key: value for key, value in told.get(name, {}).items() if key in kept}}
        for name, each in compared.items()
    }


def _training_facts(options: ShippingOptions, corpus: Corpus, before: BundleMetadata | None) -> dict[str, object]:
    facts = dict(before.training) if before else _told(options.trained)
    by_source = corpus.frame.group_by("source", "licence").len().sort("source").rows()
    return {
        **facts,
        **({"small": _told(options.small)} if options.small else {}),
        **({"note": options.note} if options.note else {}),
        "data_sha256": corpus.fingerprint(),
        "texts_by_source": [
            {"source": source, "licence": licence, "texts": count} for source, licence, count in by_source
        ],
        "splits": dict(corpus.frame.filter(pl.col("label").is_not_null()).group_by("split").len().sort("split").rows()),
    }


def _told(trained: Path) -> dict[str, Any]:
    """What the training wrote down beside the model, without the paths of the machine it ran on."""
    told = trained.parent / "training.json"
    facts: dict[str, Any] = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    for run in (facts, *facts.get("runs", [])):
        settings = run.get("options")
        if isinstance(settings, dict):
            run["options"] = {name: value for name, value in settings.items() if name not in {"corpus", "output"}}
    return facts


def _longer(text: str) -> tuple[int, float]:
    start, _, share = text.partition(":")
    return int(start), float(share)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; exit 0 done, 2 the input or a setting is at fault."""
    parser = argparse.ArgumentParser(
        prog="python -m reviewlens.release.build", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "trained",
        type=Path,
        help="Hugging Face folder, as training leaves it: the (last) model; or a bundle, to fit its cascade anew",
    )
    parser.add_argument("corpus", type=Path, help="the corpus it was trained on")
    parser.add_argument("--bundle", type=Path, default=Path("out/model.tar.gz"))
    parser.add_argument("--card", type=Path, default=Path("out/MODEL_CARD.md"))
    parser.add_argument("--version", default="local-1")
    parser.add_argument("--base-model", default="", help="named in the card; default: what the training recorded")
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the base model's weights")
    parser.add_argument("--licences", default="", help="licences of the training texts, as given to the training")
    parser.add_argument("--tests", type=Path, nargs="*", default=[], help="further labelled CSV files to measure")
    parser.add_argument("--small", type=Path, help="a trained smaller model that answers first, where it is sure")
    parser.add_argument("--teacher-scores", type=Path, help="Parquet file with text and margin, to learn n-grams from")
    parser.add_argument(
        "--disagreement",
        type=float,
        default=Tolerance.disagreement,
        help="share of validation texts that the cascade may judge otherwise than its last stage",
    )
    parser.add_argument(
        "--longer",
        type=_longer,
        nargs="*",
        default=[],
        metavar="TOKENS:SHARE",
        help="another such share for the texts from so many word pieces on, ascending, for example 48:0.004",
    )
    parser.add_argument(
        "--long-texts",
        choices=get_args(LongTexts),
        default=Reading.long_texts,
        help="how a text is read that does not fit the window: its beginning and end, or all in windows",
    )
    parser.add_argument("--window", type=int, default=Reading.window, help="word pieces that are read at once")
    parser.add_argument("--work", type=Path, help="folder to remember what was computed; a second run is then quick")
    parser.add_argument("--variants", type=Path, help="JSON file {name: {set: accuracy}} to show beside this model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="most texts per set, for a quick look")
    parser.add_argument("--exact-texts", type=int, default=4000, help="texts per set that are scored in float32 too")
    parser.add_argument(
        "--note", default="", help="how the training went, where its options do not tell (resumed, ...)"
    )
    given = vars(parser.parse_args(argv))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    given["licences"] = tuple(name for name in given["licences"].split(",") if name)
    given["tests"] = tuple(given["tests"])
    given["longer"] = tuple(sorted(given["longer"]))
    given["reading"] = Reading(given.pop("window"), given.pop("long_texts"))
    given["base_model"] = given["base_model"] or str(_told(given["trained"]).get("base_model") or given["trained"].name)
    try:
        ship(ShippingOptions(**given))
    except ReviewLensError as error:
        log.error("%s", error.message)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
