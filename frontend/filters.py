"""The filters of each job, set by charts, chips and the table's controls.

They have the backend's names. The page's URL keeps them, so that a refresh shows the same reviews.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import streamlit as st

from frontend import words

Filters = dict[str, Any]
NO_VALUE = "(no value)"

KINDS: dict[str, tuple[str, ...]] = {
    "sentiment": ("sentiment",),
    "language": ("language",),
    "confidence": ("min_confidence", "max_confidence"),
    "needs_review": ("needs_review",),
    "mixed": ("mixed",),
    "rating": ("rating",),
    "product": ("product",),
    "segment": ("segment",),
    "question": ("question",),
    "dates": ("date_from", "date_to"),
    "words": ("words",),
    "agreement": ("agreement",),
    "missing": ("missing",),
}
CHARTS: dict[str, tuple[str, ...]] = {
    "sentiment": ("distribution",),
    "confidence": ("histogram",),
    "rating": ("ratings",),
    "product": ("products", "changed_products"),
    "dates": ("share_over_time", "count_over_time"),
    "words": ("negative_words", "positive_words", "changed_words"),
}
_LISTS = ("rating", "product", "segment", "language", "missing")


def current(job_id: str) -> Filters:
    """The filters of a job; at first those of the page's URL."""
    every: dict[str, Filters] = st.session_state.setdefault("filters", {})
    if job_id not in every:
        every[job_id] = _from_url() if st.query_params.get("job") == job_id else {}
    return every[job_id]


def put(job_id: str, kind: str, values: Filters, *, by: str = "") -> None:
    """Replace one kind of filter; empty `values` remove it. Other charts of this kind lose their selection.

    The kind `segment:COLUMN` is the filter by one segment; the others stay.
    """
    now = current(job_id)
    if kind.startswith("segment:"):
        column = kind.removeprefix("segment:")
        others = [each for each in now.get("segment", []) if not each.startswith(f"{column}:")]
        values = {"segment": [*others, *values.get("segment", [])]}
        if f"segment-{column}" != by:
            _forget_selection(f"segment-{column}")
        kind = "segment"
    for name in KINDS[kind]:
        now.pop(name, None)
        if values.get(name) not in (None, "", []):
            now[name] = values[name]
    for chart in CHARTS.get(kind, ()):
        if chart != by:
            _forget_selection(chart)
    st.session_state.pop("page_cursors", None)


def clear(job_id: str) -> None:
    """Remove every filter."""
    for kind in (*(f"segment:{column}" for column in segments(current(job_id))), *KINDS):
        put(job_id, kind, {})


def chart_key(chart: str, job_id: str) -> str:
    """Widget key of a chart; it changes to clear the chart's selection."""
    return f"chart-{chart}-{job_id}-{st.session_state.setdefault('selections', {}).get(chart, 0)}"


def _forget_selection(chart: str) -> None:
    turns = st.session_state.setdefault("selections", {})
    turns[chart] = turns.get(chart, 0) + 1


def on_select(
    job_id: str, kind: str, chart: str, read: Callable[[list[dict[str, Any]]], Filters]
) -> Callable[[], None]:
    """Callback for clicks in a chart; `read` turns the selected items into filters."""
    key = chart_key(chart, job_id)

    def picked() -> None:
        selection = st.session_state.get(key, {}).get("selection", {})
        items = [item for items in selection.values() if isinstance(items, list) for item in items]
        put(job_id, kind, read(items) if items else {}, by=chart)

    return picked


def segment(column: str, values: Iterable[str]) -> Filters:
    """The filter by any of these values of a segment; '' for no value."""
    return {"segment": [f"{column}:{value}" for value in values]}


def segments(filters: Filters) -> dict[str, list[str]]:
    """The values in the filters by segment."""
    chosen: dict[str, list[str]] = {}
    for column, _, value in (each.partition(":") for each in filters.get("segment", [])):
        chosen.setdefault(column, []).append(value)
    return chosen


def phrase(term: str) -> str:
    """A word or phrase in the syntax of the word filter."""
    return f'"{term}"' if " " in term else term


def chips(filters: Filters, segment_names: Mapping[str, str] = MappingProxyType({})) -> Iterable[tuple[str, str]]:
    """(kind, label) of every filter. `segment_names`: by column."""
    if "sentiment" in filters:
        yield "sentiment", words.sentiment(filters["sentiment"])
    if "language" in filters:
        yield "language", ", ".join(map(words.language, filters["language"]))
    if "min_confidence" in filters or "max_confidence" in filters:
        low, high = filters.get("min_confidence", 0.0), filters.get("max_confidence", 1.0)
        yield "confidence", f"Confidence {100 * low:.0f}–{words.percent(high, 0)}"
    if "needs_review" in filters:
        yield "needs_review", "Needs review" if filters["needs_review"] else "Needs no review"
    if "mixed" in filters:
        yield "mixed", "Mixed" if filters["mixed"] else "Not mixed"
    if "rating" in filters:
        ratings = sorted(filters["rating"])
        yield "rating", f"{', '.join(map(str, ratings))} {'star' if ratings == [1] else 'stars'}"
    if "product" in filters:
        names = filters["product"]
        yield "product", words.cut(names[0], 36) if len(names) == 1 else words.many(len(names), "product")
    for column, values in segments(filters).items():
        value = words.cut(values[0], 36) or NO_VALUE if len(values) == 1 else words.many(len(values), "value")
        yield f"segment:{column}", f"{words.cut(segment_names.get(column, 'column ' + column), 30)}: {value}"
    if "question" in filters:
        yield "question", words.cut(filters["question"], 36)
    if "date_from" in filters or "date_to" in filters:
        yield "dates", _span(filters.get("date_from"), filters.get("date_to"))
    if "words" in filters:
        yield "words", f"mentions {words.cut(filters['words'], 36)}"
    if "agreement" in filters:
        yield "agreement", "Agrees with the stars" if filters["agreement"] == "agrees" else "Disagrees with the stars"
    if "missing" in filters:
        yield "missing", f"without {' or '.join(filters['missing'])}"


def _span(first: str | None, last: str | None) -> str:
    if first and last:
        return words.days(first, last)
    return f"from {words.day(first)}" if first else f"until {words.day(last or '')}"


def show_in_url(job_id: str) -> None:
    """Keep job and filters in the page's URL."""
    now = current(job_id)
    wanted = {"job": job_id, **({"show": json.dumps(now, ensure_ascii=False)} if now else {})}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def _from_url() -> Filters:
    try:
        shown = json.loads(st.query_params.get("show", "{}"))
    except ValueError:
        return {}
    if not isinstance(shown, dict):
        return {}
    names = {name for group in KINDS.values() for name in group}
    kept = {name: value for name, value in shown.items() if name in names and value not in (None, "", [])}
    valid = all(isinstance(value, list) == (name in _LISTS) for name, value in kept.items())
    return kept if valid else {}
