"""Page Dashboard: the results of one finished job."""

from __future__ import annotations

import json

import streamlit as st

from frontend import filters, frame, session, style, words
from frontend.api.models import Dashboard, JobView
from frontend.client import ApiError
from frontend.sections import certainty, drivers, groups, head, rejected, segments, selection, table, trends
from frontend.sections.view import View


def _finished() -> list[JobView]:
    jobs = session.remembered("listed", "jobs", lambda: session.client().jobs(limit=100).jobs, keep=1, seconds=3)
    return [job for job in jobs if job.state == "succeeded"]


def _job_id(finished: list[JobView]) -> str | None:
    """The job in the URL, else the one last chosen, else the newest."""
    for job_id in (st.query_params.get("job"), st.session_state.get("job")):
        if job_id:
            return str(job_id)
    return finished[0].job_id if finished else None


def _board(job_id: str, applied: filters.Filters) -> Dashboard:
    key = f"{job_id} {json.dumps(applied, sort_keys=True)}"
    return session.remembered("dashboards", key, lambda: session.client().dashboard(job_id, applied), keep=6)


def _not_ready(job: JobView) -> None:
    with st.container(key="door", horizontal_alignment="center"):
        name = words.escape(job.filename)
        if job.state in words.UNFINISHED:
            st.markdown(f"### {name} is still being analysed")
            st.page_link(
                "views/analyse.py",
                label="Watch it",
                icon=":material/progress_activity:",
                query_params={"job": job.job_id},
            )
        else:
            st.markdown(f"### {name}: {words.STATES[job.state].lower()}")
            if job.error:
                st.error(words.escape(job.error), icon=":material/error:")
            st.page_link("views/runs.py", label="See all jobs", icon=":material/history:")


def main() -> None:
    """Find the job, load its dashboard and show it."""
    finished = _finished()
    job_id = _job_id(finished)
    if job_id is None:
        frame.nothing_yet(
            "No results yet",
            "Analyse a file of reviews to see here what customers feel, about what, and whether it is changing.",
        )
        return
    try:
        job = session.remembered("job_facts", job_id, lambda: session.client().job(job_id), keep=4, seconds=5)
        if job.state != "succeeded":
            _not_ready(job)
            return
        st.session_state["job"] = job_id
        chosen = filters.current(job_id)
        focused = bool(chosen) and bool(st.session_state.get("focus"))
        with st.spinner("Counting the reviews …", show_time=False):
            board = _board(job_id, chosen if focused else {})
    except ApiError as error:
        if error.status == 404:
            st.session_state.pop("job", None)
            st.query_params.clear()
            st.info("This job no longer exists.")
        session.show_problem(error)
        st.page_link("views/runs.py", label="See all jobs", icon=":material/history:")
        return
    filters.show_in_url(job_id)
    view = View(job, board, chosen, focused, style.colours())
    head.title(view, finished)
    if not board.counts.shown and board.counts.not_judged_shown:
        head.summary(view)  # there is nothing to count: no review that is shown has a sentiment
    elif focused and not board.counts.shown:
        st.info(
            "No review matches all of these filters, so there is nothing to draw. Remove one below.",
            icon=":material/filter_alt_off:",
        )
    else:
        head.summary(view)
        trends.over_time(view)
        trends.changes(view)
        drivers.drivers(view)
        segments.split(view)
        groups.stars(view)
        certainty.certainty(view)
    table.table(view)
    rejected.rejected(view)
    rejected.about(view)
    selection.bar(view)


main()
