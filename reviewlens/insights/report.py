"""The report: a dashboard as one HTML file for offline use and print, without scripts or requests."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reviewlens.insights import plain, svg
from reviewlens.insights.models import Dashboard, Filters

_FILTER_NAMES = {
    "sentiment": "sentiment",
    "min_confidence": "confidence from",
    "max_confidence": "confidence to",
    "needs_review": "needs review",
    "mixed": "mixed",
    "rating": "stars",
    "product": "product",
    "question": "question",
    "date_from": "from",
    "date_to": "to",
    "words": "words",
    "agreement": "with the stars",
    "missing": "without",
}


def render_report(dashboard: Dashboard) -> str:
    """The dashboard as a complete HTML page; text from the file is escaped."""
    return _template().render(
        d=dashboard,
        filters=describe_filters(dashboard.filters),
        svg=svg,
        plain=plain,
        strongest=max(
            (abs(term.z) for term in [*dashboard.drivers.positive, *dashboard.drivers.negative]), default=1.0
        ),
    )


def describe_filters(filters: Filters) -> list[str]:
    """The active filters in words, e.g. 'stars: 4, 5'."""
    described = []
    for name, label in _FILTER_NAMES.items():
        value = getattr(filters, name)
        if value is None or value in ("", []):
            continue
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        described.append(f"{label}: {value}")
    return described


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("reviewlens.insights"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
