"""The charts, in Altair. Bars and points can be clicked, and all charts share one set of colours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import altair as alt

from frontend import words
from frontend.api.models import Bin, ConfidenceHistogram, Distribution, OverTime, Term, TimePoint
from frontend.style import Colours

Row = dict[str, Any]
"""One record of a chart's data."""
_AXIS = 52  # pixels for the labels of a vertical axis, so that stacked charts align
_FORMATS = {"day": "%-d %b %Y", "week": "%-d %b %Y", "month": "%b %Y", "quarter": "%b %Y", "year": "%Y"}


def distribution(part: Distribution, look: Colours) -> alt.LayerChart:
    """One bar of two parts; a click selects a sentiment."""
    total = part.count or 1
    share = part.positive / total
    rows = [
        {
            "sentiment": kind,
            "from": start,
            "to": end,
            "reviews": count,
            "share": words.percent(count / total),
            "middle": (start + end) / 2,
            "shown": words.percent(count / total) if end - start > 0.09 else "",
        }
        for kind, count, start, end in (
            ("positive", part.positive, 0.0, share),
            ("negative", part.negative, share, 1.0),
        )
    ]
    picked = alt.selection_point(name="sentiment", fields=["sentiment"], on="click", clear="dblclick")
    base = alt.Chart(_data(rows))
    bar = (
        base.mark_bar(cornerRadius=4, height=44, cursor="pointer", stroke=look.ground, strokeWidth=2)
        .encode(
            x=alt.X("from:Q", axis=None, scale=alt.Scale(domain=[0, 1])),
            x2="to:Q",
            color=_sentiment_colour("sentiment", look),
            opacity=alt.condition(picked, alt.value(1), alt.value(0.35)),
            tooltip=[
                alt.Tooltip("sentiment:N", title="Sentiment"),
                alt.Tooltip("reviews:Q", title="Reviews", format=","),
                alt.Tooltip("share:N", title="Share"),
            ],
        )
        .add_params(picked)
    )
    text = base.mark_text(color=look.ground, fontSize=15, fontWeight=600).encode(x="middle:Q", text="shown:N")
    return alt.layer(bar, text).properties(height=58, background="transparent")


def share_over_time(part: OverTime, look: Colours) -> alt.LayerChart:
    """The positive share of each bucket with its Wilson band; a bucket without reviews is a gap."""
    rows = [_time_row(point) for point in part.points]
    picked = alt.selection_point(name="bucket", fields=["start"], on="click", clear="dblclick", nearest=False)
    base = alt.Chart(_data(rows)).encode(x=_time_axis(part.bucket, rows, labels=False))
    percent = alt.Axis(
        format=".0%", tickCount=5, title=None, minExtent=_AXIS, maxExtent=_AXIS, domain=False, ticks=False
    )
    low, high = _window(rows)
    scale = alt.Scale(domain=[low, high], nice=False, clamp=True)
    band = base.mark_area(color=look.positive, opacity=0.17).encode(
        y=alt.Y("low:Q", axis=percent, scale=scale), y2="high:Q"
    )
    line = base.mark_line(color=look.positive, strokeWidth=2.2).encode(y=alt.Y("share:Q", scale=scale))
    dots = (
        base.mark_circle(color=look.positive, size=70, cursor="pointer", opacity=1, stroke=look.ground, strokeWidth=1.5)
        .encode(
            y=alt.Y("share:Q", scale=scale),
            opacity=alt.condition(picked, alt.value(1), alt.value(0.25)),
            tooltip=_time_tooltip(),
        )
        .add_params(picked)
    )
    return alt.layer(band, line, dots).properties(height=230, background="transparent")


def count_over_time(part: OverTime, look: Colours) -> alt.Chart:
    """The reviews of each bucket, negative below positive; a click selects a bucket."""
    rows = [piece for point in part.points for piece in _stacked(point, _time_row(point))]
    picked = alt.selection_point(name="bucket", fields=["start"], on="click", clear="dblclick")
    counts = alt.Axis(format=",d", tickCount=3, title=None, minExtent=_AXIS, maxExtent=_AXIS, domain=False, ticks=False)
    return (
        alt.Chart(_data(rows))
        .mark_rect(cursor="pointer", stroke=look.ground, strokeWidth=1.5)
        .encode(
            x=_time_axis(part.bucket, rows, labels=True, edge=True),
            x2="right:T",
            y=alt.Y("from:Q", axis=counts, scale=alt.Scale(zero=True)),
            y2="to:Q",
            color=_sentiment_colour("sentiment", look),
            opacity=alt.condition(picked, alt.value(1), alt.value(0.3)),
            tooltip=_time_tooltip(),
        )
        .add_params(picked)
        .properties(height=120, background="transparent")
    )


