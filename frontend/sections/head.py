"""The top of the dashboard: which run, the sentences to take away, the figures, where every row went, the split."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from frontend import charts, filters, session, words
from frontend.api.models import Counts, Distribution, JobView
from frontend.client import query
from frontend.sections.behind import behind
from frontend.sections.view import View

_MIXED_NOTE = (
    f"{words.MIXED[0].upper()}{words.MIXED[1:]}. Each counts as positive or negative as well, by the side that it "
    "leans to. Those nearest to the middle come first."
)


def title(view: View, finished: list[JobView]) -> None:
    """The run's name and facts; choose another; export."""
    job, model = view.job, view.board.model
    name, controls = st.columns([3, 2], vertical_alignment="bottom", gap="medium")
    with name:
        st.title(words.escape(words.cut(view.board.filename, 60)), anchor=False)
        facts = [
            f"Analysed {words.when(job.finished_at or view.board.finished_at, session.time_zone())}",
            f"in {words.duration(job.seconds)}" if job.seconds else "",
            f"by {words.model(model.version, model.name, model.engine)}",
        ]
        st.caption(words.escape(" · ".join(fact for fact in facts if fact)))
    with controls, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        _choose(view, finished)
        _export(view)
    if model.fallback:
        st.warning(
            "This computer's processor does not run the fast model as it should, so full precision was used. "
            "The results are right; scoring was slower.",
            icon=":material/speed:",
        )


def _choose(view: View, finished: list[JobView]) -> None:
    if len(finished) < 2:
        return
    by_id = {job.job_id: job for job in finished}
    key = "choose_run"
    st.session_state[key] = view.id
    zone = session.time_zone()

    def chosen() -> None:
        st.session_state["job"] = st.session_state[key]
        st.query_params.clear()

    labels = words.distinct(
        {
            job_id: f"{words.cut(job.filename, 34)} · {words.when(job.finished_at, zone)}"
            for job_id, job in by_id.items()
        }
    )
    st.selectbox(
        "Run",
        list(by_id),
        key=key,
        format_func=labels.__getitem__,
        on_change=chosen,
        width=230,
        label_visibility="collapsed",
    )


def _export(view: View) -> None:
    narrowed = bool(view.filters)
    with st.popover("Export", icon=":material/download:"):
        st.markdown("**A report to pass on**")
        _link(view, "Report (one HTML page)", "report", "html", ":material/description:")
        st.markdown("**Every review, with its sentiment**")
        with st.container(horizontal=True):
            _link(view, "CSV", "served", "csv", ":material/table:")
            _link(view, "Parquet", "served", "parquet", ":material/database:")
        if narrowed:
            st.markdown("**Only what the filter shows**")
            with st.container(horizontal=True):
                _link(view, "CSV", "filtered", "csv", ":material/filter_alt:")
                _link(view, "Parquet", "filtered", "parquet", ":material/filter_alt:")
        if view.board.counts.rejected:
            st.markdown("**What was set aside, and why**")
            _link(view, "CSV", "rejected", "csv", ":material/rule:")


def _link(view: View, label: str, what: str, form: str, icon: str) -> None:
    given = query(view.filters) if what in ("filtered", "report") else {}
    url = session.backend_link(f"/jobs/{view.id}/export", what=what, format=form, **given)
    st.link_button(label, url, icon=icon, key=f"export-{what}-{form}")


def summary(view: View) -> None:
    """The sentences to take away, the figures, and the split."""
    if view.board.headline:
        first, *rest = view.board.headline
        listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in rest)
        with st.container(key="card-headline"):
            st.html(
                f'<p class="rl-lead">{escape(first)}</p>' + (f'<ul class="rl-points">{listed}</ul>' if listed else "")
            )
    _figures(view)
    for warning in view.board.warnings:
        st.caption(f":material/info: {words.escape(warning)}")
    split(view)


