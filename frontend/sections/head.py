"""The top of the dashboard: title, key sentences, figures, row counts and the split by sentiment."""

from __future__ import annotations

from typing import Any

import streamlit as st

from frontend import charts, filters, session, words
from frontend.api.models import Counts, Distribution, JobView
from frontend.client import query
from frontend.sections.behind import behind
from frontend.sections.view import View

_MIXED_NOTE = (
    f"{words.MIXED[0].upper()}{words.MIXED[1:]}. Each also counts as positive or negative, by its score. "
    "Those nearest the middle come first."
)


def title(view: View, finished: list[JobView]) -> None:
    """Show the job's name and facts, the choice of job and the export."""
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
            "The fast model does not run correctly on this processor, so full precision was used. "
            "The results are correct; scoring was slower.",
            icon=":material/speed:",
        )


def _choose(view: View, finished: list[JobView]) -> None:
    if len(finished) < 2:
        return
    by_id = {job.job_id: job for job in finished}
    key = "choose_job"
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
        "Job",
        list(by_id),
        key=key,
        format_func=labels.__getitem__,
        on_change=chosen,
        width=230,
        label_visibility="collapsed",
    )


def _export(view: View) -> None:
    filtered = bool(view.filters)
    with st.popover("Export", icon=":material/download:"):
        st.markdown("**A report to share**")
        _link(view, "Report (one HTML page)", "report", "html", ":material/description:")
        st.markdown("**Every review, with its sentiment**")
        with st.container(horizontal=True):
            _link(view, "CSV", "served", "csv", ":material/table:")
            _link(view, "Parquet", "served", "parquet", ":material/database:")
        if filtered:
            st.markdown("**Only the matching reviews**")
            with st.container(horizontal=True):
                _link(view, "CSV", "filtered", "csv", ":material/filter_alt:")
                _link(view, "Parquet", "filtered", "parquet", ":material/filter_alt:")
        if view.board.counts.rejected:
            st.markdown("**Rejected rows, with reasons**")
            _link(view, "CSV", "rejected", "csv", ":material/rule:")


def _link(view: View, label: str, what: str, file_format: str, icon: str) -> None:
    parameters = query(view.filters) if what in ("filtered", "report") else {}
    url = session.backend_link(f"/jobs/{view.id}/export", what=what, format=file_format, **parameters)
    st.link_button(label, url, icon=icon, key=f"export-{what}-{file_format}")


def summary(view: View) -> None:
    """Show the key sentences, the figures and the split."""
    if view.board.headline:
        first, *rest = view.board.headline
        listed = "".join(f"<li>{words.html(sentence)}</li>" for sentence in rest)
        with st.container(key="card-headline"):
            st.html(
                f'<p class="rl-lead">{words.html(first)}</p>'
                + (f'<ul class="rl-points">{listed}</ul>' if listed else "")
            )
    if view.board.counts.shown or not view.board.counts.not_judged_shown:
        _figures(view)
    st.html(
        f'<p class="rl-label rl-sum" data-testid="accounting">'
        f"{words.html(_accounting(view.board.counts))}{_rejected_link(view.board.counts)}</p>"
    )
    for warning in view.board.warnings:
        st.caption(f":material/info: {words.escape(warning)}")
    split(view)


def _figures(view: View) -> None:
    counts, split_, stars = view.board.counts, view.board.distribution, view.board.agreement
    below, band = view.board.model.needs_review_below, view.board.model.mixed_band
    with st.container(key="figures"):
        tiles = st.columns(5 if band else 4, gap="small")
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
            figure(words.percent(split_.mean_confidence), "sure", "on average; the file has no ratings to compare with")
    with tiles[3], st.container(key="card-needs-review", height="stretch"):
        figure(
            words.count(split_.needs_review),
            words.percent(split_.needs_review_share),
            ("needs" if split_.needs_review == 1 else "need")
            + " review"
            + (f": less than {words.threshold(below)} sure" if below else ""),
        )
    if band:
        with tiles[4], st.container(key="card-mixed", height="stretch", gap=None):
            _mixed(view, split_)
    if band and view.filters.get("mixed"):
        behind(view, "mixed", _mixed_title, caption=_MIXED_NOTE, sort="confidence")


def _accounting(counts: Counts) -> str:
    return words.accounting(
        counts.read,
        counts.scored,
        counts.duplicate,
        counts.rejected,
        counts.not_judged,
        with_text=counts.rows_with_text,
        texts=counts.texts_read,
    )


def _interval(part: Distribution) -> str:
    if part.low is None or part.high is None:
        return ""
    return f"95 % interval: {words.interval(part.low, part.high)}"


def _mixed(view: View, part: Distribution) -> None:
    """Show how many are mixed, and a button to read them."""
    figure(words.count(part.mixed), words.percent(part.mixed_share), f"mixed: {words.MIXED}")
    if part.mixed and not view.filters.get("mixed"):
        st.button(
            "Read the mixed reviews",
            key="see-mixed",
            type="tertiary",
            icon=":material/arrow_downward:",
            on_click=filters.put,
            args=(view.id, "mixed", {"mixed": True}),
        )


def _mixed_title(total: int) -> str:
    return words.many(total, "mixed review")


def _rejected_link(counts: Counts) -> str:
    return ' · <a href="#rejected" target="_self">see the rejected rows</a>' if counts.rejected else ""


def figure(value: str, unit: str, label: str) -> None:
    """Show one large number with its meaning below."""
    st.html(
        f'<div class="rl-figure">{words.html(value)} <small>{words.html(unit)}</small></div>'
        f'<div class="rl-label">{words.html(label)}</div>'
    )


def split(view: View) -> None:
    """Show positive against negative."""
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
    """A filter by one sentiment; none if both are selected."""
    kinds = {item["sentiment"] for item in items}
    return {"sentiment": kinds.pop()} if len(kinds) == 1 else {}
