"""What surrounds the pages: the sidebar, and the pages for no log-in, no backend and no results."""

from __future__ import annotations

import streamlit as st

from frontend import routes, session, style, words
from frontend.api.models import JobView
from frontend.client import answers


def newest_finished() -> JobView | None:
    """The newest finished job, cached for a few seconds; None if there is none."""
    jobs = session.remembered("newest", "jobs", lambda: session.client().jobs(limit=50).jobs, keep=1, seconds=3)
    return next((job for job in jobs if job.state == "succeeded"), None)


def logged_out() -> None:
    """The page for visitors who are not logged in. A session that can be renewed is, and the same page opens again."""
    renewal = session.renewal_link()
    if renewal is not None:
        style.go_by_way_of(renewal)
        style.link_button("Continue", renewal)
        return
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
    """The page for a backend that does not answer; it reloads as soon as the backend answers."""
    if bare:
        routes.navigation()
    with st.container(key="door", horizontal_alignment="center"):
        style.wordmark()
        st.markdown("### The backend does not answer")
        st.markdown(
            f"It should answer at `{session.settings().backend_url}`. It may still be starting, or it was stopped. "
            "Check the terminal in which you started ReviewLens; if it is not running, start it again. "
            "Unfinished jobs resume."
        )
        _wait_for_backend()


def nothing_yet(title: str, text: str) -> None:
    """A page without content yet, with a button that leads to Analyse."""
    with st.container(key="door", horizontal_alignment="center"):
        st.markdown(f"### {title}")
        st.markdown(text)
        if st.button("Analyse a file", icon=":material/upload_file:", type="primary", key="go-analyse"):
            st.switch_page("views/analyse.py")


@st.fragment(run_every=2)
def _wait_for_backend() -> None:
    if answers(session.http()):
        st.rerun()
    st.caption(":material/sync: Trying again every two seconds. This page reloads when the backend answers.")


def sidebar(name: str) -> None:
    """The wordmark above the navigation; the user's name and the log-out button below it."""
    style.logo()
    with st.sidebar.container(key="account"):
        st.markdown(f"Logged in as **{words.escape(name)}**")
        style.post_button("Log out", session.backend_link("/session/end"))
