"""Sections on change: over time, and what changed most between two periods."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import charts, filters, words
from frontend.api.models import Changes, Period, ShareChange, TermChange
from frontend.sections.view import View

_EVERY = {"day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year"}


def over_time(view: View) -> None:
    """Show the positive share with its interval, and the number of reviews."""
    st.header("Over time", anchor="over-time")
    part = view.board.over_time
    if not part.available or not part.points:
        view.unavailable(part.note, "This file has no dates, so change over time is unknown.")
        return
    ends = {point.start.isoformat(): point.end.isoformat() for point in part.points}

    def picked(items: list[dict[str, Any]]) -> filters.Filters:
        starts = sorted(str(item["start"]) for item in items)
        return {"date_from": starts[0], "date_to": ends.get(starts[-1], starts[-1])}

    bucket = _EVERY[part.bucket]
    undated = f" {words.many(part.undated, 'review')} without a date are not included." if part.undated else ""
    st.caption(
        f"Share of positive reviews in each {bucket}. The band is the 95 % interval, which is wide where reviews are "
        f"few.{undated} Click a {bucket} to read its reviews; shift-click another to select a span."
    )
    view.chart(
        charts.share_over_time(part, view.look), "share_over_time", "dates", picked, f"Positive share in each {bucket}"
    )
    st.html(
        f'<span class="rl-label">Reviews in each {bucket}: <b class="rl-negative">negative</b> below, '
        '<b class="rl-positive">positive</b> above</span>'
    )
    view.chart(charts.count_over_time(part, view.look), "count_over_time", "dates", picked, f"Reviews in each {bucket}")


def changes(view: View) -> None:
    """Show products and words whose figures changed by more than chance explains."""
    st.header("What changed most", anchor="what-changed")
    part = view.board.changes
    if not part.available or part.earlier is None or part.later is None:
        view.unavailable(part.note, "There are not enough dated reviews to compare two periods.")
        return
    products = words.many(part.looked_at_products, "product")
    terms = words.many(part.looked_at_terms, "word or phrase", "words and phrases")
    st.caption(
        f"{_period(part.earlier)} against {_period(part.later)}. Of {products} and {terms}, only "
        "changes that chance does not explain are listed (corrected for multiple comparisons)."
    )
    if part.overall:
        st.markdown(_overall(part.overall))
    lists = [(part.products, "product", _changed_products), (part.terms, "word", _changed_words)]
    shown = [show for rows, _, show in lists if rows]
    for column, show in zip(st.columns(len(shown), gap="medium") if shown else [], shown, strict=True):
        with column:
            show(view, part)
    for rows, kind, _ in lists:
        if not rows:
            st.caption(f":material/check: No {kind} changed by more than chance explains.")


def _changed_products(view: View, part: Changes) -> None:
    with st.container(key="card-changed-products", height="stretch"):
        st.subheader("Products", anchor=False)
        st.caption("Positive share, from ring (earlier) to dot (later)")
        view.chart(
            charts.dumbbell([_product(row) for row in part.products[:8]], "product", view.look),
            "changed_products",
            "product",
            lambda items: {"product": [item["product"] for item in items]},
            "Products whose positive share changed most",
        )


def _changed_words(view: View, part: Changes) -> None:
    with st.container(key="card-changed-words", height="stretch"):
        st.subheader("Words", anchor=False)
        st.caption("Share of reviews that mention it; the colour is the sentiment of most of them now")
        view.chart(
            charts.dumbbell([_term(row) for row in part.terms[:8]], "term", view.look),
            "changed_words",
            "words",
            lambda items: {"words": filters.phrase(items[-1]["term"])},
            "Words mentioned much more or less often than before",
        )


def _period(period: Period) -> str:
    return f"{period.label} ({words.many(period.tally.count, 'review')})"


def _overall(row: ShareChange) -> str:
    before, after = words.percent(row.earlier.positive_share), words.percent(row.later.positive_share)
    interval = f"95 % interval: {words.points(row.low)} to {words.points(row.high)}"
    real = row.low > 0 or row.high < 0
    if not real:
        return f"Overall, the positive share went from {before} to **{after}**, which may be chance ({interval})."
    direction = "rose" if row.difference > 0 else "fell"
    moved = words.points(row.difference)
    return f"Overall, the positive share **{direction}** from {before} to **{after}**: {moved} ({interval})."


def _product(row: ShareChange) -> dict[str, Any]:
    early, late = row.earlier, row.later
    return {
        "product": row.name,
        "name": words.cut(row.name, 32),
        "earlier": early.positive_share,
        "later": late.positive_share,
        "good": row.difference > 0,
        "before": f"{words.percent(early.positive_share)} of {words.many(early.count, 'review')}",
        "after": f"{words.percent(late.positive_share)} of {words.many(late.count, 'review')}",
        "change": words.points(row.difference),
        "sure": f"{words.points(row.low)} to {words.points(row.high)}",
        "verdict": words.chance(row.q_value),
    }


def _term(row: TermChange) -> dict[str, Any]:
    return {
        "term": row.term,
        "name": row.term,
        "earlier": row.earlier_mentions / max(row.earlier_total, 1),
        "later": row.later_mentions / max(row.later_total, 1),
        "good": (row.later_positive_share or 0) >= 0.5,
        "before": f"in {words.count(row.earlier_mentions)} of {words.many(row.earlier_total, 'review')}",
        "after": f"in {words.count(row.later_mentions)} of {words.many(row.later_total, 'review')}"
        + (
            f", {words.percent(row.later_positive_share, 0)} of them positive"
            if row.later_positive_share is not None
            else ""
        ),
        "change": words.points(row.difference),
        "sure": f"{words.points(row.low)} to {words.points(row.high)}",
        "verdict": words.chance(row.q_value),
    }
