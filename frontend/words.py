"""How numbers, times and states are written on every page."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from html import escape as html_escape
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from frontend.api.labels import LANGUAGES

K = TypeVar("K")
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_ADDRESS = re.compile(r"https?(?=:)|www(?=\.)|@", re.IGNORECASE)
NBSP = "\u00a0"
MINUS = "\u2212"

STATES = {
    "queued": "Waiting",
    "running": "Running",
    "cancelling": "Cancelling",
    "interrupted": "Interrupted",
    "succeeded": "Finished",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
Badge = Literal["gray", "blue", "orange", "green", "red"]
STATE_COLOURS: dict[str, Badge] = {
    "queued": "gray",
    "running": "blue",
    "cancelling": "orange",
    "interrupted": "orange",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "gray",
}
STATE_ICONS = {
    "queued": ":material/schedule:",
    "running": ":material/progress_activity:",
    "cancelling": ":material/stop_circle:",
    "interrupted": ":material/pause_circle:",
    "succeeded": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
}
MIXED = "praise and blame together, or neither clearly"
"""Definition of a mixed review."""
UNFINISHED = ("queued", "running", "cancelling", "interrupted")


def count(number: int | float) -> str:
    """12345 -> '12,345'."""
    return f"{int(number):,}"


def many(number: int, singular: str, plural: str | None = None) -> str:
    """(1, 'review') -> '1 review'; (1200, 'review') -> '1,200 reviews'."""
    return f"{count(number)}{NBSP}{singular if number == 1 else plural or singular + 's'}"


def percent(share: float | None, digits: int = 1) -> str:
    """0.942 -> '94.2 %'; None -> 'no data'."""
    return "no data" if share is None else f"{100 * share:.{digits}f}{NBSP}%"


def threshold(share: float) -> str:
    """A threshold, never rounded past a figure near it: 0.905 -> '90.5 %', 0.9 -> '90 %'."""
    return f"{100 * share:.1f}".removesuffix(".0") + f"{NBSP}%"


def sure(confidence: float) -> str:
    """Confidence in words, never 100 %: 0.9991 -> 'over 99 % sure'."""
    return f"over{NBSP}99{NBSP}% sure" if confidence > 0.995 else f"{percent(confidence, 0)} sure"


def points(difference: float) -> str:
    """0.194 -> '+19.4 points' (percentage points), with a true minus sign."""
    return f"{'+' if difference >= 0 else MINUS}{abs(100 * difference):.1f}{NBSP}points"


def half_width(low: float | None, high: float | None) -> str:
    """Half an interval's width in percentage points: '± 0.6'; '' without an interval."""
    return "" if low is None or high is None else f"±{NBSP}{50 * (high - low):.1f}"


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval of shares: '12.3 to 14.5 %'; '' without an interval."""
    return "" if low is None or high is None else f"{100 * low:.1f} to {percent(high)}"


def size(number_of_bytes: int) -> str:
    """1536000 -> '1.5 MB' (decimal units)."""
    value = float(number_of_bytes)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return _short(value) + NBSP + unit
        value /= 1000
    return _short(value) + NBSP + "GB"


def _short(value: float) -> str:
    """At most three digits: 2.0 -> '2', 1.53 -> '1.5', 137.4 -> '137'."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def duration(seconds: float | None) -> str:
    """75 -> '1 min 15 s'; None -> ''."""
    if seconds is None:
        return ""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}{NBSP}min" + (f" {whole % 60}{NBSP}s" if whole % 60 else "")
    minutes = whole % 3600 // 60
    return f"{whole // 3600}{NBSP}h" + (f" {minutes}{NBSP}min" if minutes else "")


def remaining(seconds: float | None) -> str:
    """Time left of a job, rounded."""
    if seconds is None:
        return "estimating the time left"
    if seconds < 5:
        return "a few seconds left"
    if seconds < 90:
        return f"about {max(5, round(seconds / 5) * 5)}{NBSP}s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)}{NBSP}min left"
    return f"about {seconds / 3600:.1f}{NBSP}h left"


def queue_position(position: int | None) -> str:
    """Place in the queue: 1 -> 'next to start', 3 -> 'number 3 in the queue'."""
    return f"number {position} in the queue" if position and position > 1 else "next to start"


