"""The pages and their URL paths."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.navigation.page import StreamlitPage

# Not in a folder named `pages`: Streamlit would run its files directly, without the log-in check.
_VIEWS = (
    ("dashboard", "views/dashboard.py", "Dashboard", ":material/monitoring:"),
    ("analyse", "views/analyse.py", "Analyse", ":material/upload_file:"),
    ("runs", "views/runs.py", "Jobs", ":material/history:"),
    ("try", "views/try_one.py", "Try one", ":material/edit_note:"),
)


def navigation(home: Callable[[], None] | None = None) -> StreamlitPage:
    """Register the pages and return the requested one. The root path runs `home`; without it the menu is hidden."""
    first = st.Page(home or _nothing, title="ReviewLens", url_path="start", default=True, visibility="hidden")
    views = [st.Page(path, title=title, icon=icon, url_path=url) for url, path, title, icon in _VIEWS]
    return st.navigation([first, *views], position="sidebar" if home else "hidden")


def _nothing() -> None:
    pass
