"""The reviews behind a clicked item, shown next to it, with a link to all of them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from frontend import session
from frontend.sections import reading
from frontend.sections.view import View

_READ = 4


def behind(
    view: View, name: str, title: Callable[[int], str], *, caption: str = "", sort: str = "-confidence", mark: str = ""
) -> None:
    """Show some matching reviews. `title` makes the heading from their number; `mark`: words to highlight."""
    key = f"{name} {view.id} {sorted(view.filters.items(), key=str)}"
    page = session.remembered(
        "behind", key, lambda: session.client().reviews(view.id, view.filters, sort=sort, limit=_READ)
    )
    with st.container(key=f"card-behind-{name}"):
        st.subheader(title(page.total), anchor=False)
        if caption:
            st.caption(caption)
        if page.reviews:
            reading.reviews(page.reviews, mark=mark)
        if page.total > _READ:
            st.html('<a href="#reviews" target="_self">Read all of them in the table</a>')
