"""Evaluation of a model of any kind on a labelled file: its engine, its temperature, and the baselines beside it."""

from __future__ import annotations

import logging
from pathlib import Path

from reviewlens.errors import ConfigurationError
from reviewlens.evaluation.baselines import baselines
from reviewlens.evaluation.behaviour import read_behaviour
from reviewlens.evaluation.measures import Comparison, evaluate_file
from reviewlens.model.bundle import BundleMetadata, peek
from reviewlens.model.engines import BY_NAME
from reviewlens.model.loading import AUTO, default_bundle_path, load_engine, resolve_engine

log = logging.getLogger(__name__)


def evaluate(
    model: Path | None,
    data: Path,
    output: Path,
    *,
    engine: str = AUTO,
    threads: int = 2,
    limit: int | None = None,
    compare: bool = True,
    behaviour: bool = True,
) -> dict[str, object]:
    """Evaluate a model (model.tar.gz, a folder, None for the shipped bundle) on a labelled file; see `evaluate_file`.

    `compare`: evaluate TextBlob and VADER as well; `behaviour`: run the behavioural tests. Raises InputError and
    ConfigurationError.
    """
    name = engine_for(engine, model)
    loaded = load_engine(name, model, threads=threads)
    compared = baselines() if compare else {}
    for baseline in (name for name, engine_or_none in compared.items() if engine_or_none is None):
        log.warning("%s is not installed (it is in requirements/training.txt): its column stays empty", baseline)
    return evaluate_file(
        loaded,
        data,
        output,
        limit,
        temperature=temperature_of(name, model),
        comparison=Comparison(compared, read_behaviour() if behaviour else None),
    )


def engine_for(name: str, model: Path | None) -> str:
    """The name with `auto` resolved: `transformers` for a plain Hugging Face folder."""
    if name == AUTO and model is not None and model.is_dir() and not (model / "bundle.json").is_file():
        return "transformers"
    return resolve_engine(name, model)


def temperature_of(name: str, model: Path | None) -> float | None:
    """The temperature of an engine's scores; None without a single one: an engine without a model, a plain model that
    was never calibrated, a cascade (each stage has its own)."""
    if name == "cascade" or not BY_NAME[name].needs_model:
        return None
    facts = _metadata(model or default_bundle_path())
    if facts is None:
        return None
    if name == "openvino-small":
        stage = facts.stage("small")
        return stage.temperature if stage else None
    return facts.temperature


def _metadata(model: Path) -> BundleMetadata | None:
    try:
        return peek(model)
    except ConfigurationError:
        return None  # a plain Hugging Face model
