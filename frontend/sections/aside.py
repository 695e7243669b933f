"""What was set aside and why, and how the file was read."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from frontend import words
from frontend.sections.view import View

_ROLES = {"text": "Review text", "title": "Title", "rating": "Rating", "date": "Date", "product": "Product"}
_STEPS = ("read", "clean", "deduplicate", "infer", "assemble", "publish")


def set_aside(view: View) -> None:
    """Every reason with its count and a few of its rows; nothing is dropped in silence."""
    st.header("What was set aside", anchor="set-aside")
    part = view.board.set_aside
    if not part.rejected:
        st.caption(":material/check: Nothing: every row of the file was scored.")
    else:
        st.caption(
            f"{words.many(part.rejected, 'row')} could not be scored. "
            "They are not lost: the export holds each with its place "
            "in the file, its text as it came, and the reason."
        )
    for reason in part.reasons:
        with st.expander(f"**{words.count(reason.count)}** · {words.escape(reason.label)}"):
            for row in reason.examples:
                st.markdown(f"Row {words.count(row.row)}: {words.escape(row.explanation)}")
                if row.raw.strip():
                    st.code(row.raw + (" …" if row.cut else ""), language=None, wrap_lines=True)
            more = reason.count - len(reason.examples)
            if more > 0:
                st.caption(f"and {words.count(more)} more; the export has all of them")
    if part.duplicates:
        st.caption(
            f"{words.many(part.duplicates, 'row')} repeat a text that was seen before. "
            "Each is in the results with the same answer "
            "and counts as a review."
        )


def about(view: View) -> None:
    """Model, columns and times of this run."""
    summary = view.job.summary or {}
    with st.expander("About this run", icon=":material/info:"):
        left, middle, right = st.columns(3, gap="medium")
        model = view.board.model
        called = words.model(model.version, model.name, model.engine)
        with left:
            st.markdown("**Model**")
            _facts(
                {
                    "Model": called,
                    "Built on": model.name if model.name != called else None,
                    "Engine": model.engine,
                    "Second look below": words.threshold(model.needs_review_below)
                    if model.needs_review_below
                    else None,
                    "Mixed between": f"{words.threshold(band[0])} and {words.threshold(band[1])} towards positive"
                    if (band := model.mixed_band)
                    else None,
                    "Fingerprint": ((summary.get("model") or {}).get("sha256") or "")[:12] or None,
                }
            )
        with middle:
            st.markdown("**How the file was read**")
            _facts(_columns(summary) | _dialect(summary.get("dialect") or {}))
        with right:
            st.markdown("**Time taken**")
            times = summary.get("timings") or {}
            _facts(
                {words.STAGES[step]: words.duration(times.get(f"{step}_seconds")) for step in _STEPS}
                | {"In all": words.duration(times.get("total_seconds") or view.job.seconds)}
            )
        for warning in summary.get("warnings") or []:
            st.caption(f":material/info: {words.escape(warning)}")


def _columns(summary: dict[str, Any]) -> dict[str, str | None]:
    mapping = summary.get("mapping") or {}
    names = {column["index"]: column["name"] for column in summary.get("columns") or []}
    return {
        label: names.get(mapping[role], f"column {mapping[role] + 1}")
        for role, label in _ROLES.items()
        if mapping.get(role) is not None
    }


def _dialect(dialect: dict[str, Any]) -> dict[str, str | None]:
    return {"Format": str(dialect.get("format", "")).upper() or None, "Encoding": dialect.get("encoding")}


def _facts(facts: dict[str, Any]) -> None:
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>" for name, value in facts.items() if value
    )
    st.html(f"<table class='rl-table'>{rows}</table>")
