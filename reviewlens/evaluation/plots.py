"""The plots of the evaluation report as inline SVG: no script, no requests, colours from the page's style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

Row = Mapping[str, Any]

_SIDE = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 338, 26, 318


def reliability_diagram(bins: Sequence[Row]) -> Markup:
    """Accuracy against confidence; the dashed diagonal is perfect calibration, the size of a dot its texts."""
    most = max((int(row["texts"]) for row in bins), default=1) or 1
    parts = [*_square(0.5, 0.0, "confidence", "share that is right"), _line("mark", _x(0.5), _y(0.5), _x(1), _y(1))]
    shown = [row for row in bins if row["texts"]]
    points = [(_x(row["confidence"], 0.5), _y(row["accuracy"])) for row in shown]
    parts.append(_element("polyline", css="line thin", points=" ".join(f"{x},{y}" for x, y in points)))
    for row, (x, y) in zip(shown, points, strict=True):
        title = f"{row['texts']:,} texts: {row['confidence']:.1%} sure on average, {row['accuracy']:.1%} right"
        radius = round(2.5 + 6 * (row["texts"] / most) ** 0.5, 1)
        parts.append(_element("circle", _element("title", title), css="dot", cx=x, cy=y, r=radius))
    return _picture(_SIDE, _SIDE, "Share of right answers against confidence", parts)


def risk_coverage_curve(curve: Sequence[Row], kept: float | None) -> Markup:
    """Accuracy over the most confident share of the reviews; the dashed line is the share that needs no review."""
    worst = min((float(point["accuracy"]) for point in curve), default=0.5)
    floor = max(0.0, min(0.9, int(worst * 20) / 20))

    def y(accuracy: float) -> float:
        return round(_BOTTOM - (accuracy - floor) / (1 - floor) * (_BOTTOM - _TOP), 1)

    parts = _square(0.0, floor, "share of the reviews, the surest first", "accuracy")
    points = " ".join(f"{_x(point['coverage'], 0.0)},{y(point['accuracy'])}" for point in curve)
    parts.append(_element("polyline", css="line", points=points))
    if kept is not None:
        parts.append(_line("mark", _x(kept, 0.0), _TOP, _x(kept, 0.0), _BOTTOM))
    for point in curve[:: max(1, len(curve) // 10)]:
        title = f"the surest {point['coverage']:.0%}: {point['accuracy']:.2%} right"
        at = {"cx": _x(point["coverage"], 0.0), "cy": y(point["accuracy"])}
        parts.append(_element("circle", _element("title", title), css="dot", r=3, **at))
    return _picture(_SIDE, _SIDE, "Accuracy over the most confident share of the reviews", parts)


def confusion_matrix(counts: Mapping[str, int]) -> Markup:
    """Two by two: labels (rows) and predictions (columns), shaded by share of the row."""
    cells = [
        [("positive, called positive", "true_positive"), ("positive, called negative", "false_negative")],
        [("negative, called positive", "false_positive"), ("negative, called negative", "true_negative")],
    ]
    parts = [
        _text("tick", 165, 20, "called positive", "middle"),
        _text("tick", 285, 20, "called negative", "middle"),
        _text("tick", 98, 85, "is positive", "end"),
        _text("tick", 98, 185, "is negative", "end"),
    ]
    for row, line in enumerate(cells):
        total = sum(counts[name] for _, name in line) or 1
        for column, (meaning, name) in enumerate(line):
            share = counts[name] / total
            x, y = 106 + 120 * column, 32 + 100 * row
            title = _element("title", f"{meaning}: {counts[name]:,}")
            css = "good" if row == column else "wrong"
            parts.append(_element("rect", css="frame", x=x, y=y, width=116, height=96))
            parts.append(_element("rect", title, css=css, x=x, y=y, width=116, height=96, opacity=f"{share:.3f}"))
            parts.append(_text("count", x + 58, y + 46, f"{counts[name]:,}", "middle"))
            parts.append(_text("tick", x + 58, y + 66, f"{share:.1%} of the row", "middle"))
    return _picture(_SIDE, 240, "Confusion matrix", parts)


def interval_bars(rows: Sequence[Row], overall: float) -> Markup:
    """A bar of accuracy for each group, with its 95 % interval; the dashed line is the accuracy over all texts."""
    lows = [row["intervals"]["accuracy"][0] for row in rows if row["intervals"]["accuracy"]]
    floor = max(0.0, int(min([*lows, overall]) * 10) / 10 - 0.1)
    left, right, height = 230, 690, 28

    def x(share: float) -> float:
        return round(left + (share - floor) / (1 - floor) * (right - left), 1)

    bottom = 8 + height * len(rows)
    parts: list[Markup] = []
    for share in (floor, (floor + 1) / 2, 1.0):
        parts += [_line("grid", x(share), 4, x(share), bottom)]
        parts += [_text("tick", x(share), bottom + 16, f"{share:.0%}", "middle")]
    for index, row in enumerate(rows):
        middle = 8 + height * index + height / 2
        low, high = row["intervals"]["accuracy"] or (row["accuracy"], row["accuracy"])
        title = f"{row['group']}: {row['accuracy']:.1%} of {row['texts']:,}, between {low:.1%} and {high:.1%}"
        wide = max(0.0, x(row["accuracy"]) - left)
        parts.append(_text("tick", left - 8, middle + 4, _short(str(row["group"])), "end"))
        parts.append(_element("rect", _element("title", title), css="bar", x=left, y=middle - 8, width=wide, height=16))
        parts.append(_line("whisker", x(low), middle, x(high), middle))
        parts.append(_text("tick", right + 8, middle + 4, f"{row['accuracy']:.1%} of {row['texts']:,}", "start"))
    parts.append(_line("mark", x(overall), 4, x(overall), bottom))
    return _picture(800, bottom + 24, "Accuracy by group, with 95 % intervals", parts)


def _square(left: float, bottom: float, across: str, up: str) -> list[Markup]:
    """Axes of a square plot from (left, bottom) to (1, 1)."""
    parts: list[Markup] = []
    for step in range(6):
        x, y = left + (1 - left) * step / 5, bottom + (1 - bottom) * step / 5
        at_y = round(_BOTTOM - step / 5 * (_BOTTOM - _TOP), 1)
        parts += [_line("grid", _LEFT, at_y, _RIGHT, at_y), _text("tick", _LEFT - 6, at_y + 4, f"{y:.0%}", "end")]
        parts.append(_text("tick", _x(x, left), _BOTTOM + 16, f"{x:.0%}", "middle"))
    parts.append(_text("tick", (_LEFT + _RIGHT) / 2, _SIDE - 8, across, "middle"))
    parts.append(_text("tick", _LEFT, 14, up, "start"))
    return parts


def _x(value: float, left: float = 0.5) -> float:
    return round(_LEFT + (value - left) / (1 - left) * (_RIGHT - _LEFT), 1)


def _y(value: float) -> float:
    return round(_BOTTOM - value * (_BOTTOM - _TOP), 1)


def _short(name: str) -> str:
    return name if len(name) <= 32 else name[:31] + "…"


def _element(tag: str, *inside: str, css: str = "", **attributes: float | str) -> Markup:
    """One element; text and attribute values are escaped, and `text_anchor` becomes text-anchor."""
    if css:
        attributes["class"] = css
    attribute_text = Markup("").join(
        Markup(' {}="{}"').format(name.replace("_", "-"), round(value, 1) if isinstance(value, float) else value)
        for name, value in attributes.items()
    )
    return Markup("<{}{}>{}</{}>").format(tag, attribute_text, Markup("").join(inside), tag)


def _picture(width: int, height: float, label: str, parts: Iterable[Markup]) -> Markup:
    return _element("svg", *parts, viewBox=f"0 0 {width} {height:g}", role="img", aria_label=label)


def _line(css: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return _element("line", css=css, x1=x1, y1=y1, x2=x2, y2=y2)


def _text(css: str, x: float, y: float, text: str, anchor: str) -> Markup:
    return _element("text", text, css=css, x=x, y=y, text_anchor=anchor)
