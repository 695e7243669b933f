"""The reviews behind a clicked item, shown next to it, with a link to all of them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from frontend import filters, session
from frontend.sections import reading
from frontend.sections.view import View

_READ = 4


def behind(
    view: View, name: str, title: Callable[[int], str], *, caption: str = "", sort: str = "-confidence", mark: str = ""
) -> None:
    """Show some matching reviews. `title` makes the heading from their number; `mark`: words to highlight."""
    key = f"{name} {view.id} {sorted(view.filters.items(), key=str)}"
    page = session.remembered(
        "behind", key, lambda: session.client().reviews(view.id, _judged(view), sort=sort, limit=_READ)
    )
    with st.container(key=f"card-behind-{name}"):
        st.subheader(title(page.total), anchor=False)
        if caption:
            st.caption(caption)
        if page.reviews:
            reading.reviews(page.reviews, mark=mark)
        if page.total > _READ:
            st.html('<a href="#reviews" target="_self">Read all of them in the table</a>')


def _judged(view: View) -> filters.Filters:
    """The filters, for the reviews that the charts count: those with a sentiment."""
    return view.filters if view.filters.get("sentiment") else {**view.filters, "judged": True}
