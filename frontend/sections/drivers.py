"""The words and phrases that tell negative and positive reviews apart; a click shows the reviews behind a word."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import charts, filters, session, words
from frontend.sections import reading
from frontend.sections.view import View

_SHOWN = 12
_READ = 4


def drivers(view: View) -> None:
    """Two lists of words, and the reviews that mention the one that was clicked."""
    st.header("What drives it", anchor="drivers")
    part = view.part("drivers")
    if not part["available"] or not (part["positive"] or part["negative"]):
        view.unavailable(part, "There are too few reviews of both kinds to tell which words matter.")
        return
    sample = " (an even sample)" if part["sampled"] else ""
    st.caption(
        f"Words and phrases most typical of each side, of {words.count(part['looked_at'])} in "
        f"{words.many(part['based_on'], 'review')}{sample}. "
        "The longer the bar, the stronger the sign. Click one to read its reviews."
    )
    for column, kind in zip(st.columns(2, gap="medium"), ("negative", "positive"), strict=True):
        with column, st.container(key=f"card-words-{kind}", height="stretch"):
            st.subheader("In negative reviews" if kind == "negative" else "In positive reviews", anchor=False)
            if part[kind]:
                view.chart(
                    charts.terms(part[kind][:_SHOWN], kind, view.look),
                    f"{kind}_words",
                    "words",
                    _picked,
                    f"Words typical of {kind} reviews",
                )
            else:
                st.caption("No word stands out.")
    if view.filters.get("words"):
        _behind(view)


def _picked(items: list[dict[str, Any]]) -> filters.Filters:
    return {"words": filters.phrase(str(items[-1]["term"]))}


def _behind(view: View) -> None:
    wanted = view.filters["words"]
    key = f"{view.id} {sorted(view.filters.items(), key=str)}"
    page = session.remembered(
        "behind", key, lambda: session.client().reviews(view.id, view.filters, sort="-confidence", limit=_READ)
    )
    with st.container(key="card-behind"):
        st.subheader(f"{words.many(page['total'], 'review')} with {words.escape(wanted)}", anchor=False)
        if page["reviews"]:
            reading.reviews(page["reviews"], mark=wanted)
        if page["total"] > _READ:
            st.html('<a href="#reviews" target="_self">Read all of them in the table</a>')
