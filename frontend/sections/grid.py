"""A page of reviews as a table; selecting a row shows the whole review below."""

from __future__ import annotations

import streamlit as st

from frontend import words
from frontend.api.models import Review
from frontend.sections import reading

_COLUMNS = {
    "sentiment": st.column_config.TextColumn("Sentiment", width=95),
    "mixed": st.column_config.TextColumn("Mixed", width=70, help=f"Mixed: {words.MIXED}"),
    "confidence": st.column_config.ProgressColumn(
        "Confidence", format="%.1f %%", min_value=0, max_value=100, width=130
    ),
    "language": st.column_config.TextColumn("Language", width=85),
    "rating": st.column_config.NumberColumn("Stars", format="%.3g", width=55),
    "question": st.column_config.TextColumn("Question", width=130),
    "text": st.column_config.TextColumn("Review", width=400),
    "title": st.column_config.TextColumn("Title", width=115),
    "product": st.column_config.TextColumn("Product", width=130),
    "date": st.column_config.DateColumn("Date", format="D MMM YYYY", width=100),
    "row": st.column_config.NumberColumn("Row", width=60, help="Number of the row in the file"),
}
_MARKS = {"positive": "▲", "negative": "▼", "not judged": "–"}
_EMPTY = (None, "", False)
_ALWAYS = ("sentiment", "confidence", "text", "row")


def show(reviews: list[Review], key: str, mark: str) -> None:
    """Show the table, without columns that are empty on this page. `mark`: words to highlight."""
    several_languages = len({row.language for row in reviews}) > 1 or any(row.not_judged for row in reviews)
    order = [
        name
        for name in _COLUMNS
        if name in _ALWAYS
        or (any(getattr(row, name) not in _EMPTY for row in reviews) and (name != "language" or several_languages))
    ]
    rows = [
        {
            **row.model_dump(),
            **{name: words.shown(getattr(row, name) or "") for name in ("text", "title", "product")},
            "sentiment": f"{_MARKS[row.sentiment]} {row.sentiment}",
            "language": words.language(row.language or ""),
            "mixed": "mixed" if row.mixed else "",
            "confidence": None if row.confidence is None else 100 * row.confidence,
        }
        for row in reviews
    ]
    state = st.dataframe(
        rows,
        column_order=order,
        column_config=_COLUMNS,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        placeholder="",
        height=min(38 + 35 * len(rows), 560),
        alt="The matching reviews",
    )
    chosen = state["selection"]["rows"]
    if chosen and chosen[0] < len(reviews):
        reading.reviews([reviews[chosen[0]]], mark=mark, whole=True)
    else:
        st.caption("Select a row to read the whole review.")
