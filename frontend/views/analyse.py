"""Drop in a file, see what was detected, put it right, start, and watch it run."""

from __future__ import annotations

import streamlit as st

from frontend import session, words
from frontend.api.models import Upload
from frontend.client import ApiError
from frontend.intake import detected, direct, progress


def _choose_file() -> None:
    st.title("Analyse a file of reviews", anchor=False)
    st.markdown("Drop in a file with one review a row. You see what was detected in it before anything starts.")
    limit = session.settings().max_upload_bytes
    turn = st.session_state.setdefault("uploader_turn", 0)
    straight = direct.limit()
    if straight is not None:
        direct.choose(turn, straight)
        given, where = None, "Your file goes straight to the storage of this ReviewLens."
    else:
        given = st.file_uploader(
            "A file of reviews",
            key=f"uploader-{turn}",
            max_upload_size=max(1, limit // 2**20),
            label_visibility="collapsed",
        )
        where = "Your file stays on the computer that runs ReviewLens."
    st.caption(
        f"CSV, TSV, JSON Lines, Parquet or Excel, the text ones also gzipped; up to {words.size(straight or limit)}. "
        + where
    )
    problem = st.session_state.pop("upload_problem", None)
    if problem:
        st.error(
            f"**{words.escape(problem['name'])} could not be taken.** {words.escape(problem['detail'])}",
            icon=":material/error:",
        )
    if given is None:
        with st.container(key="card-hint"):
            st.subheader("What a file needs", anchor=False)
            st.markdown(
                "A column with the text of the review; that is all. "
                "**Stars**, a **date**, a **product** and a **title** are "
                "used when they are there: dates show change over time, products are compared, "
                "stars are checked against the words."
            )
        return
    try:
        with st.spinner(f"Sending and reading {words.escape(given.name)} …", show_time=True):
            st.session_state["upload"] = session.client().upload(given.name, given)
        st.session_state["said_dialect"], st.session_state["said_mapping"] = {}, {}
    except ApiError as error:
        st.session_state["upload_problem"] = {"name": given.name, "detail": error.detail}
    st.session_state["uploader_turn"] = turn + 1  # a fresh uploader: this server lets go of the file
    st.rerun()


def _check() -> None:
    upload: Upload = st.session_state["upload"]
    title, other = st.columns([4, 1], vertical_alignment="bottom")
    title.title(words.escape(words.cut(upload.filename, 60)), anchor=False)
    with other, st.container(horizontal_alignment="right"):
        if st.button("Another file", icon=":material/undo:", key="other-file"):
            progress.start_over()
            st.rerun()
    session.show_notice()
    ready = upload.sniffed.mapping is not None
    with st.container(horizontal=True, vertical_alignment="center", key="start-row"):
        start = st.button(
            "Start the analysis", type="primary", icon=":material/play_arrow:", disabled=not ready, key="start"
        )
        st.caption(
            "Look at the columns below first; if they are right, start."
            if ready
            else "Choose the column that holds the reviews; then it can start."
        )
    detected.show(upload)
    if start and upload.sniffed.mapping:
        try:
            job = session.client().start(upload.upload_id, upload.sniffed.dialect, upload.sniffed.mapping)
        except ApiError as error:
            session.show_problem(error, "It could not be started.")
            return
        progress.start_over()
        st.session_state["watching"] = job.job_id
        st.rerun()


def main() -> None:
    """One of three: a job to watch, a file to check, or nothing yet."""
    watching = st.query_params.get("job") or st.session_state.get("watching")
    if watching:
        st.query_params["job"] = watching  # first of all: a refresh at any moment comes back to this run
        try:
            progress.watch(watching)
        except ApiError as error:
            if error.status != 404:
                raise
            progress.start_over()
            st.info("That run is not here any more.")
            _choose_file()
    elif st.session_state.get("upload"):
        _check()
    else:
        _choose_file()


main()
