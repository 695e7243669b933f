"""One command from a trained model to the bundle that ships: convert, quantise, calibrate, measure, describe, pack.

python -m reviewlens.model.shipping TRAINED CORPUS --bundle OUT/model.tar.gz --card docs/MODEL_CARD.md
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.errors import ReviewLensError
from reviewlens.model import export
from reviewlens.model.bundle import BundleMetadata, KnownAnswer, write_bundle
from reviewlens.model.calibration import expected_calibration_error, fit_temperature, review_threshold, sigmoid
from reviewlens.model.card import model_card
from reviewlens.model.corpus import Corpus, labelled_frame, read_corpus
from reviewlens.model.encoder import TextEncoder, score_margins
from reviewlens.model.evaluation import measure, measure_neutral
from reviewlens.model.interface import Thresholds
from reviewlens.model.known_texts import KNOWN_TEXTS
from reviewlens.model.openvino_engine import OpenVinoGraph
from reviewlens.reviews.cleaning import CLEANING_VERSION, clean_text

log = logging.getLogger(__name__)

MAX_LENGTH = 256
IN_DOMAIN = "in-domain test split"
CALIBRATION_TEXTS = 300
BALANCED_SOURCES = ("absa_amazon_pol", "hatn_5dom", "fdu_14dom_amazon")
"""The corpus's sources with about as many negative as positive reviews."""


