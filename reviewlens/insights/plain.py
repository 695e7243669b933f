"""Numbers, dates and shares in words."""

from __future__ import annotations

from datetime import date as Date

from reviewlens.contracts.summary import Accounting
from reviewlens.insights.models import Bucket

MIXED = "praise and blame together, or neither clearly"
"""What a mixed review is."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day(value: Date) -> str:
    """5 Mar 2026."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def bucket_label(start: Date, bucket: Bucket) -> str:
    """The label of the bucket that begins at `start`."""
    if bucket == "year":
        return str(start.year)
    if bucket == "quarter":
        return f"Q{(start.month + 2) // 3} {start.year}"
    if bucket == "month":
        return f"{_MONTHS[start.month - 1]} {start.year}"
    return f"Week of {day(start)}" if bucket == "week" else day(start)


def number(count: int, noun: str, plural: str = "") -> str:
    """1 review, 1,200 reviews."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def accounting(counts: Accounting) -> str:
    """The sum of all rows: 420 rows read = 396 scored + 14 duplicates + 10 rejected; with texts, if rows have several.

    42 rows read = 40 rows with 97 texts + 2 rejected; 97 texts = 90 scored + 7 duplicates.
    """
    texts = f"{counts.scored:,} scored + {number(counts.duplicate, 'duplicate')}"
    if counts.not_judged:
        texts += f" + {counts.not_judged:,} not judged"
    read = f"{number(counts.read, 'row')} read"
    if counts.texts_read == counts.rows_with_text:
        return f"{read} = {texts} + {counts.rejected:,} rejected"
    several = f"{number(counts.rows_with_text, 'row')} with {number(counts.texts_read, 'text')}"
    return f"{read} = {several} + {counts.rejected:,} rejected; {number(counts.texts_read, 'text')} = {texts}"


def percent(share: float, of: int = 0) -> str:
    """A share as a percentage, with a decimal if `of` reviews are enough; never rounded to 0 or 100."""
    places = 1 if of >= 2000 else 0
    text = f"{100 * share:.{places}f}"
    if share < 1 and float(text) == 100:
        text = "over 99.9" if places else "over 99"
    elif share > 0 and float(text) == 0:
        text = "under 0.1" if places else "under 1"
    return f"{text} %"


def points(difference: float) -> str:
    """The difference of two shares in percentage points, without its sign."""
    rounded = round(100 * abs(difference))
    return f"{rounded} percentage point" + ("" if rounded == 1 else "s")


def signed(difference: float, places: int = 0) -> str:
    """The difference of two shares in percentage points, with its sign: +4, -12, 0."""
    rounded = round(100 * difference, places)
    return f"{rounded:+.{places}f}" if rounded else "0"


def listing(items: list[str]) -> str:
    """a, b and c."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def quoted(terms: list[str]) -> str:
    """“a”, “b” and “c”."""
    return listing([f"“{term}”" for term in terms])
