"""The pages and their addresses, which stay the same whoever asks and whatever there is to show."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.navigation.page import StreamlitPage

# The files are not in a folder named `pages`: Streamlit would run such a file by itself, past the log-in, when it is
# the first to be asked for.
_VIEWS = (
    ("dashboard", "views/dashboard.py", "Dashboard", ":material/monitoring:"),
    ("analyse", "views/analyse.py", "Analyse", ":material/upload_file:"),
    ("runs", "views/runs.py", "Runs", ":material/history:"),
    ("try", "views/try_one.py", "Try one", ":material/edit_note:"),
)


def navigation(home: Callable[[], None] | None = None) -> StreamlitPage:
    """Register the pages and return the one that was asked for; the bare address is `home`, which leads on to another.

    Without `home` the menu is hidden: nobody is logged in, or there is nothing to lead to.
    """
    first = st.Page(home or _nothing, title="ReviewLens", url_path="start", default=True, visibility="hidden")
    views = [st.Page(path, title=title, icon=icon, url_path=url) for url, path, title, icon in _VIEWS]
    return st.navigation([first, *views], position="sidebar" if home else "hidden")


def _nothing() -> None:
    pass
