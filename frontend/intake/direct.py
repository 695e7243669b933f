"""Files that go from the browser straight to the store: this server learns their names and sizes and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v1 import declare_component

from frontend import session, words
from frontend.client import ApiError

_send_file = declare_component("reviewlens_send_file", path=str(Path(__file__).parent / "sender"))


def limit() -> int | None:
    """The most bytes of a file that can be sent straight to the store; None where files go through the backend."""
    state = st.session_state
    if "direct_limit" not in state:
        try:
            offer = session.client().direct_offer()
            state["direct_limit"] = offer.max_bytes if offer.offered else None
        except ApiError as error:
            if error.status != 404:
                raise
            state["direct_limit"] = None  # a backend from before there was such a thing
    found: int | None = state["direct_limit"]
    return found


def choose(turn: int, allowed: int) -> None:
    """Let the person choose a file and send it; what was detected in it is then in the session as `upload`."""
    state = st.session_state
    said: dict[str, Any] | None = _send_file(
        offer=state.get("direct_form"),
        limit=allowed,
        limit_said=words.size(allowed),
        key=f"sender-{turn}",
        default=None,
    )
    if not said:
        return
    form = state.get("direct_form")
    if said["event"] == "otherwise":
        state["direct_limit"] = None
        st.rerun()
    if said["event"] == "chosen" and (form is None or form["turn"] != said["turn"]):
        state["direct_form"] = _announced(said)
        st.rerun()
    if said["event"] == "sent" and form is not None and form["turn"] == said["turn"]:
        _complete(form, turn)


def _announced(said: dict[str, Any]) -> dict[str, Any]:
    """What the browser needs to send the file it names, or why it cannot."""
    try:
        form = session.client().announce(str(said["name"]), int(said["size"]))
    except ApiError as error:
        return {"turn": said["turn"], "problem": error.detail}
    return {"turn": said["turn"], "name": str(said["name"]), **form.model_dump()}


def _complete(form: dict[str, Any], turn: int) -> None:
    state = st.session_state
    try:
        with st.spinner(f"Reading {words.escape(form['name'])} …", show_time=True):
            state["upload"] = session.client().complete(form["upload_id"])
        state["said_dialect"], state["said_mapping"] = {}, {}
    except ApiError as error:
        state["upload_problem"] = {"name": form["name"], "detail": error.detail}
    state.pop("direct_form", None)
    state["uploader_turn"] = turn + 1
    st.rerun()
