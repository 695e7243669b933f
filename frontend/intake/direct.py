"""Uploads from the browser straight to the store; this server sees only their names and sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v1 import declare_component

from frontend import session, words
from frontend.client import ApiError

_send_file = declare_component("reviewlens_send_file", path=str(Path(__file__).parent / "sender"))


def limit() -> int | None:
    """Limit of direct uploads in bytes; None if files go through the backend."""
    state = st.session_state
    if "direct_limit" not in state:
        offer = session.client().direct_offer()
        state["direct_limit"] = offer.max_bytes if offer.offered else None
    limit_bytes: int | None = state["direct_limit"]
    return limit_bytes


def choose(turn: int, allowed: int) -> None:
    """Show the file chooser, which sends the file; then the session holds the `upload`."""
    state = st.session_state
    message: dict[str, Any] | None = _send_file(
        offer=state.get("direct_form"),
        limit=allowed,
        limit_said=words.size(allowed),
        key=f"sender-{turn}",
        default=None,
    )
    if not message:
        return
    form = state.get("direct_form")
    if message["event"] == "otherwise":
        state["direct_limit"] = None
        st.rerun()
    if message["event"] == "chosen" and (form is None or form["turn"] != message["turn"]):
        state["direct_form"] = _announced(message)
        st.rerun()
    if message["event"] == "sent" and form is not None and form["turn"] == message["turn"]:
        _complete(form, turn)


def _announced(message: dict[str, Any]) -> dict[str, Any]:
    """The form with which the browser sends its file, or the problem that prevents it."""
    try:
        form = session.client().announce(str(message["name"]), int(message["size"]))
    except ApiError as error:
        return {"turn": message["turn"], "problem": error.detail}
    return {"turn": message["turn"], "name": str(message["name"]), **form.model_dump()}


def _complete(form: dict[str, Any], turn: int) -> None:
    state = st.session_state
    try:
        with st.spinner(f"Reading {words.escape(form['name'])} …", show_time=True):
            state["upload"] = session.client().complete(form["upload_id"])
        state["corrected_dialect"], state["corrected_mapping"] = {}, {}
    except ApiError as error:
        state["upload_problem"] = {"name": form["name"], "detail": error.detail}
    state.pop("direct_form", None)
    state["uploader_turn"] = turn + 1
    st.rerun()