def shares(rows: list[Row], field: str, look: Colours) -> alt.LayerChart:
    """A bar for each row, positive against negative, with the 95 % interval of the share and the count.

    `rows` are tallies with a `name` to show and, under `field`, the value that a click selects.
    """
    shown = [
        {
            **row,
            "name": row["name"],
            "reviews": row["count"],
            "share": row["positive_share"],
            "end": 1.0,
            "zero": 0.0,
            "count_text": words.count(row["count"]),
            "share_text": words.percent(row["positive_share"], 0),
            "interval": words.interval(row["low"], row["high"]),
        }
        for row in rows
        if row["count"]
    ]
    picked = alt.selection_point(name=field, fields=[field], on="click", clear="dblclick")
    some_mixed = any(row.get("mixed") for row in rows)
    mixed = [alt.Tooltip("mixed:Q", title="Mixed reviews", format=",")] if some_mixed else []
    base = alt.Chart(_data(shown)).encode(
        y=alt.Y(
            "name:N",
            sort=[row["name"] for row in shown],
            axis=alt.Axis(title=None, labelLimit=190, domain=False, ticks=False, labelPadding=8),
        ),
        opacity=alt.condition(picked, alt.value(1), alt.value(0.35)),
        tooltip=[
            alt.Tooltip("name:N", title="Name"),
            alt.Tooltip("reviews:Q", title="Reviews", format=","),
            alt.Tooltip("share:Q", title="Positive", format=".1%"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("positive:Q", title="Positive reviews", format=","),
            alt.Tooltip("negative:Q", title="Negative reviews", format=","),
            *mixed,
        ],
    )
    axis = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], title=None, domain=False, ticks=False, grid=False)
    across = alt.Scale(domain=[0, 1.13], nice=False)
    good = (
        base.mark_bar(color=look.positive, height=19, cornerRadiusTopLeft=3, cornerRadiusBottomLeft=3, cursor="pointer")
        .encode(x=alt.X("zero:Q", axis=axis, scale=across), x2="share:Q")
        .add_params(picked)
    )
    bad = base.mark_bar(
        color=look.negative, height=19, cornerRadiusTopRight=3, cornerRadiusBottomRight=3, cursor="pointer"
    ).encode(x=alt.X("share:Q", axis=axis, scale=across), x2="end:Q")
    sure = base.mark_rule(color=look.ink, strokeWidth=2).encode(x=alt.X("low:Q", scale=across), x2="high:Q")
    inside = (
        base.transform_filter("datum.low >= 0.13")
        .mark_text(align="left", dx=7, color=look.ground, fontSize=12, fontWeight=600)
        .encode(x=alt.X("zero:Q", scale=across), text="share_text:N")
    )
    counts = base.mark_text(align="left", dx=7, color=look.quiet, fontSize=12).encode(
        x=alt.X("end:Q", scale=across), text="count_text:N"
    )
    return alt.layer(good, bad, sure, inside, counts).properties(height=30 * len(shown) + 54, background="transparent")


