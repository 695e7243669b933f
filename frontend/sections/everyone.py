"""For administrators: the newest runs of all people, to look at."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import rows, session, words
from frontend.api.models import JobView

_NEWEST = 200


def may_see() -> bool:
    """Whether this person is an administrator; the backend decides again with every request."""
    return "admin" in session.person().groups


def show() -> None:
    """A table behind a switch, so that it is asked for only when it is wanted."""
    if not st.toggle("Show everyone's newest runs", key="everyone"):
        return
    found = session.client().everyones_jobs(limit=_NEWEST).jobs
    if not found:
        st.caption("Nobody has analysed anything yet.")
        return
    st.dataframe([_row(one.user, one.job) for one in found], hide_index=True)
    st.caption("People are shown by the id that their user has in the user pool. Results are for their owners alone.")


def _row(user: str, job: JobView) -> dict[str, Any]:
    return {
        "File": words.cut(job.filename, 60),
        "State": words.STATES[job.state],
        "When": words.when(job.finished_at or job.started_at or job.created_at, session.time_zone()),
        "Rows": rows.read(job),
        "What went wrong": words.cut(job.error or "", 220),
        "Person": user,
        "Run": job.job_id,
    }
