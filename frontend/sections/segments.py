"""Section that splits the reviews by product or by another column of the file."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import charts, filters, words
from frontend.api.models import BySegment, SegmentRow
from frontend.sections.view import View

PRODUCT = "product"
_ORDERS = {
    "most_reviews": "Most reviews",
    "least_positive": "Least positive",
    "most_positive": "Most positive",
    "name": "Name",
}
_SHOWN = 15
_AGAINST = "Against the others"
_HOW = (
    "Blue is positive, orange is negative. The dark line is the 95 % interval of the share. "
    "Click a bar to read its reviews; shift-click selects several."
)
_MARKS = (
    " ▲ and ▼ mark a share above or below that of the others by more than chance explains, corrected for the number of "
    "comparisons."
)


def split(view: View) -> None:
    """Show the positive share of each product, or of each value of the chosen segment."""
    parts = {part.column: part for part in view.board.segments}
    st.header("Products" if {*parts} <= {PRODUCT} else "Split by", anchor="products")
    with st.container(key="card-products"):
        if not parts:
            view.unavailable(view.board.by_product.note, "This file has no products.")
            return
        _part(view, _chosen(view, parts))


def _chosen(view: View, parts: dict[str, BySegment]) -> BySegment:
    if {*parts} == {PRODUCT}:
        return parts[PRODUCT]
    names = words.distinct({column: part.name for column, part in parts.items()})
    column = st.selectbox(
        "Split by",
        list(parts),
        key=f"split-{view.id}",
        format_func=lambda column: words.cut(names[column], 60),
        label_visibility="collapsed",
        width=320,
    )
    return parts[column or next(iter(parts))]


def _part(view: View, part: BySegment) -> None:
    if not part.available or not part.rows:
        view.unavailable(part.note, "No review has a value.")
        return
    marked = any(_mark(row) for row in part.rows)
    st.caption(_HOW + (_MARKS if marked else ""))
    orders = [name for name in _ORDERS if part.orders.get(name)]
    order = "most_reviews"
    if len(part.rows) > 2 and orders:
        order = st.segmented_control(
            "Order",
            orders,
            default=orders[0],
            format_func=_ORDERS.__getitem__,
            required=True,
            key=f"order-{view.id}",
            label_visibility="collapsed",
        )
    by_value = {row.value: row for row in part.rows}
    rows = [by_value[value] for value in part.orders.get(order) or by_value if value in by_value]
    every = st.session_state.get(f"all-{part.column}-{view.id}", False)
    _chart(view, part, rows if every else rows[:_SHOWN])
    if len(rows) > _SHOWN:
        st.toggle(f"Show all {len(rows)}", key=f"all-{part.column}-{view.id}")
    _omitted(part)
    with st.expander("The figures as a table", icon=":material/table_rows:"):
        st.html(_table(part, rows))


def _chart(view: View, part: BySegment, rows: list[SegmentRow]) -> None:
    names = words.distinct({row.value: words.cut(row.value, 34) for row in rows})
    drawn = [{**row.model_dump(), "name": names[row.value] + _mark(row)} for row in rows]
    is_product = part.column == PRODUCT

    def picked(items: list[dict[str, Any]]) -> filters.Filters:
        values = [str(item["value"]) for item in items]
        return {"product": values} if is_product else filters.segment(part.column, values)

    view.chart(
        charts.shares(drawn, "value", view.look),
        "products" if is_product else f"segment-{part.column}",
        "product" if is_product else f"segment:{part.column}",
        picked,
        "Positive share of each product" if is_product else f"Positive share by {part.name}",
    )


def _mark(row: SegmentRow) -> str:
    """A triangle if the share differs clearly from that of the others."""
    return (" ▲" if (row.difference or 0) > 0 else " ▼") if row.clear else ""


def _omitted(part: BySegment) -> None:
    what = "product" if part.column == PRODUCT else "value"
    omitted = []
    if part.other_values:
        more = words.many(part.other_values, f"more {what}")
        omitted.append(f"{more} with {words.many(part.others.count, 'review')}")
    if part.without_value.count:
        omitted.append(f"{words.many(part.without_value.count, 'review')} without a {what}")
    if omitted:
        st.caption("Not drawn: " + "; ".join(omitted) + ".")


def _table(part: BySegment, rows: list[SegmentRow]) -> str:
    body = "".join(
        f"<tr><td>{words.html(row.value)}</td><td class='number'>{words.count(row.count)}</td>"
        f"<td class='number'>{words.percent(row.positive_share)}</td>"
        f"<td class='number'>{words.interval(row.low, row.high)}</td>"
        f"<td>{_compared(row)}</td></tr>"
        for row in rows
    )
    headings = [(part.name, ""), ("Reviews", "number"), ("Positive", "number"), ("95 % interval", "number")]
    head = "".join(
        f"<th scope='col' class='{kind}'>{words.html(heading)}</th>" for heading, kind in [*headings, (_AGAINST, "")]
    )
    return f"<div style='overflow-x:auto'><table class='rl-table'><tr>{head}</tr>{body}</table></div>"


def _compared(row: SegmentRow) -> str:
    """How the share differs from that of the others; '' where that may be chance."""
    if not row.clear or row.difference is None or row.q_value is None:
        return ""
    return f"{words.points(row.difference)}, {words.chance(row.q_value)}"
