"""Page Analyse: choose a file, check and correct what was detected, start the job and watch it."""

from __future__ import annotations

import streamlit as st

from frontend import session, words
from frontend.api.models import Upload
from frontend.client import ApiError
from frontend.intake import detected, direct, progress


def _choose_file() -> None:
    st.title("Analyse a file of reviews", anchor=False)
    st.markdown("Choose a file with one review per row. You can check what was detected before the job starts.")
    limit = session.settings().max_upload_bytes
    turn = st.session_state.setdefault("uploader_turn", 0)
    direct_limit = direct.limit()
    if direct_limit is not None:
        direct.choose(turn, direct_limit)
        file, destination = None, "Your file goes straight to the storage of this ReviewLens."
    else:
        file = st.file_uploader(
            "A file of reviews",
            key=f"uploader-{turn}",
            max_upload_size=max(1, limit // 2**20),
            label_visibility="collapsed",
        )
        destination = "Your file stays on the computer that runs ReviewLens."
    size = words.size(direct_limit or limit)
    formats = (
        "CSV, TSV, JSON Lines, JSON, Parquet, Excel or OpenDocument; text formats may be compressed with gzip or ZIP"
    )
    st.caption(f"{formats}; up to {size}. {destination}")
    problem = st.session_state.pop("upload_problem", None)
    if problem:
        st.error(
            f"**{words.escape(problem['name'])} was not accepted.** {words.escape(problem['detail'])}",
            icon=":material/error:",
        )
    if file is None:
        with st.container(key="card-hint"):
            st.subheader("What a file needs", anchor=False)
            st.markdown(
                "It needs only a column with the review text. Columns with a **rating**, **date**, **product** or "
                "**title** are used too: dates show change over time, products are compared, "
                "and ratings are checked against the text."
            )
        return
    try:
        with st.spinner(f"Sending and reading {words.escape(file.name)} …", show_time=True):
            st.session_state["upload"] = session.client().upload(file.name, file)
        st.session_state["corrected_dialect"], st.session_state["corrected_mapping"] = {}, {}
    except ApiError as error:
        st.session_state["upload_problem"] = {"name": file.name, "detail": error.detail}
    st.session_state["uploader_turn"] = turn + 1  # a new uploader, so that this server releases the file
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
    undecided = bool(upload.sniffed.members) and not upload.sniffed.dialect.member
    with st.container(horizontal=True, vertical_alignment="center", key="start-row"):
        start = st.button(
            "Start the job", type="primary", icon=":material/play_arrow:", disabled=not ready, key="start"
        )
        st.caption(
            "Check the columns below before you start."
            if ready
            else "Choose the file with the reviews before you start."
            if undecided
            else "Choose the column with the review text before you start."
        )
    detected.show(upload)
    if start and upload.sniffed.mapping:
        try:
            job = session.client().start(upload.upload_id, upload.sniffed.dialect, upload.sniffed.mapping)
        except ApiError as error:
            session.show_problem(error, "The job could not be started.")
            return
        progress.start_over()
        st.session_state["watching"] = job.job_id
        st.rerun()


def main() -> None:
    """Show the job to watch, the upload to check, or the file chooser."""
    watching = st.query_params.get("job") or st.session_state.get("watching")
    if watching:
        st.query_params["job"] = watching  # first, so that a refresh returns to this job
        try:
            progress.watch(watching)
        except ApiError as error:
            if error.status != 404:
                raise
            progress.start_over()
            st.info("This job no longer exists.")
            _choose_file()
    elif st.session_state.get("upload"):
        _check()
    else:
        _choose_file()


main()
