"""Section on ratings, and on how often the model and the stars agree."""

from __future__ import annotations

import streamlit as st

from frontend import charts, filters, words
from frontend.api.models import Agreement, Confusion
from frontend.sections import reading
from frontend.sections.view import View


def _ratings(view: View) -> None:
    part = view.board.by_rating
    st.subheader("By stars", anchor=False)
    if not part.available:
        view.unavailable(part.note, "This file has no ratings.")
        return
    rows = [{**row.model_dump(), "name": words.stars(row.stars), "rating": row.stars} for row in part.rows]
    view.chart(
        charts.shares(rows, "rating", view.look),
        "ratings",
        "rating",
        lambda items: {"rating": [int(item["rating"]) for item in items]},
        "Positive share of each number of stars",
    )
    facts = []
    if part.mean_rating is not None:
        facts.append(f"{part.mean_rating:.2f} stars on average")
    if part.unrated.count:
        facts.append(f"{words.many(part.unrated.count, 'review')} without stars")
    st.caption(" · ".join(facts))


def stars(view: View) -> None:
    """Show the sentiment by stars, how often text and stars agree, and the reviews where they do not."""
    st.header("Do text and stars agree?", anchor="stars")
    part = view.board.agreement
    if not part.available or not part.compared:
        view.unavailable(part.note, "This file has no ratings to compare with.")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        with st.container(key="card-agreement"):
            _agreement(part)
        with st.container(key="card-ratings"):
            _ratings(view)
    with right, st.container(key="card-disagreements", height="stretch"):
        _disagreements(view, part)


def _agreement(part: Agreement) -> None:
    half = words.half_width(part.low, part.high)
    st.html(
        f'<div class="rl-label">agrees with your stars</div><div class="rl-figure" data-testid="agreement">'
        f"{words.percent(part.share)} <small>{half}</small></div>"
    )
    st.html(_table(part.confusion))
    neutral = f" {words.many(part.left_out, 'review')} with about 3 stars were not." if part.left_out else ""
    st.caption(f"{words.many(part.compared, 'review')} with 1–2 or 4–5 stars were compared.{neutral}")


def _disagreements(view: View, part: Agreement) -> None:
    total = part.disagreements_total
    st.subheader("Where they differ most", anchor=False)
    if not total:
        st.caption(":material/check: Nowhere: every rated review agrees with its stars.")
        return
    st.caption("Sometimes the model is wrong; often the customer rated the delivery or mistook the scale.")
    reading.reviews(part.disagreements[:6])
    st.button(
        f"Show {'all ' if total > 1 else ''}{words.many(total, 'such review')} in the table",
        key="see-disagreements",
        icon=":material/arrow_downward:",
        on_click=filters.put,
        args=(view.id, "agreement", {"agreement": "disagrees"}),
    )


def _table(numbers: Confusion) -> str:
    rows = "".join(
        f"<tr><td>{label}</td><td class='number'>{words.count(positive)}</td>"
        f"<td class='number'>{words.count(negative)}</td></tr>"
        for label, positive, negative in (
            ("4–5 stars", numbers.stars_positive_model_positive, numbers.stars_positive_model_negative),
            ("1–2 stars", numbers.stars_negative_model_positive, numbers.stars_negative_model_negative),
        )
    )
    return (
        "<table class='rl-table'><tr><th></th><th class='number'><span class='rl-positive'>reads positive</span></th>"
        f"<th class='number'><span class='rl-negative'>reads negative</span></th></tr>{rows}</table>"
    )