def zone(name: str | None) -> tzinfo:
    """The browser's time zone; UTC if it is unknown."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def when(iso: str | None, where: tzinfo, *, now: datetime | None = None) -> str:
    """An ISO time in words: 'today, 14:02', 'yesterday, 09:30', '3 May 2026, 14:02'; '' for none."""
    if not iso:
        return ""
    moment = datetime.fromisoformat(iso)
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(where)
    today = (now or datetime.now(UTC)).astimezone(where).date()
    clock = f"{moment:%H:%M}"
    if moment.date() == today:
        return f"today, {clock}"
    if moment.date() == today - timedelta(days=1):
        return f"yesterday, {clock}"
    return f"{day(moment.date())}, {clock}"


def day(value: date | str) -> str:
    """'2026-05-03' -> '3 May 2026'."""
    value = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{value.day}{NBSP}{value:%b}{NBSP}{value.year}"


def days(first: str, last: str) -> str:
    """Two ISO dates as a span: '3 May 2026 to 8 Jun 2026'; one day if both are the same."""
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def stars(rating: float | None) -> str:
    """4.0 -> '4 stars'; 3.7 -> '3.7 stars'; None -> ''."""
    return "" if rating is None else f"{rating:g}{NBSP}{'star' if rating == 1 else 'stars'}"


def model(version: str, name: str, engine: str) -> str:
    """Short name of a model: its version, else its name, else its engine."""
    return version or name or engine


def accounting(
    read: int, scored: int, duplicate: int, rejected: int, not_judged: int = 0, *, with_text: int, texts: int
) -> str:
    """The sum of all rows: '420 rows read = 396 scored + 14 duplicates + 10 rejected'.

    Where rows have several texts: '42 rows read = 40 rows with 97 texts + 2 rejected; 97 texts = 90 scored + …'.
    """
    parts = f"{count(scored)} scored + {many(duplicate, 'duplicate')}"
    if not_judged:
        parts += f" + {count(not_judged)} not judged"
    if texts == with_text:
        return f"{many(read, 'row')} read = {parts} + {count(rejected)} rejected"
    several = f"{many(with_text, 'row')} with {many(texts, 'text')} + {count(rejected)} rejected"
    return f"{many(read, 'row')} read = {several}; {many(texts, 'text')} = {parts}"


def sentiment(name: str) -> str:
    """'positive' -> 'Positive'; 'not_judged' -> 'Not judged'."""
    return name.replace("_", " ").capitalize()


def language(code: str) -> str:
    """'es' -> 'Spanish'; a code without a name stays."""
    return LANGUAGES.get(code, code)


def reused(scores: int | None) -> str:
    """How many scores came from earlier jobs; '' for none."""
    return f"{many(scores, 'score')} reused from earlier jobs" if scores else ""


def chance(q_value: float) -> str:
    """How likely a difference is real, by its q-value."""
    if q_value < 0.001:
        return "almost certainly real"
    if q_value < 0.01:
        return "very likely real"
    return "likely real"


def distinct(labels: dict[K, str]) -> dict[K, str]:
    """The labels, numbered where one occurs more than once."""
    counts: dict[str, int] = {}
    numbered: dict[K, str] = {}
    for key, label in labels.items():
        counts[label] = counts.get(label, 0) + 1
        numbered[key] = label if counts[label] == 1 else f"{label} ({counts[label]})"
    return numbered


def shown(text: str) -> str:
    """Text without the signs that reorder what follows it on the page (Unicode's embeddings, overrides, isolates)."""
    return _REORDERING.sub("", text)


def escape(text: str) -> str:
    """Text escaped for Markdown, so that nothing in it is formatted, linked or reordered."""
    # Streamlit links bare addresses even when they are escaped; an invisible sign inside them prevents it.
    unlinked = _ADDRESS.sub(lambda match: f"{match[0]}\u2060", shown(text))
    return "".join("\\" + char if char in "\\`*_{}[]()<>#+-.!|~$:^=&" else char for char in unlinked)


def html(text: str) -> str:
    """Text escaped for HTML, without signs that reorder."""
    return html_escape(shown(text))


def cut(text: str, length: int) -> str:
    """At most `length` characters, cut at a word with an ellipsis; without signs that reorder."""
    text = shown(text)
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0].rstrip(",.;:") + " …"
