"""The bar at the foot of the page: the filters, how many reviews match, and buttons that remove filters."""

from __future__ import annotations

import streamlit as st

from frontend import filters, session, words
from frontend.sections.view import View


def bar(view: View) -> None:
    """Show the bar while there is a filter."""
    if not view.filters:
        st.session_state.pop("focus", None)
        return
    total = session.remembered(
        "totals",
        f"{view.id} {sorted(view.filters.items(), key=str)}",
        lambda: session.client().reviews(view.id, view.filters, limit=1).total,
        keep=50,
    )
    served = view.board.counts.served + view.board.counts.not_judged
    with st.bottom, st.container(key="selection", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f"<b>{words.count(total)}</b> of {words.many(served, 'review')}", width="content")
        for kind, label in filters.chips(view.filters, {part.column: part.name for part in view.board.segments}):
            st.button(
                words.escape(label),
                key=f"chip-{kind.replace(':', '-')}",
                icon=":material/close:",
                on_click=filters.put,
                args=(view.id, kind, {}),
            )
        st.html('<a class="rl-button" href="#reviews" target="_self">Read them</a>', width="content")
        st.button("Clear all", key="chip-all", type="tertiary", on_click=filters.clear, args=(view.id,))
        st.toggle("Redraw the charts", key="focus", help="Count and draw only the matching reviews.")
