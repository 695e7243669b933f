"""What was set aside and why, and how the file was read."""

from __future__ import annotations

from html import escape

import streamlit as st

from frontend import words
from frontend.api.labels import ROLES, STAGES
from frontend.api.models import Dialect, ModelFacts, Summary, Timings
from frontend.intake.detected import columns_by_role
from frontend.sections.view import View


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
    summary, model = view.job.summary, view.board.model
    if summary is None:
        return
    with st.expander("About this run", icon=":material/info:"):
        left, middle, right = st.columns(3, gap="medium")
        with left:
            st.markdown("**Model**")
            _facts(_model(model) | {"Fingerprint": summary.model.sha256[:12]})
        with middle:
            st.markdown("**How the file was read**")
            _facts(_columns(summary) | _dialect(summary.dialect))
        with right:
            st.markdown("**Time taken**")
            _facts(_times(summary.timings))
        for warning in summary.warnings:
            st.caption(f":material/info: {words.escape(warning)}")


def _model(model: ModelFacts) -> dict[str, str]:
    called, below, band = (
        words.model(model.version, model.name, model.engine),
        model.needs_review_below,
        model.mixed_band,
    )
    return {
        "Model": called,
        "Built on": model.name if model.name != called else "",
        "Engine": model.engine,
        "Second look below": words.threshold(below) if below else "",
        "Mixed between": f"{words.threshold(band[0])} and {words.threshold(band[1])} towards positive" if band else "",
    }


def _columns(summary: Summary) -> dict[str, str]:
    names = {column.index: column.name for column in summary.columns}
    return {ROLES[role]: names[index] for role, index in columns_by_role(summary.mapping).items()}


def _dialect(dialect: Dialect) -> dict[str, str]:
    return {"Format": dialect.format.upper(), "Encoding": dialect.encoding}


def _times(timings: Timings) -> dict[str, str]:
    times = {label: words.duration(getattr(timings, f"{stage}_seconds")) for stage, label in STAGES.items()}
    return times | {"In all": words.duration(timings.total_seconds)}


def _facts(facts: dict[str, str]) -> None:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts.items() if value
    )
    st.html(f"<table class='rl-table'>{rows}</table>")