def terms(terms_: list[Term], kind: str, look: Colours) -> alt.LayerChart:
    """The words most typical of one sentiment, by strength; a click selects a word."""
    shown = [
        {
            **term.model_dump(),
            "strength": abs(term.z),
            "text": f"{words.percent(_own(term, kind) / term.reviews, 0)} of {words.count(term.reviews)}",
        }
        for term in sorted(terms_, key=lambda term: -abs(term.z))
    ]
    longest = max((row["strength"] for row in shown), default=1)
    picked = alt.selection_point(name="term", fields=["term"], on="click", clear="dblclick")
    across = alt.Scale(domain=[0, longest * 1.42], nice=False)
    base = alt.Chart(_data(shown)).encode(
        y=alt.Y(
            "term:N",
            sort=[row["term"] for row in shown],
            axis=alt.Axis(title=None, labelLimit=170, domain=False, ticks=False, labelPadding=8, labelFontSize=13),
        ),
        x=alt.X("strength:Q", axis=None, scale=across),
        opacity=alt.condition(picked, alt.value(1), alt.value(0.35)),
        tooltip=[
            alt.Tooltip("term:N", title="Word or phrase"),
            alt.Tooltip("reviews:Q", title="Reviews with it", format=","),
            alt.Tooltip("positive_reviews:Q", title="Positive", format=","),
            alt.Tooltip("negative_reviews:Q", title="Negative", format=","),
            alt.Tooltip("strength:Q", title="Strength (z)", format=".1f"),
        ],
    )
    bars = base.mark_bar(color=getattr(look, kind), height=17, cornerRadiusEnd=3, cursor="pointer").add_params(picked)
    text = base.mark_text(align="left", dx=6, color=look.quiet, fontSize=12).encode(text="text:N")
    return alt.layer(bars, text).properties(height=max(26 * len(shown), 60), background="transparent")


def _own(term: Term, kind: str) -> int:
    return term.positive_reviews if kind == "positive" else term.negative_reviews


def dumbbell(rows: list[Row], field: str, look: Colours) -> alt.LayerChart:
    """Changes from the earlier period (ring) to the later one (dot); a click selects a row.

    `rows`: name, earlier and later (shares), good (whether the change is an improvement), and texts for the tooltip.
    """
    picked = alt.selection_point(name=field, fields=[field], on="click", clear="dblclick")
    top = max([row["earlier"] for row in rows] + [row["later"] for row in rows] + [0.0])
    axis = alt.Axis(format=".0%" if top > 0.04 else ".1%", tickCount=5, title=None, domain=False, ticks=False)
    across = alt.Scale(zero=field == "term", nice=True)
    colour = alt.Color(
        "good:N", legend=None, scale=alt.Scale(domain=[True, False], range=[look.positive, look.negative])
    )
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y(
            "name:N",
            sort=[row["name"] for row in rows],
            axis=alt.Axis(title=None, labelLimit=170, domain=False, ticks=False, labelPadding=8, grid=True),
        ),
        opacity=alt.condition(picked, alt.value(1), alt.value(0.3)),
        tooltip=[
            alt.Tooltip("name:N", title="Name"),
            alt.Tooltip("before:N", title="Earlier"),
            alt.Tooltip("after:N", title="Later"),
            alt.Tooltip("change:N", title="Change"),
            alt.Tooltip("sure:N", title="95 % interval"),
            alt.Tooltip("verdict:N", title="Certainty"),
        ],
    )
    line = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("earlier:Q", axis=axis, scale=across), x2="later:Q", color=colour
    )
    ring = base.mark_circle(size=90, fill=look.ground, strokeWidth=2, opacity=1).encode(
        x=alt.X("earlier:Q", scale=across), stroke=colour
    )
    dot = (
        base.mark_circle(size=150, opacity=1, cursor="pointer")
        .encode(x=alt.X("later:Q", scale=across), color=colour)
        .add_params(picked)
    )
    return alt.layer(line, ring, dot).properties(height=32 * len(rows) + 56, background="transparent")


