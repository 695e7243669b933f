"""Section on reviews: filter, sort, page and read them."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from frontend import filters, session, words
from frontend.api.models import BySegment, ReviewPage, TimePoint
from frontend.sections import grid, reading
from frontend.sections.segments import PRODUCT
from frontend.sections.view import View

_SORTS = {
    "row": "As in the file",
    "-confidence": "Most certain first",
    "confidence": "Least certain first",
    "-date": "Newest first",
    "date": "Oldest first",
    "-rating": "Most stars first",
    "rating": "Fewest stars first",
}
_SIZES = (10, 25, 50, 100)
_OPEN_SEGMENTS = 2


def table(view: View) -> None:
    """Show the heading, the controls and the rows."""
    st.header("Reviews", anchor="reviews")
    with st.container(key="card-reviews"):
        _controls(view)
        _rows(view)


def _set(view: View, kind: str, names: dict[str, Any]) -> None:
    filters.put(view.id, kind, names)


def _controls(view: View) -> None:
    now = view.filters
    with st.container(horizontal=True, vertical_alignment="center"):
        _keep("f-words", now.get("words", ""))
        st.text_input(
            "Words",
            key="f-words",
            placeholder='Words, or "a phrase"',
            icon=":material/search:",
            width=260,
            label_visibility="collapsed",
            on_change=lambda: _set(view, "words", {"words": st.session_state["f-words"].strip()}),
        )
        _keep("f-sentiment", now.get("sentiment"))
        st.segmented_control(
            "Sentiment",
            ["positive", "negative", *(["not_judged"] if view.board.counts.not_judged else [])],
            key="f-sentiment",
            format_func=words.sentiment,
            label_visibility="collapsed",
            on_change=lambda: _set(view, "sentiment", {"sentiment": st.session_state["f-sentiment"]}),
        )
        with st.popover("More filters", icon=":material/tune:"):
            _more(view)
        available = [name for name in _SORTS if _sortable(view, name)]
        st.selectbox(
            "Order",
            available,
            key=f"sort-{view.id}",
            format_func=_SORTS.__getitem__,
            width=200,
            label_visibility="collapsed",
            on_change=_first_page,
        )
        st.segmented_control(
            "Show as",
            ["table", "cards"],
            default="table",
            required=True,
            key="show-as",
            label_visibility="collapsed",
            format_func={"table": ":material/table_rows: Table", "cards": ":material/article: Read"}.__getitem__,
        )


def _more(view: View) -> None:
    now = view.filters
    if view.board.by_rating.available:
        _keep("f-rating", now.get("rating", []))
        st.pills(
            "Stars",
            [1, 2, 3, 4, 5],
            selection_mode="multi",
            key="f-rating",
            on_change=lambda: _set(view, "rating", {"rating": st.session_state["f-rating"]}),
        )
        _keep("f-agreement", now.get("agreement"))
        st.segmented_control(
            "Text and stars",
            ["agrees", "disagrees"],
            key="f-agreement",
            format_func=str.capitalize,
            on_change=lambda: _set(view, "agreement", {"agreement": st.session_state["f-agreement"]}),
        )
    if len(view.board.languages) > 1:
        names_of = {row.language: f"{row.name} ({words.count(row.reviews)})" for row in view.board.languages}
        _keep("f-language", now.get("language", []))
        st.multiselect(
            "Language",
            list(names_of),
            key="f-language",
            format_func=names_of.__getitem__,
            placeholder="Any language",
            on_change=lambda: _set(view, "language", {"language": st.session_state["f-language"]}),
        )
    products = view.board.by_product
    if products.available:
        names = [row.product for row in products.rows]
        chosen = now.get("product", [])
        _keep("f-product", chosen)
        st.multiselect(
            "Product",
            [*names, *(name for name in chosen if name not in names)],
            key="f-product",
            format_func=words.shown,
            accept_new_options=True,
            placeholder="Any product",
            on_change=lambda: _set(view, "product", {"product": st.session_state["f-product"]}),
        )
    _segments(view)
    if view.board.questions:
        _keep("f-question", now.get("question"))
        st.selectbox(
            "Question",
            view.board.questions,
            key="f-question",
            format_func=words.shown,
            placeholder="Any question",
            on_change=lambda: _set(view, "question", {"question": st.session_state["f-question"]}),
        )
    times = view.board.over_time
    if times.available and times.points:
        _dates(view, times.points)
    _keep("f-confidence", (round(100 * now.get("min_confidence", 0.5)), round(100 * now.get("max_confidence", 1.0))))
    st.slider(
        "The model's confidence", 50, 100, format="%d %%", key="f-confidence", on_change=lambda: _confidence(view)
    )
    _keep("f-needs-review", bool(now.get("needs_review")))
    st.toggle(
        "Only those that need review",
        key="f-needs-review",
        on_change=lambda: _set(view, "needs_review", {"needs_review": st.session_state["f-needs-review"] or None}),
    )
    if view.board.model.mixed_band:
        _keep("f-mixed", bool(now.get("mixed")))
        st.toggle(
            "Only mixed reviews",
            key="f-mixed",
            help=f"Mixed: {words.MIXED}",
            on_change=lambda: _set(view, "mixed", {"mixed": st.session_state["f-mixed"] or None}),
        )


def _segments(view: View) -> None:
    """Show a filter for each segment; more than two are folded."""
    parts = [part for part in view.board.segments if part.column != PRODUCT]
    if not parts:
        return
    with st.expander("Segments") if len(parts) > _OPEN_SEGMENTS else st.container():
        for part in parts:
            _segment(view, part)


def _segment(view: View, part: BySegment) -> None:
    key, column = f"f-segment-{part.column}", part.column
    values = [row.value for row in part.rows]
    chosen = filters.segments(view.filters).get(column, [])
    without = [""] if part.without_value.count or "" in chosen else []
    _keep(key, chosen)
    st.multiselect(
        words.escape(words.cut(part.name, 60)),
        [*values, *without, *(value for value in chosen if value and value not in values)],
        key=key,
        format_func=lambda value: value or filters.NO_VALUE,
        accept_new_options=True,
        placeholder="Any value",
        on_change=lambda: _set(view, f"segment:{column}", filters.segment(column, st.session_state[key])),
    )


def _dates(view: View, points: list[TimePoint]) -> None:
    first, last = points[0].start, points[-1].end
    now = view.filters
    begin = date.fromisoformat(now["date_from"]) if "date_from" in now else first
    end = date.fromisoformat(now["date_to"]) if "date_to" in now else last
    _keep("f-dates", (min(max(begin, first), last), max(min(end, last), first)))

    def changed() -> None:
        span = st.session_state["f-dates"]
        if len(span) == 2:
            whole = tuple(span) == (first, last)
            _set(view, "dates", {} if whole else {"date_from": span[0].isoformat(), "date_to": span[1].isoformat()})

    st.date_input("Dates", min_value=first, max_value=last, key="f-dates", on_change=changed)


def _confidence(view: View) -> None:
    low, high = st.session_state["f-confidence"]
    _set(
        view,
        "confidence",
        {"min_confidence": low / 100 if low > 50 else None, "max_confidence": high / 100 if high < 100 else None},
    )


def _keep(key: str, value: Any) -> None:
    """Set a control to the current filter, which another control may have set."""
    st.session_state[key] = value


def _sortable(view: View, sort: str) -> bool:
    column = sort.lstrip("-")
    if column == "date":
        return view.board.over_time.available
    return column != "rating" or view.board.by_rating.available


def _first_page() -> None:
    st.session_state.pop("page_cursors", None)


@st.fragment
@session.guarded
def _rows(view: View) -> None:
    sort = st.session_state.get(f"sort-{view.id}") or "row"
    size = st.session_state.get("page-size", 25)
    cursors: list[str] = st.session_state.setdefault("page_cursors", [""])
    key = f"{view.id} {sort} {size} {cursors[-1]} {sorted(view.filters.items(), key=str)}"
    with st.skeleton(height=300):
        page = session.remembered(
            "pages",
            key,
            lambda: session.client().reviews(view.id, view.filters, sort=sort, limit=size, cursor=cursors[-1]),
        )
    if not page.total:
        _nothing(view)
        return
    if st.session_state.get("show-as") == "cards":
        reading.reviews(page.reviews, mark=view.filters.get("words", ""), whole=True)
    else:
        grid.show(page.reviews, f"grid-{len(cursors)}-{sort}-{size}-{hash(key)}", view.filters.get("words", ""))
    _turn(page, cursors, size)


def _nothing(view: View) -> None:
    with st.container(horizontal_alignment="center", key="nothing-matches"):
        st.markdown("#### No review matches")
        st.markdown("Remove a filter, or clear them all.")
        if st.button("Clear the filters", key="clear-nothing", on_click=filters.clear, args=(view.id,)):
            st.rerun()


def _turn(page: ReviewPage, cursors: list[str], size: int) -> None:
    first = (len(cursors) - 1) * size + 1
    last = first + len(page.reviews) - 1
    with st.container(horizontal=True, vertical_alignment="center"):
        first_page = len(cursors) == 1
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            disabled=first_page,
            key="page-back",
            on_click=_back,
            args=(cursors,),
        )
        st.markdown(f"{words.count(first)}–{words.count(last)} of {words.count(page.total)}", width="content")
        st.button(
            "Next",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=not page.next_cursor,
            key="page-on",
            on_click=cursors.append,
            args=(page.next_cursor,),
        )
        st.selectbox(
            "A page",
            _SIZES,
            index=1,
            key="page-size",
            format_func=lambda number: f"{number} a page",
            width=130,
            label_visibility="collapsed",
            on_change=_first_page,
        )


def _back(cursors: list[str]) -> None:
    cursors.pop()
