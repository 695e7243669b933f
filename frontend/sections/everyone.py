"""For administrators: the newest jobs of all users."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import rows, session, words
from frontend.api.models import JobView

_NEWEST = 200


def may_see() -> bool:
    """Whether the user is an administrator. The backend checks it on every request."""
    return "admin" in session.user().groups


def show() -> None:
    """Show the table behind a toggle, so that it loads only on demand."""
    if not st.toggle("Show the newest jobs of all users", key="everyone"):
        return
    owned = session.client().everyones_jobs(limit=_NEWEST).jobs
    if not owned:
        st.caption("There are no jobs yet.")
        return
    st.dataframe([_row(one.user, one.job) for one in owned], hide_index=True)
    st.caption("Users are shown by their id in the user pool. Only the owner of a job can see its results.")


def _row(user: str, job: JobView) -> dict[str, Any]:
    return {
        "File": words.cut(job.filename, 60),
        "State": words.STATES[job.state],
        "When": words.when(job.finished_at or job.started_at or job.created_at, session.time_zone()),
        "Rows": rows.read(job),
        "Error": words.cut(job.error or "", 220),
        "User": user,
        "Job": job.job_id,
    }