def histogram(part: ConfidenceHistogram, look: Colours) -> alt.LayerChart:
    """Reviews by confidence; a click selects a bar."""
    rows = [
        piece
        for item in part.bins
        for piece in _stacked(
            item,
            {
                "low": item.low,
                "high": item.high,
                "bin": f"{item.low:.4f}",
                "span": f"{100 * item.low:.0f}–{words.percent(item.high, 0)}",
            },
        )
    ]
    picked = alt.selection_point(name="bin", fields=["bin"], on="click", clear="dblclick")
    left = min((row["low"] for row in rows), default=0.5)
    across = alt.Scale(domain=[left, 1], nice=False)
    below = alt.Axis(format=".0%", title="The model's confidence", tickCount=6, grid=False)
    bars = (
        alt.Chart(_data(rows))
        .mark_rect(cursor="pointer", stroke=look.ground, strokeWidth=1.5)
        .encode(
            x=alt.X("low:Q", axis=below, scale=across),
            x2="high:Q",
            y=alt.Y("from:Q", axis=alt.Axis(title=None, tickCount=4, format=",d", domain=False, ticks=False)),
            y2="to:Q",
            color=_sentiment_colour("sentiment", look),
            opacity=alt.condition(picked, alt.value(1), alt.value(0.3)),
            tooltip=[
                alt.Tooltip("span:N", title="Confidence"),
                alt.Tooltip("positive:Q", title="Positive reviews", format=","),
                alt.Tooltip("negative:Q", title="Negative reviews", format=","),
            ],
        )
        .add_params(picked)
    )
    border = part.needs_review_below
    layers: list[Any] = [bars]
    if border and left < border < 1:
        right = border < left + 0.5 * (1 - left)  # on the side with more space
        here = alt.Chart(_data([{"at": border, "text": f"needs review below {words.threshold(border)}"}]))
        layers.append(
            here.mark_rule(color=look.ink, strokeDash=[4, 3], strokeWidth=1.4).encode(x=alt.X("at:Q", scale=across))
        )
        layers.append(
            here.mark_text(
                align="left" if right else "right",
                baseline="top",
                dx=6 if right else -6,
                color=look.quiet,
                fontSize=12,
            ).encode(x=alt.X("at:Q", scale=across), y=alt.value(2), text="text:N")
        )
    return alt.layer(*layers).properties(height=290, background="transparent")


def _data(rows: list[Row]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _stacked(tally: TimePoint | Bin, row: Row) -> list[Row]:
    """The two parts of a bar, negative below positive, each with its lower and upper end."""
    low, all_ = tally.negative, tally.negative + tally.positive
    both = {**row, "positive": tally.positive, "negative": low}
    return [
        {**both, "sentiment": "negative", "from": 0, "to": low},
        {**both, "sentiment": "positive", "from": low, "to": all_},
    ]


def _sentiment_colour(field: str, look: Colours) -> alt.Color:
    return alt.Color(
        f"{field}:N",
        legend=None,
        scale=alt.Scale(domain=["positive", "negative"], range=[look.positive, look.negative]),
    )


def _time_row(point: TimePoint) -> Row:
    first, last = point.start, point.end + timedelta(days=1)
    middle = datetime(first.year, first.month, first.day, tzinfo=UTC) + (last - first) / 2
    return {
        "start": point.start.isoformat(),
        "left": f"{first}T00:00:00Z",
        "right": f"{last}T00:00:00Z",
        "middle": middle.isoformat(),
        "label": point.label,
        "count": point.count,
        "share": point.positive_share,
        "low": point.low,
        "high": point.high,
        "positive": point.positive,
        "negative": point.negative,
        "interval": words.interval(point.low, point.high),
    }


def _time_axis(bucket: str, rows: list[Row], *, labels: bool, edge: bool = False) -> alt.X:
    scale = alt.Scale(type="utc", domain=[rows[0]["left"], rows[-1]["right"]], nice=False)
    starts = sorted({str(row["start"]) for row in rows})
    axis = alt.Axis(
        format=_FORMATS[bucket],
        title=None,
        labels=labels,
        ticks=labels,
        grid=False,
        values=[_moment(start) for start in starts[:: -(-len(starts) // 12)]],
        labelOverlap=True,
    )
    return alt.X(f"{'left' if edge else 'middle'}:T", scale=scale, axis=axis)


def _moment(day: str) -> alt.DateTime:
    start = date.fromisoformat(day)
    return alt.DateTime(year=start.year, month=start.month, date=start.day, utc=True)


def _time_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="When"),
        alt.Tooltip("share:Q", title="Positive", format=".1%"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("count:Q", title="Reviews", format=","),
        alt.Tooltip("positive:Q", title="Positive reviews", format=","),
        alt.Tooltip("negative:Q", title="Negative reviews", format=","),
    ]


def _window(rows: list[Row]) -> tuple[float, float]:
    """The range of the bands within 0 to 1, rounded outwards to tenths, at least three tenths wide."""
    lows = [row["low"] for row in rows if row["low"] is not None] or [0.0]
    highs = [row["high"] for row in rows if row["high"] is not None] or [1.0]
    low, high = int(min(lows) * 10) / 10, -int(-max(highs) * 10 // 1) / 10
    if high - low < 0.3:
        low = max(0.0, high - 0.3)
    return low, min(1.0, max(high, low + 0.3))
