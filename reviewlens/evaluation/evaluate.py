"""What `sagemaker/evaluate.py` asks for: an engine for a model of any kind, what its scores were scaled by, and what to
measure it beside."""

from __future__ import annotations

import logging
from pathlib import Path

from reviewlens.errors import ConfigurationError
from reviewlens.evaluation.baselines import baselines
from reviewlens.evaluation.behaviour import read_behaviour
from reviewlens.evaluation.measures import Yardsticks, evaluate_file
from reviewlens.model.bundle import BundleMetadata, peek
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
    """Measure a model (model.tar.gz, a folder, None for the bundle that ships) on a labelled file; what is written and
    returned is `evaluate_file`'s. `compare`: beside TextBlob and VADER. Raises InputError and ConfigurationError."""
    name = engine_for(engine, model)
    loaded = load_engine(name, model, threads=threads)
    beside = baselines() if compare else {}
    for baseline in (each for each, found in beside.items() if found is None):
        log.warning("%s is not installed (requirements/training.txt has it): its column stays empty", baseline)
    return evaluate_file(
        loaded,
        data,
        output,
        limit,
        temperature=temperature_of(name, model),
        yardsticks=Yardsticks(beside, read_behaviour() if behaviour else None),
    )


def engine_for(name: str, model: Path | None) -> str:
    """The engine's real name; for `auto` and a plain Hugging Face folder, `transformers`."""
    if name == AUTO and model is not None and model.is_dir() and not (model / "bundle.json").is_file():
        return "transformers"
    return resolve_engine(name, model)


def temperature_of(name: str, model: Path | None) -> float | None:
    """What an engine's scores were calibrated with; None where there is no one temperature: a word list, a plain model
    that was never calibrated, a cascade (each stage has its own)."""
    if name in {"cascade", "textblob"}:
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
