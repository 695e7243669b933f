"""The evaluation as one HTML page: no script, no requests, light or dark by the reader's preference."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reviewlens.evaluation import plots as evaluation_plots

_NAMES = {"textblob": "TextBlob", "vader": "VADER"}


def render_report(result: Mapping[str, Any]) -> str:
    """The content of model_evaluation.json as a complete page; all of it is escaped."""
    return _template().render(r=result, plots=evaluation_plots, percent=percent, between=between, name=engine_name)


def percent(share: float | None, digits: int = 1) -> str:
    """A share in per cent; a dash for None."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def between(interval: list[float] | None) -> str:
    """An interval in per cent; empty for None."""
    return "" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"


def engine_name(name: str) -> str:
    """An engine's name in a column header."""
    return _NAMES.get(name, name)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
