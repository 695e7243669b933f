"""Page Jobs: every job of this user, with its state and its actions."""

from __future__ import annotations

import streamlit as st

from frontend import frame, rows, session, style, words
from frontend.api.models import JobView
from frontend.intake.progress import fraction
from frontend.sections import everyone

_PAGE = 20
_MOVING = ("running", "cancelling", "interrupted")
_SHELVES = ("newest", "listed", "job_facts")


def _forget_lists() -> None:
    for shelf in _SHELVES:
        st.session_state.pop(shelf, None)


def _load(pages: int) -> tuple[list[JobView], bool]:
    jobs: list[JobView] = []
    cursor = ""
    for _ in range(pages):
        page = session.client().jobs(limit=_PAGE, cursor=cursor)
        jobs += page.jobs
        cursor = page.next_cursor or ""
        if not cursor:
            break
    if any(job.state in _MOVING for job in jobs):  # the list has no progress; few jobs run at once
        jobs = [session.client().job(job.job_id) if job.state in _MOVING else job for job in jobs]
    return jobs, bool(cursor)


@st.dialog("Delete this job?")
def _confirm_delete(job: JobView) -> None:
    st.markdown(
        f"This permanently deletes the results of **{words.escape(job.filename)}**, "
        "and the uploaded file unless another job uses it."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep it", key="delete-no"):
            st.rerun()
        if st.button(
            "Delete permanently",
            type="primary",
            icon=":material/delete:",
            key="delete-yes",
            on_click=_delete,
            args=(job.job_id,),
        ):
            st.rerun()


def _delete(job_id: str) -> None:
    session.attempt(lambda: session.client().delete_job(job_id))
    _forget_lists()
    if st.session_state.get("job") == job_id:
        st.session_state.pop("job")


def _act(job: JobView, action: str) -> None:
    session.attempt(lambda: getattr(session.client(), action)(job.job_id))
    _forget_lists()


def _row(job: JobView) -> None:
    state, job_id = job.state, job.job_id
    with st.container(key=f"card-run-{job_id}"):
        facts, buttons = st.columns([3, 2], vertical_alignment="center", gap="medium")
        with facts:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{words.escape(words.cut(job.filename, 60))}**", width="content")
                st.badge(words.STATES[state], color=words.STATE_COLOURS[state], icon=words.STATE_ICONS[state])
            st.caption(words.escape(_facts(job)))
            if state == "failed" and job.error:
                st.markdown(f":red[{words.escape(words.cut(job.error, 220))}]")
            if state in _MOVING:
                st.progress(fraction(job.progress), text=words.escape(_progress(job)))
        with buttons, st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            _buttons(job, state, job_id)


def _buttons(job: JobView, state: str, job_id: str) -> None:
    if state == "succeeded" and st.button("Open", icon=":material/monitoring:", key=f"open-{job_id}", type="primary"):
        st.session_state["job"] = job_id
        st.switch_page("views/dashboard.py", query_params={"job": job_id})
    if state in words.UNFINISHED and st.button("Watch", icon=":material/visibility:", key=f"watch-{job_id}"):
        st.switch_page("views/analyse.py", query_params={"job": job_id})
    if state in ("queued", "running", "interrupted"):
        st.button("Cancel", icon=":material/stop_circle:", key=f"cancel-{job_id}", on_click=_act, args=(job, "cancel"))
    if state in ("failed", "cancelled"):
        st.button("Retry", icon=":material/replay:", key=f"retry-{job_id}", on_click=_act, args=(job, "retry"))
    if state not in words.UNFINISHED and st.button(
        "Delete", icon=":material/delete:", key=f"delete-{job_id}", type="tertiary"
    ):
        _confirm_delete(job)


def _progress(job: JobView) -> str:
    if job.state == "interrupted":
        return "Interrupted; it resumes by itself"
    if job.progress is None or job.progress.seconds_left is None:
        return (job.progress and job.progress.label) or "Starting"
    return f"{job.progress.label}, {words.remaining(job.progress.seconds_left)}"


def _facts(job: JobView) -> str:
    when = words.when(job.finished_at or job.started_at or job.created_at, session.time_zone())
    facts = [
        when,
        words.many(read, "row") if (read := rows.read(job)) else "",
        rows.not_judged(job),
        f"took {words.duration(job.seconds)}" if job.seconds and job.state == "succeeded" else "",
        (job.model or job.engine).split()[-1],  # the version is enough
        f"attempt {job.attempts}" if (job.attempts or 0) > 1 else "",
        words.queue_position(job.queue_position) if job.state == "queued" else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _list() -> None:
    session.show_notice()
    pages = st.session_state.setdefault("runs_pages", 1)
    jobs, more = _load(pages)
    if not jobs:
        frame.nothing_yet("No jobs yet", "Every file that you analyse is listed here.")
        return
    moving = any(job.state in words.UNFINISHED for job in jobs)
    if moving != st.session_state.get("runs_moving", False):
        st.session_state["runs_moving"] = moving
        st.rerun()
    for job in jobs:
        _row(job)
    if more and st.button("Show older jobs", key="older", icon=":material/expand_more:"):
        st.session_state["runs_pages"] = pages + 1
        st.rerun()


def main() -> None:
    """Show the list; refresh it every two seconds while a job is unfinished."""
    st.title("Jobs", anchor=False)
    style.colours()
    every = 2 if st.session_state.get("runs_moving") else None
    st.fragment(session.guarded(_list), run_every=every)()
    if everyone.may_see():
        everyone.show()


main()