def _figures(view: View) -> None:
    counts, split_, stars = view.board.counts, view.board.distribution, view.board.agreement
    below, tells_mixed = view.board.model.needs_review_below, view.board.model.mixed_band
    with st.container(key="figures"):
        tiles = st.columns(5 if tells_mixed else 4, gap="small")
    with tiles[0], st.container(key="card-positive", height="stretch"):
        figure(
            words.percent(split_.positive_share),
            "positive",
            _interval(split_),
        )
    with tiles[1], st.container(key="card-count", height="stretch"):
        hidden = f", {words.count(counts.hidden)} hidden by the filter" if counts.hidden else ""
        figure(
            words.count(counts.shown),
            "reviews" if counts.shown != 1 else "review",
            f"{words.count(counts.scored)} scored, {words.many(counts.duplicate, 'duplicate')}{hidden}",
        )
    with tiles[2], st.container(key="card-stars", height="stretch"):
        if stars.available and stars.compared:
            figure(words.percent(stars.share), words.half_width(stars.low, stars.high), "agrees with your stars")
        else:
            figure(words.percent(split_.mean_confidence), "sure", "on average; the file has no stars to compare with")
    with tiles[3], st.container(key="card-second-look", height="stretch"):
        figure(
            words.count(split_.needs_review),
            words.percent(split_.needs_review_share),
            "worth a second look" + (f": less than {words.threshold(below)} sure" if below else ""),
        )
    if tells_mixed:
        with tiles[4], st.container(key="card-mixed", height="stretch", gap=None):
            _mixed(view, split_)
    if tells_mixed and view.filters.get("mixed"):
        behind(view, "mixed", _mixed_title, caption=_MIXED_NOTE, sort="confidence")
    st.html(
        f'<p class="rl-label rl-sum" data-testid="accounting">'
        f"{escape(words.accounting(counts.read, counts.scored, counts.duplicate, counts.rejected))}"
        f"{_aside_link(counts)}</p>"
    )


def _interval(part: Distribution) -> str:
    if part.low is None or part.high is None:
        return ""
    return f"95 % sure it is between {100 * part.low:.1f} and {words.percent(part.high)}"


def _mixed(view: View, part: Distribution) -> None:
    """How many are mixed, and one click to read them."""
    figure(words.count(part.mixed), words.percent(part.mixed_share), f"mixed: {words.MIXED}")
    if part.mixed and not view.filters.get("mixed"):
        st.button(
            "Read the mixed ones",
            key="see-mixed",
            type="tertiary",
            icon=":material/arrow_downward:",
            on_click=filters.put,
            args=(view.id, "mixed", {"mixed": True}),
        )


def _mixed_title(total: int) -> str:
    return words.many(total, "mixed review")


def _aside_link(counts: Counts) -> str:
    return ' · <a href="#set-aside" target="_self">what was set aside, and why</a>' if counts.rejected else ""


def figure(value: str, unit: str, label: str) -> None:
    """One number, large, with what it means under it."""
    st.html(
        f'<div class="rl-figure">{escape(value)} <small>{escape(unit)}</small></div>'
        f'<div class="rl-label">{escape(label)}</div>'
    )


def split(view: View) -> None:
    """Positive against negative."""
    part = view.board.distribution
    if not part.count:
        return
    left, right = part.positive, part.negative
    st.html(
        '<div style="display:flex;justify-content:space-between;gap:1rem" class="rl-sum">'
        f'<span class="rl-positive"><b>Positive</b> {words.count(left)}</span>'
        f'<span class="rl-negative"><b>Negative</b> {words.count(right)}</span></div>'
    )
    view.chart(
        charts.distribution(part, view.look),
        "distribution",
        "sentiment",
        picked_sentiment,
        f"{left} positive and {right} negative reviews",
    )


def picked_sentiment(items: list[dict[str, Any]]) -> filters.Filters:
    """One side picked: that side; both: no filter."""
    kinds = {item["sentiment"] for item in items}
    return {"sentiment": kinds.pop()} if len(kinds) == 1 else {}
