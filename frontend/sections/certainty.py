"""Section on confidence: the histogram, and reviews from both ends of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import charts, filters, words
from frontend.sections import reading
from frontend.sections.view import View


def certainty(view: View) -> None:
    """Show the histogram beside example reviews."""
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
                    f"Read those that need review ({words.count(unsure)})",
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
            "Most certain negative": examples.most_confident_negative,
            "Most certain positive": examples.most_confident_positive,
        }
        labels = [label for label, reviews in tabs.items() if reviews]
        if not labels:
            view.unavailable(examples.note, "There is nothing to read.")
            return
        for tab, label in zip(st.tabs(labels), labels, strict=True):
            with tab:
                reading.reviews(tabs[label][:4])
