"""Rejected rows with their reasons, and facts about the job."""

from __future__ import annotations

import streamlit as st

from frontend import words
from frontend.api.labels import ROLES, STAGES
from frontend.api.models import Dialect, ModelFacts, Summary, Timings
from frontend.intake.detected import columns_by_role
from frontend.sections.view import View


def rejected(view: View) -> None:
    """Show every reason with its count and a few of its rows."""
    st.header("Rejected rows", anchor="rejected")
    part = view.board.set_aside
    if not part.rejected:
        st.caption(":material/check: None: every row of the file was scored.")
    else:
        st.caption(
            f"{words.many(part.rejected, 'row')} could not be scored. "
            "The export lists each of them with its row number, its original text and the reason."
        )
    for reason in part.reasons:
        with st.expander(f"**{words.count(reason.count)}** · {words.escape(reason.label)}"):
            for row in reason.examples:
                st.markdown(f"Row {words.count(row.row)}: {words.escape(row.explanation)}")
                if row.raw.strip():
                    st.code(words.shown(row.raw) + (" …" if row.cut else ""), language=None, wrap_lines=True)
            more = reason.count - len(reason.examples)
            if more > 0:
                st.caption(f"and {words.count(more)} more; the export lists all of them")
    if part.duplicates:
        st.caption(
            f"{words.many(part.duplicates, 'row has', 'rows have')} the same text as an earlier row. "
            "Each gets that row's score and counts as a review."
        )


def about(view: View) -> None:
    """Show model, columns and times of this job."""
    summary, model = view.job.summary, view.board.model
    if summary is None:
        return
    with st.expander("About this job", icon=":material/info:"):
        left, middle, right = st.columns(3, gap="medium")
        with left:
            st.markdown("**Model**")
            _facts(_model(model) | {"SHA-256": summary.model.sha256[:12]})
        with middle:
            st.markdown("**How the file was read**")
            _facts(_columns(summary) | _dialect(summary.dialect))
        with right:
            st.markdown("**Time taken**")
            _facts(_times(summary.timings))
        for warning in summary.warnings:
            st.caption(f":material/info: {words.escape(warning)}")


def _model(model: ModelFacts) -> dict[str, str]:
    name = words.model(model.version, model.name, model.engine)
    below, band = model.needs_review_below, model.mixed_band
    return {
        "Model": name,
        "Base model": model.name if model.name != name else "",
        "Engine": model.engine,
        "Needs review below": words.threshold(below) if below else "",
        "Mixed between": f"{words.threshold(band[0])} and {words.threshold(band[1])} positive" if band else "",
    }


def _columns(summary: Summary) -> dict[str, str]:
    names = {column.index: column.name for column in summary.columns}
    roles = {ROLES[role]: names[index] for role, index in columns_by_role(summary.mapping).items()}
    return roles | {"Segments": ", ".join(names[index] for index in summary.mapping.segments)}


def _dialect(dialect: Dialect) -> dict[str, str]:
    return {"Format": dialect.format.upper(), "Encoding": dialect.encoding}


def _times(timings: Timings) -> dict[str, str]:
    times = {label: words.duration(getattr(timings, f"{stage}_seconds")) for stage, label in STAGES.items()}
    return times | {"Total": words.duration(timings.total_seconds)}


def _facts(facts: dict[str, str]) -> None:
    rows = "".join(
        f"<tr><td>{words.html(name)}</td><td>{words.html(value)}</td></tr>" for name, value in facts.items() if value
    )
    st.html(f"<table class='rl-table'>{rows}</table>")
