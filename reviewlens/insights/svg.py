"""The report's charts as inline SVG, without scripts or requests; the page's style sets the colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from reviewlens.insights.models import ConfidenceHistogram, OverTime, Tally, TimePoint
from reviewlens.insights.plain import percent

_WIDTH, _LEFT, _RIGHT = 920, 46, 10


def _element(tag: str, *inside: str, css: str = "", **attributes: float | str) -> Markup:
    """One element. Text and attribute values are escaped; an underscore in a name becomes a hyphen."""
    if css:
        attributes["class"] = css
    written = Markup("").join(
        Markup(' {}="{}"').format(name.replace("_", "-"), round(value, 1) if isinstance(value, float) else value)
        for name, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(tag, written, Markup("").join(inside), tag)


def _picture(width: int, height: int, label: str, parts: Iterable[Markup]) -> Markup:
    return _element(
        "svg", *parts, viewBox=f"0 0 {width} {height}", role="img", aria_label=label, xmlns="http://www.w3.org/2000/svg"
    )


def _line(css: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return _element("line", css=css, x1=x1, y1=y1, x2=x2, y2=y2)


def _tick(x: float, y: float, text: str, anchor: str = "end") -> Markup:
    return _element("text", text, css="tick", x=x, y=y, text_anchor=anchor)


def time_chart(section: OverTime) -> Markup:
    """Positive share as a line with its interval, gaps for empty buckets, and the number of reviews below."""
    points = section.points
    top, bottom, bars_top, bars_bottom = 12, 190, 206, 246
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(points))

    def x(index: int) -> float:
        return round(_LEFT + step * (index + 0.5), 1)

    def y(share: float | None) -> float:
        return round(bottom - (share or 0.0) * (bottom - top), 1)

    parts: list[Markup] = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [
            _line("grid", _LEFT, y(share), _WIDTH - _RIGHT, y(share)),
            _tick(_LEFT - 6, y(share) + 4, f"{share:.0%}"),
        ]
    for run in _runs(points):
        upper = [f"{x(i)},{y(points[i].high)}" for i in run]
        lower = [f"{x(i)},{y(points[i].low)}" for i in reversed(run)]
        if len(run) > 1:
            line = " ".join(f"{x(i)},{y(points[i].positive_share)}" for i in run)
            parts.append(_element("polygon", css="band", points=" ".join(upper + lower)))
            parts.append(_element("polyline", css="line", points=line))
        else:
            parts.append(_line("whisker", x(run[0]), y(points[run[0]].low), x(run[0]), y(points[run[0]].high)))
    most = max((point.count for point in points), default=1) or 1
    radius = 3.2 if len(points) <= 60 else 1.6
    for i, point in enumerate(points):
        if point.positive_share is None:
            continue
        tip = _element("title", f"{point.label}: {percent(point.positive_share)} of {point.count:,} positive")
        parts.append(_element("circle", tip, css="dot", cx=x(i), cy=y(point.positive_share), r=radius))
        tall = max(1.0, (bars_bottom - bars_top) * point.count / most)
        left, wide = x(i) - step * 0.36, step * 0.72
        parts.append(_element("rect", tip, css="volume", x=left, y=bars_bottom - tall, width=wide, height=tall))
    every = max(1, -(-len(points) // 12))
    parts += [_tick(x(i), 264, points[i].label, "middle") for i in range(0, len(points), every)]
    parts.append(_tick(_LEFT - 6, bars_top + 8, f"{most:,}"))
    return _picture(_WIDTH, 270, "Share of positive reviews over time, with the number of reviews below", parts)


def _runs(points: Sequence[TimePoint]) -> list[list[int]]:
    """Indices of consecutive buckets that have reviews."""
    runs: list[list[int]] = []
    for index, point in enumerate(points):
        if point.positive_share is None:
            continue
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def interval_chart(tally: Tally, overall: float | None) -> Markup:
    """A dot with its 95 % interval on a line from 0 to 100 %; a tick marks the share of all reviews."""
    if tally.positive_share is None or tally.low is None or tally.high is None:
        return Markup("")

    def x(share: float) -> float:
        return round(4 + 292 * share, 1)

    parts = [_line("grid", 4, 11, 296, 11)]
    if overall is not None:
        parts.append(_line("mark", x(overall), 2, x(overall), 20))
    parts.append(_line("whisker", x(tally.low), 11, x(tally.high), 11))
    parts.append(_element("circle", css="dot", cx=x(tally.positive_share), cy=11, r=4.5))
    label = f"{percent(tally.positive_share)} positive, between {percent(tally.low)} and {percent(tally.high)}"
    return _picture(300, 22, label, parts)


def histogram_chart(section: ConfidenceHistogram) -> Markup:
    """Stacked bars of confidence; reviews below the dashed line need review."""
    bins = section.bins
    top, bottom, right = 10, 150, _WIDTH - _RIGHT
    step = (right - _LEFT) / max(1, len(bins))
    most = max((part.count for part in bins), default=1) or 1
    parts = [
        _line("grid", _LEFT, bottom, right, bottom),
        _tick(_LEFT - 6, top + 8, f"{most:,}"),
        _tick(_LEFT - 6, bottom, "0"),
        _tick(right, bottom + 18, "100%"),
    ]
    for index, part in enumerate(bins):
        left, base = _LEFT + step * index, float(bottom)
        tip = _element("title", f"{part.low:.0%} to {part.high:.0%}: {part.count:,} ({part.positive:,} positive)")
        for css, count in (("pos", part.positive), ("neg", part.negative)):
            tall = (bottom - top) * count / most
            base -= tall
            parts.append(_element("rect", tip, css=css, x=left + 2, y=base, width=step - 4, height=tall))
        parts.append(_tick(left, bottom + 18, f"{part.low:.0%}", "middle"))
    below = section.needs_review_below
    if below is not None and bins and bins[0].low < below < 1:
        at = _LEFT + (below - bins[0].low) / (1 - bins[0].low) * (right - _LEFT)
        parts.append(_line("mark", at, top, at, bottom))
    return _picture(_WIDTH, 176, "How many reviews have which confidence", parts)
