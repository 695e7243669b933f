"""What stands around the pages: the log-in page, the page for a silent backend, the sidebar's foot."""

from __future__ import annotations

import streamlit as st

from frontend import routes, session, style, words
from frontend.api.models import JobView
from frontend.client import answers


def newest_finished() -> JobView | None:
    """The newest finished job, asked for at most every few seconds; None when there is none yet."""
    jobs = session.remembered("newest", "jobs", lambda: session.client().jobs(limit=50).jobs, keep=1, seconds=3)
    return next((job for job in jobs if job.state == "succeeded"), None)


def logged_out() -> None:
    """Say that nobody is logged in, and where to do it."""
    routes.navigation()
    with st.container(key="door", horizontal_alignment="center"):
        style.wordmark()
        st.markdown("### Please log in")
        st.markdown(
            "Your session has ended, or you have not logged in here yet. "
            "Your uploads and results are safe; log in to see them."
        )
        style.link_button("Log in", session.backend_link("/session/login"), primary=True)
        if session.settings().identity == "local":
            st.caption("The link that ReviewLens prints when it starts logs you in as well.")


def backend_down(*, bare: bool = True) -> None:
    """Say that the backend is silent, and go on by itself as soon as it answers."""
    if bare:
        routes.navigation()
    with st.container(key="door", horizontal_alignment="center"):
        style.wordmark()
        st.markdown("### ReviewLens's backend does not answer")
        st.markdown(
            f"It should be at `{session.settings().backend_url}`. It may still be starting, or it was stopped. "
            "In the terminal where you started ReviewLens, see whether it is still running; if not, start it again. "
            "Jobs that were under way go on from where they were."
        )
        _wait_for_backend()


def nothing_yet(title: str, text: str) -> None:
    """A page that has nothing to show yet, and the way to change that."""
    with st.container(key="door", horizontal_alignment="center"):
        st.markdown(f"### {title}")
        st.markdown(text)
        if st.button("Analyse a file", icon=":material/upload_file:", type="primary", key="go-analyse"):
            st.switch_page("views/analyse.py")


@st.fragment(run_every=2)
def _wait_for_backend() -> None:
    if answers(session.http()):
        st.rerun()
    st.caption(":material/sync: Trying again every two seconds. This page comes back by itself.")


def sidebar(name: str) -> None:
    """The wordmark above the navigation; who is logged in and the way out below it."""
    style.logo()
    with st.sidebar.container(key="account"):
        st.markdown(f"Logged in as **{words.escape(name)}**")
        style.link_button("Log out", session.backend_link("/session/end"))
