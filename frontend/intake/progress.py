"""The progress of a job: stage, speed and time left; then how it ended."""

from __future__ import annotations

import streamlit as st

from frontend import rows, session, words
from frontend.api.labels import STAGES
from frontend.api.models import JobView, Progress

# Typical percentages of a job's time per stage, so that the bar moves evenly.
_WEIGHTS = {"read": 6, "clean": 8, "deduplicate": 4, "infer": 72, "assemble": 6, "publish": 4}
_ENDS = {"failed": "failed", "cancelled": "was cancelled"}


def watch(job_id: str) -> None:
    """Show a job until it ends."""
    job = session.client().job(job_id)
    st.title(words.escape(job.filename), anchor=False)
    if job.state in words.UNFINISHED:
        _live(job_id)
    elif job.state == "succeeded":
        _finished(job)
    else:
        ended(job)


@st.fragment(run_every=1)
@session.guarded
def _live(job_id: str) -> None:
    job = session.client().job(job_id)
    if job.state not in words.UNFINISHED:
        for shelf in ("newest", "listed", "job_facts"):
            st.session_state.pop(shelf, None)
        st.rerun()
    with st.container(key="card-progress"):
        _now(job)
    _cancel(job)
    st.caption("You can leave or close this page: the job goes on, and Jobs shows its progress.")


def _now(job: JobView) -> None:
    progress = job.progress
    if job.state == "queued":
        st.subheader("Waiting in the queue", anchor=False)
        st.progress(0.0)
        st.caption(words.queue_position(job.queue_position).capitalize() + ".")
        return
    if job.state == "interrupted":
        st.subheader("Interrupted", anchor=False)
        st.caption("It resumes by itself; nothing is lost.")
    elif job.state == "cancelling":
        st.subheader("Cancelling …", anchor=False)
    else:
        st.subheader(words.escape((progress and progress.label) or "Starting") + " …", anchor=False)
    st.progress(fraction(progress))
    facts = _facts(progress) if progress else []
    if job.state == "running" and progress:
        facts.append(words.remaining(progress.seconds_left))
    st.html(f'<div class="rl-label rl-sum" data-testid="progress-facts">{words.html(" · ".join(facts))}</div>')
    st.html(_steps(progress.stage if progress else None, job.state))


def _facts(progress: Progress) -> list[str]:
    done, total, speed = progress.rows_done, progress.rows_total, progress.rows_per_second
    facts = []
    if total:
        facts.append(f"{words.count(done)} of {words.many(total, 'row')}")
    elif done:
        facts.append(words.many(done, "row"))
    if speed:
        facts.append(f"{words.count(round(speed))} rows/s")
    return facts


def fraction(progress: Progress | None) -> float:
    """Progress from 0 to 1: the finished stages, and the share of rows done in the current one."""
    if progress is None:
        return 0.0
    stages = list(_WEIGHTS)
    before = sum(_WEIGHTS[stage] for stage in stages[: stages.index(progress.stage)])
    share = min(1.0, progress.rows_done / progress.rows_total) if progress.rows_total else 0.0
    return min(1.0, (before + share * _WEIGHTS[progress.stage]) / sum(_WEIGHTS.values()))


def _steps(stage: str | None, state: str) -> str:
    names = list(STAGES)
    at = names.index(stage) if stage in names else 0
    moving = state in ("running", "cancelling")
    items = ""
    for index, label in enumerate(STAGES.values()):
        kind = "done" if index < at else "now" if index == at and moving else ""
        items += f'<li class="{kind}"><i>{"✓" if index < at else ""}</i>{label}</li>'
    return f'<ul class="rl-steps">{items}</ul>'


def _cancel(job: JobView) -> None:
    if job.state == "cancelling":
        return
    with st.popover("Cancel", icon=":material/stop_circle:"):
        st.markdown("Cancel this job? The file is kept, and you can retry the job.")
        if st.button("Yes, cancel it", type="primary", key="cancel-yes"):
            session.client().cancel(job.job_id)
            st.rerun(scope="fragment")


def _finished(job: JobView) -> None:
    with st.container(key="card-finished"):
        st.subheader(":material/check_circle: Finished", anchor=False)
        counts = job.summary.distribution if job.summary else None
        served = counts.positive + counts.negative if counts else 0
        if counts and served:
            st.html(
                f'<p class="rl-lead">{words.percent(counts.positive / served)} of '
                f"{words.many(served, 'review')} are positive.</p>"
            )
        facts = [rows.accounting(job), f"took {words.duration(job.seconds)}" if job.seconds else "", rows.reused(job)]
        st.html(f'<p class="rl-label rl-sum">{words.html(" · ".join(fact for fact in facts if fact))}</p>')
        with st.container(horizontal=True):
            if st.button("Open the dashboard", type="primary", icon=":material/monitoring:", key="open-dashboard"):
                start_over()  # so that Analyse shows the file chooser again
                st.session_state["job"] = job.job_id
                st.switch_page("views/dashboard.py", query_params={"job": job.job_id})
            another()


def ended(job: JobView) -> None:
    """Show why a job failed or was cancelled, and what to do."""
    with st.container(key="card-ended"):
        st.subheader(f"The job {_ENDS[job.state]}", anchor=False)
        if job.state == "failed":
            st.error(words.escape(job.error or "The reason is unknown."), icon=":material/error:")
            st.caption(
                "If the file or its columns are wrong, correct them and start again. "
                "Otherwise retry: the job resumes where it stopped."
            )
        with st.container(horizontal=True):
            if st.button("Retry", icon=":material/replay:", type="primary", key="retry"):
                session.client().retry(job.job_id)
                st.rerun()
            if job.upload_id and st.button("Check file and columns", icon=":material/tune:", key="check-columns"):
                st.session_state["upload"] = session.client().get_upload(job.upload_id)
                st.session_state["corrected_dialect"], st.session_state["corrected_mapping"] = {}, {}
                st.query_params.clear()
                st.session_state.pop("watching", None)
                st.rerun()
            another()


def another() -> None:
    """Show the button that returns to the file chooser."""
    if st.button("Analyse another file", key="another"):
        start_over()
        st.rerun()


def start_over() -> None:
    """Drop the file and the job, so that the uploader is empty."""
    for name in ("upload", "corrected_dialect", "corrected_mapping", "watching"):
        st.session_state.pop(name, None)
    st.query_params.clear()
