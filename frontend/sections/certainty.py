"""How sure the model is: the histogram, and reviews from both ends of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import charts, filters, words
from frontend.sections import reading
from frontend.sections.view import View


def certainty(view: View) -> None:
    """The histogram beside reviews to read."""
    st.header("How sure the model is", anchor="certainty")
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key="card-confidence"):
        part = view.board.confidence
        bins = {f"{item.low:.4f}": item for item in part.bins}
        st.subheader("Confidence", anchor=False)

        def picked(items: list[dict[str, Any]]) -> filters.Filters:
            chosen = [bins[item["bin"]] for item in items if item.get("bin") in bins]
            if not chosen:
                return {}
            high = max(item.high for item in chosen)
            return {"min_confidence": min(item.low for item in chosen), "max_confidence": min(high, 1.0)}

        if sum(item.count for item in part.bins):
            view.chart(
                charts.histogram(part, view.look),
                "histogram",
                "confidence",
                picked,
                "Reviews by the model's confidence",
            )
            unsure = view.board.distribution.needs_review
            if unsure:
                st.button(
                    f"Read {words.many(unsure, 'review')} worth a second look",
                    key="see-unsure",
                    icon=":material/arrow_downward:",
                    on_click=filters.put,
                    args=(view.id, "needs_review", {"needs_review": True}),
                )
        else:
            view.unavailable(part.note, "There is nothing to count.")
    with right, st.container(key="card-examples", height="stretch"):
        examples = view.board.examples
        tabs = {
            "Least certain": examples.least_certain,
            "Surely negative": examples.most_confident_negative,
            "Surely positive": examples.most_confident_positive,
        }
        labels = [label for label, found in tabs.items() if found]
        if not labels:
            view.unavailable(examples.note, "There is nothing to read.")
            return
        for tab, label in zip(st.tabs(labels), labels, strict=True):
            with tab:
                reading.reviews(tabs[label][:4])