@dataclass(frozen=True)
class ShippingOptions:
    """`tests`: further labelled files, measured by their names; `limit`: most texts per set (None for all).

    `note`: what the card must say of how the training went, where its options alone do not tell.
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
    agreement_texts: int = 2000
    seed: int = 13
    note: str = ""


def ship(options: ShippingOptions) -> BundleMetadata:
    """Make the bundle and the card; returns what bundle.json says."""
    corpus = read_corpus(options.corpus, options.licences)
    encoder = TextEncoder(options.trained / "tokenizer.json", MAX_LENGTH)
    with tempfile.TemporaryDirectory(prefix="reviewlens-ship-") as scratch:
        members, exact = Path(scratch) / "members", Path(scratch) / "exact"
        graph = export.convert(options.trained)
        export.save_members(graph, options.trained, exact, halve=False)
        sample = corpus.part("train").sample(CALIBRATION_TEXTS, seed=options.seed)["text"].to_list()
        export.save_members(export.quantise(graph, encoder, sample), options.trained, members)
        log.info("quantised")
        metadata = _measure(options, corpus, encoder, members / "model.xml", exact / "model.xml")
        text = model_card(metadata)
        (members / "MODEL_CARD.md").write_text(text, encoding="utf-8")
        sha256 = write_bundle(options.bundle, members, metadata)
    options.card.parent.mkdir(parents=True, exist_ok=True)
    options.card.write_text(text, encoding="utf-8")
    log.info("%s written, SHA-256 %s", options.bundle, sha256)
    return metadata


def _measure(
    options: ShippingOptions, corpus: Corpus, encoder: TextEncoder, int8_xml: Path, exact_xml: Path
) -> BundleMetadata:
    int8 = OpenVinoGraph(int8_xml, options.threads)

    def margins(texts: Sequence[str]) -> NDArray[np.float64]:
        return score_margins(texts, encoder, int8)

    validation = _head(corpus.part("validation"), options)
    labels = _labels(validation)
    raw = margins(validation["text"].to_list())
    temperature = round(fit_temperature(raw, labels), 4)
    calibrated = sigmoid(raw / temperature)
    thresholds = Thresholds(needs_review=review_threshold(calibrated, labels))
    before, after = expected_calibration_error(sigmoid(raw), labels), expected_calibration_error(calibrated, labels)
    sets: dict[str, object] = {}
    for name, frame in _test_sets(corpus, options).items():
        started = time.perf_counter()
        scores = sigmoid(margins(frame["text"].to_list()) / temperature)
        rate = round(len(frame) / (time.perf_counter() - started), 1)
        measured = measure(scores, _labels(frame), thresholds)
        log.info("%s: %d texts, %s a second, accuracy %s", name, len(frame), rate, measured["accuracy"])
        sets[name] = measured
        balanced = frame["source"].is_in(BALANCED_SOURCES).to_numpy() if "source" in frame.columns else np.zeros(0)
        if name == IN_DOMAIN and balanced.any():
            sets["its balanced Amazon part"] = measure(scores[balanced], _labels(frame)[balanced], thresholds)
    neutral = corpus.frame.filter(pl.col("label").is_null())
    known = sigmoid(margins(KNOWN_TEXTS) / temperature)
    return BundleMetadata(
        version=options.version,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        max_length=MAX_LENGTH,
        cleaning_version=CLEANING_VERSION,
        temperature=temperature,
        needs_review=thresholds.needs_review,
        base_model=options.base_model,
        licence=options.licence,
        precision="int8",
        training=_training_facts(options, corpus),
        metrics={
            "validation": {
                "texts": len(validation),
                "accuracy": round(float(np.mean((raw >= 0) == labels)), 5),
                "calibration_error_before": round(before, 5),
                "calibration_error_after": round(after, 5),
            },
            "sets": sets,
            "three_stars": measure_neutral(sigmoid(margins(neutral["text"].to_list()) / temperature), thresholds),
            "int8_against_float32": _agreement(
                options, corpus, encoder, int8, OpenVinoGraph(exact_xml, options.threads)
            ),
        },
        known_answers=tuple(
            KnownAnswer(text=text, score=round(float(score), 6)) for text, score in zip(KNOWN_TEXTS, known, strict=True)
        ),
    )


def _test_sets(corpus: Corpus, options: ShippingOptions) -> dict[str, pl.DataFrame]:
    sets = {IN_DOMAIN: corpus.part("test")}
    for path in options.tests:
        frame = labelled_frame(path).filter(pl.col("label").is_not_null())
        sets[path.stem.removeprefix("test_")] = frame.with_columns(
            pl.col("text").map_elements(clean_text, return_dtype=pl.String)
        ).filter(pl.col("text") != "")
    return {name: _head(frame, options) for name, frame in sets.items() if len(frame)}


def _agreement(
    options: ShippingOptions, corpus: Corpus, encoder: TextEncoder, int8: OpenVinoGraph, exact: OpenVinoGraph
) -> dict[str, object]:
    """int8 and float32 side by side on the first texts of the test split."""
    frame = corpus.part("test").head(options.agreement_texts)
    texts, labels = frame["text"].to_list(), _labels(frame)
    ours = score_margins(texts, encoder, int8)
    reference = score_margins(texts, encoder, exact)
    return {
        "texts": len(texts),
        "accuracy_int8": round(float(np.mean((ours >= 0) == labels)), 5),
        "accuracy_float32": round(float(np.mean((reference >= 0) == labels)), 5),
        **export.agreement(sigmoid(reference), sigmoid(ours)),
    }


def _training_facts(options: ShippingOptions, corpus: Corpus) -> dict[str, object]:
    told = options.trained.parent / "training.json"
    facts: dict[str, object] = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    settings = facts.get("options")
    if isinstance(settings, dict):
        facts["options"] = {name: value for name, value in settings.items() if name not in {"corpus", "output"}}
    by_source = corpus.frame.group_by("source", "licence").len().sort("source").rows()
    return {
        **facts,
        **({"note": options.note} if options.note else {}),
        "data_sha256": corpus.fingerprint(),
        "texts_by_source": [
            {"source": source, "licence": licence, "texts": count} for source, licence, count in by_source
        ],
        "splits": dict(corpus.frame.filter(pl.col("label").is_not_null()).group_by("split").len().sort("split").rows()),
    }


def _head(frame: pl.DataFrame, options: ShippingOptions) -> pl.DataFrame:
    if options.limit is None or len(frame) <= options.limit:
        return frame
    # Drawn, not cut: files are often sorted by label.
    return frame.sample(options.limit, seed=options.seed)


def _labels(frame: pl.DataFrame) -> NDArray[np.int64]:
    return np.asarray(frame["label"].to_numpy(), dtype=np.int64)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; exit 0 done, 2 the input or a setting is at fault."""
    parser = argparse.ArgumentParser(
        prog="python -m reviewlens.model.shipping", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("trained", type=Path, help="Hugging Face folder, as training leaves it")
    parser.add_argument("corpus", type=Path, help="the corpus it was trained on")
    parser.add_argument("--bundle", type=Path, default=Path("out/model.tar.gz"))
    parser.add_argument("--card", type=Path, default=Path("out/MODEL_CARD.md"))
    parser.add_argument("--version", default="local-1")
    parser.add_argument("--base-model", default="", help="named in the card; default: what the training recorded")
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the base model's weights")
    parser.add_argument("--licences", default="", help="licences of the training texts, as given to the training")
    parser.add_argument("--tests", type=Path, nargs="*", default=[], help="further labelled CSV files to measure")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="most texts per set, for a quick look")
    parser.add_argument("--agreement-texts", type=int, default=2000)
    parser.add_argument(
        "--note", default="", help="how the training went, where its options do not tell (resumed, ...)"
    )
    given = vars(parser.parse_args(argv))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    given["licences"] = tuple(name for name in given["licences"].split(",") if name)
    given["tests"] = tuple(given["tests"])
    given["base_model"] = given["base_model"] or given["trained"].name
    try:
        ship(ShippingOptions(**given))
    except ReviewLensError as error:
        log.error("%s", error.message)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
