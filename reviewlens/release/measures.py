"""The figures in a bundle: every set scored by the released engine, by its last stage alone, and in float32."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reviewlens.evaluation.measures import measure
from reviewlens.model.bundle import Bundle
from reviewlens.model.calibration import sigmoid
from reviewlens.model.engines.cascade import LAST, CascadeEngine
from reviewlens.model.engines.openvino import OpenVinoEngine
from reviewlens.model.interface import Engine, Thresholds
from reviewlens.release.acceptance import BALANCED, IN_DOMAIN
from reviewlens.release.graphs import ReleaseGraph
from reviewlens.release.stages import Stages
from reviewlens.reviews.cleaning import clean_text
from reviewlens.training.corpus import Corpus, labelled_frame

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

BALANCED_SOURCES = ("absa_amazon_pol", "hatn_5dom", "fdu_14dom_amazon", "blitzer_4dom")
"""The corpus's sources with about as many negative as positive reviews."""

TEACHER = "teacher"
"""The variant that `teacher_gap` is computed from, if there is one."""

_WARMING_TEXTS = 32


@dataclass(frozen=True)
class ReleaseModel:
    """The model to release: its last graph with the temperature, and the stages before it (none for one graph)."""

    last: ReleaseGraph
    temperature: float
    stages: Stages

    def scores(self, texts: Sequence[str]) -> tuple[Floats, Labels]:
        """Scores of the model's default engine, and the stage that answered each text (-1: the last), both (n,)."""
        last = sigmoid(self.last.margins(texts) / self.temperature)
        return self.stages.scores(texts, last, (self.stages.small or self.last).encoder)


def sets_of(corpus: Corpus, tests: Sequence[Path], limit: int | None, seed: int) -> dict[str, pl.DataFrame]:
    """The corpus's test split and further labelled files, cleaned, at most `limit` texts each."""
    sets = {IN_DOMAIN: corpus.part("test")}
    for path in tests:
        frame = labelled_frame(path).filter(pl.col("label").is_not_null())
        sets[path.stem.removeprefix("test_")] = frame.with_columns(
            pl.col("text").map_elements(clean_text, return_dtype=pl.String)
        ).filter(pl.col("text") != "")
    return {name: head(frame, limit, seed) for name, frame in sets.items() if len(frame)}


def head(frame: pl.DataFrame, limit: int | None, seed: int) -> pl.DataFrame:
    """At most `limit` rows, drawn at random because files are often sorted by label."""
    return frame if limit is None or len(frame) <= limit else frame.sample(limit, seed=seed)


def labels_of(frame: pl.DataFrame) -> Labels:
    """The labels, 1 or 0, shape (rows,)."""
    return np.asarray(frame["label"].to_numpy(), dtype=np.int64)


