"""Section on drivers: words and phrases that go with a sentiment; a click shows the reviews with a word."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from frontend import charts, filters, words
from frontend.sections.behind import behind
from frontend.sections.view import View

_SHOWN = 12


def drivers(view: View) -> None:
    """Show two lists of words, and the reviews with the clicked one."""
    st.header("What drives it", anchor="drivers")
    part = view.board.drivers
    if not part.available or not (part.positive or part.negative):
        view.unavailable(part.note, "There are too few reviews of each sentiment to tell which words matter.")
        return
    sample = " (an even sample)" if part.sampled else ""
    st.caption(
        f"The words and phrases most typical of each sentiment, out of {words.count(part.looked_at)} in "
        f"{words.many(part.based_on, 'review')}{sample}. "
        "A longer bar is a stronger sign. Click a word to read its reviews."
    )
    sides = (("negative", part.negative), ("positive", part.positive))
    for column, (kind, terms) in zip(st.columns(2, gap="medium"), sides, strict=True):
        with column, st.container(key=f"card-words-{kind}", height="stretch"):
            st.subheader("In negative reviews" if kind == "negative" else "In positive reviews", anchor=False)
            if terms:
                view.chart(
                    charts.terms(terms[:_SHOWN], kind, view.look),
                    f"{kind}_words",
                    "words",
                    _picked,
                    f"Words typical of {kind} reviews",
                )
            else:
                st.caption("No word stands out.")
    if view.filters.get("words"):
        term = view.filters["words"]
        behind(view, "words", partial(_title, term), mark=term)


def _picked(items: list[dict[str, Any]]) -> filters.Filters:
    return {"words": filters.phrase(str(items[-1]["term"]))}


def _title(term: str, total: int) -> str:
    return f"{words.many(total, 'review')} with {words.escape(term)}"
