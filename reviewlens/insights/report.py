"""The report: a dashboard as one HTML file for offline use and print, without scripts or requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reviewlens.contracts.languages import language_name
from reviewlens.contracts.outputs import NOT_JUDGED
from reviewlens.insights import plain, svg
from reviewlens.insights.models import Dashboard, Filters
from reviewlens.insights.plain import listing

_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_FILTER_NAMES = {
    "sentiment": "sentiment",
    "language": "language",
    "judged": "with a sentiment",
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
        filters=describe_filters(dashboard.filters, {part.column: part.name for part in dashboard.segments}),
        svg=svg,
        plain=plain,
        strongest=max(
            (abs(term.z) for term in [*dashboard.drivers.positive, *dashboard.drivers.negative]), default=1.0
        ),
    )


def describe_filters(filters: Filters, segments: Mapping[str, str] | None = None) -> list[str]:
    """The active filters in words, e.g. 'stars: 4, 5'. `segments`: names of the segments by key."""
    described = []
    values: dict[str, list[str]] = {}
    for key, _, value in (each.partition(":") for each in filters.segment):
        values.setdefault((segments or {}).get(key, key), []).append(value or "no value")
    described += [f"{name}: {' or '.join(some)}" for name, some in values.items()]
    for name, label in _FILTER_NAMES.items():
        value = getattr(filters, name)
        if value is None or value in ("", []):
            continue
        if name == "language":
            value = listing([language_name(code) for code in value])
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        elif value == "not_judged":
            value = NOT_JUDGED
        described.append(f"{label}: {value}")
    return described


def _shown(value: object) -> object:
    """Text without the signs that reorder what follows it (Unicode's embeddings, overrides, isolates)."""
    return type(value)(_REORDERING.sub("", value)) if isinstance(value, str) else value


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("reviewlens.insights"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")