def measured_sets(
    model: ReleaseModel, sets: Mapping[str, pl.DataFrame], thresholds: Thresholds, exact_texts: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """For each set the measures of the released engine, and the comparison of its parts.

    `exact_texts`: how many texts of each set, drawn at random, are scored in float32, which is slow.
    """
    measures, compared = {}, {}
    for name, frame in sets.items():
        texts, labels = frame["text"].to_list(), labels_of(frame)
        scores, answered_by = model.scores(texts)
        parts = {name: np.ones(len(texts), dtype=np.bool_)}
        if name == IN_DOMAIN and "source" in frame.columns:
            parts[BALANCED] = frame["source"].is_in(BALANCED_SOURCES).to_numpy()
        alone, exact = model.last.margins(texts), np.full(len(texts), np.nan)
        drawn = np.sort(np.random.default_rng(len(texts)).permutation(len(texts))[:exact_texts])
        exact[drawn] = model.last.margins([texts[index] for index in drawn.tolist()], "float32")
        small = model.stages.small.margins(texts) if model.stages.small else None
        for part, chosen in parts.items():
            if chosen.any():
                measures[part] = measure(scores[chosen], labels[chosen], thresholds)
                compared[part] = _compared(
                    labels[chosen],
                    scores[chosen],
                    answered_by[chosen],
                    alone[chosen],
                    exact[chosen],
                    None if small is None else small[chosen],
                    [stage.name for stage in model.stages.stages],
                )
                log.info("%s: %s", part, compared[part])
    return measures, compared


def _compared(
    labels: Labels,
    scores: Floats,
    answered_by: Labels,
    alone: Floats,
    exact: Floats,
    small: Floats | None,
    stages: Sequence[str],
) -> dict[str, Any]:
    def accuracy(positive: NDArray[np.bool_], chosen: NDArray[np.bool_] | None = None) -> float:
        right = positive == (labels == 1)
        return round(float(np.mean(right if chosen is None else right[chosen])), 5)

    figures: dict[str, Any] = {"texts": len(labels), "last_int8": accuracy(alone >= 0)}
    drawn = ~np.isnan(exact)
    if drawn.any():
        figures |= {
            "exact_texts": int(drawn.sum()),
            "exact_int8": accuracy(alone >= 0, drawn),
            "exact_float32": accuracy(exact >= 0, drawn),
            "int8_as_float32": round(float(np.mean((exact[drawn] >= 0) == (alone[drawn] >= 0))), 5),
        }
    if small is not None:
        figures["small_int8"] = accuracy(small >= 0)
    if stages:
        figures["cascade"] = accuracy(scores >= 0.5)
        figures["agreement"] = round(float(np.mean((scores >= 0.5) == (alone >= 0))), 5)
        figures["answered"] = {
            name: round(float(np.mean(answered_by == number)), 4)
            for name, number in [*((name, number) for number, name in enumerate(stages)), (LAST, -1)]
        }
    return figures


def worst(
    measures: Mapping[str, Any],
    compared: Mapping[str, Any],
    pace: Mapping[str, Any],
    variants: Mapping[str, Mapping[str, float]],
) -> dict[str, float]:
    """The worst value of each figure over all sets: what the acceptance thresholds apply to."""
    figures = {}
    exact = [abs(each["exact_int8"] - each["exact_float32"]) for each in compared.values() if "exact_int8" in each]
    if exact:
        figures["int8_gap"] = max(exact)
    if IN_DOMAIN in measures:
        curve = {row["coverage"]: row["accuracy"] for row in measures[IN_DOMAIN]["risk_coverage"]}
        figures["accuracy_of_90_percent"] = curve[0.9]
    cascades = [each for each in compared.values() if "cascade" in each]
    if cascades:
        figures["agreement"] = min(each["agreement"] for each in cascades)
        figures["cascade_loss"] = max(each["last_int8"] - each["cascade"] for each in cascades)
    if "cascade" in pace and "openvino" in pace:
        figures["speed_up"] = pace["cascade"]["texts_per_second"] / pace["openvino"]["texts_per_second"]
    teacher = variants.get(TEACHER, {})
    gaps = [teacher[name] - measures[name]["accuracy"] for name in teacher if name in measures]
    if gaps:
        figures["teacher_gap"] = max(gaps)
    return {name: round(float(value), 5) for name, value in figures.items()}


def measured_pace(bundle: Bundle, frame: pl.DataFrame, threads: int) -> dict[str, Any]:
    """Texts per second of the bundle's engines on the same texts, tokenising included, with their accuracy."""
    texts, labels = frame["text"].to_list(), labels_of(frame)
    engines: dict[str, Engine] = {"openvino": OpenVinoEngine(bundle, threads)}
    if bundle.metadata.cascade:
        engines["cascade"] = CascadeEngine(bundle, threads)
    if bundle.metadata.stage("small"):
        engines["openvino-small"] = OpenVinoEngine(bundle, threads, "openvino-small")
    figures = {}
    for name, engine in engines.items():
        engine.score(texts[:_WARMING_TEXTS])
        started = time.perf_counter()
        scores = engine.score(texts)
        rate = len(texts) / (time.perf_counter() - started)
        figures[name] = {
            "texts": len(texts),
            "threads": threads,
            "texts_per_second": round(rate, 1),
            "accuracy": round(float(np.mean((scores >= 0.5) == (labels == 1))), 5),
        }
        log.info("%s: %.1f texts a second", name, rate)
    return figures
