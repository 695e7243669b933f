"""Parses dates as people write them, with one format per column, independent of the machine's locale."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from reviewlens.contracts.tables import DateFormat
from reviewlens.reviews.ratings import parse_rating

__all__ = ["detect_date_format", "parse_date", "parse_rating"]

Order = Literal["year_first", "month_first", "day_first"]

_MIN_SHARE = 0.8  # of the filled values must fit a format
_MIN_SHARE_NAMED = 0.5  # in a column whose name says that it contains dates
_NEWEST_YEAR = 2100

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier januar enero gennaio janeiro januari ene gen janv",
            "february feb fevrier februar febrero febbraio fevereiro februari fev fevr",
            "march mar mars marz marzo marco maart mrz mrt",
            "april apr avril abril aprile avr abr",
            "may mai mayo maggio maio mei mag",
            "june jun juin juni junio giugno junho giu",
            "july jul juillet juli julio luglio julho juil lug",
            "august aug aout agosto augustus ago",
            "september sep sept septembre septiembre settembre setembro set",
            "october oct octobre oktober octubre ottobre outubro okt ott out",
            "november nov novembre noviembre novembro",
            "december dec decembre dezember diciembre dicembre dezembro dez dic",
        ),
        start=1,
    )
    for name in names.split()
}
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?\Z")
_ISO_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)\Z")
_NUMERIC = re.compile(r"(\d{1,4})\s*[-/. ]\s*(\d{1,2})\s*[-/., ]\s*(\d{1,4})(?:[,T ]+\d{1,2}:\d{2}.*)?\Z")
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_CLOCK = re.compile(r"[T ,]*\b\d{1,2}:\d{2}.*\Z")
_RELATIVE = re.compile(r"\b(?:second|minute|hour|day|week|month|year)s?\s+ago\b", re.IGNORECASE)
_WHOLE = re.compile(r"\d{8,17}(?:\.0*)?\Z")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?\Z")


def parse_date(raw: str, form: DateFormat) -> date | None:
    """Parse a date in this format, in the value's own time zone (epochs: UTC); None if it does not fit."""
    text = raw.strip()
    if not text:
        return None
    try:
        return _PARSERS[form.kind](text, form.order)
    except (ValueError, OverflowError, OSError):
        return None


def detect_date_format(values: Iterable[str], *, named: bool = True) -> DateFormat | None:
    """Return the format that fits a column: half of its filled values if it is `named`, else four fifths; else None.

    `ambiguous` is set if both orders of day and month fit every value; the order is then month first for '/', else day
    first. `named`: the column's name says that it contains dates; otherwise spreadsheet serials count as numbers.
    """
    filled = [value.strip() for value in values if value.strip()]
    if not filled:
        return None
    min_matches = max(1.0, (_MIN_SHARE_NAMED if named else _MIN_SHARE) * len(filled))

    def count_matches(form: DateFormat) -> int:
        return sum(parse_date(value, form) is not None for value in filled)

    for kind in ("iso", "epoch_seconds", "epoch_milliseconds", "named_month", "month_year"):
        form = DateFormat(kind=kind, order="year_first" if kind == "iso" else "day_first")
        if count_matches(form) >= min_matches:
            return form
    matches: dict[Order, int] = {order: count_matches(DateFormat(kind="numeric", order=order)) for order in _ORDERS}
    best = max(matches.values())
    if best >= min_matches:
        if matches["year_first"] == best:
            return DateFormat(kind="numeric", order="year_first")
        if matches["month_first"] == matches["day_first"]:
            slashed = sum("/" in value for value in filled) * 2 > len(filled)
            same = all(parse_date(value, _MONTH_FIRST) == parse_date(value, _DAY_FIRST) for value in filled)
            return DateFormat(kind="numeric", order="month_first" if slashed else "day_first", ambiguous=not same)
        return _MONTH_FIRST if matches["month_first"] == best else _DAY_FIRST
    serial = DateFormat(kind="excel_serial")
    return serial if named and count_matches(serial) >= min_matches else None


_ORDERS: tuple[Order, ...] = ("year_first", "month_first", "day_first")
_MONTH_FIRST = DateFormat(kind="numeric", order="month_first")
_DAY_FIRST = DateFormat(kind="numeric", order="day_first")


def _plausible(day: date) -> date | None:
    return day if 1900 <= day.year < _NEWEST_YEAR else None


def _epoch(factor: int) -> Callable[[str, str], date | None]:
    def parse(text: str, _order: str) -> date | None:
        if not _WHOLE.match(text):
            return None
        day = datetime.fromtimestamp(float(text) / factor, UTC).date()
        return day if 1995 <= day.year < _NEWEST_YEAR else None

    return parse


def _iso(text: str, _order: str) -> date | None:
    match = _ISO.match(text) or _ISO_COMPACT.match(text)
    return _plausible(date(int(match[1]), int(match[2]), int(match[3]))) if match else None


def _year(text: str) -> int:
    """Parse a year of two or four digits; 69 to 99 mean 1969 to 1999, as in POSIX."""
    number = int(text)
    if len(text) == 2:
        return number + (1900 if number >= 69 else 2000)
    if len(text) != 4:
        raise ValueError(text)
    return number


def _numeric(text: str, order: str) -> date | None:
    match = _NUMERIC.match(text)
    if not match:
        return None
    first, second, third = match.groups()
    if order == "year_first":
        return _plausible(date(_year(first), int(second), int(third))) if len(first) == 4 else None
    if len(first) > 2:
        return None
    day, month = (first, second) if order == "day_first" else (second, first)
    return _plausible(date(_year(third), int(month), int(day)))


def _month(word: str) -> int | None:
    plain = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    return _MONTHS.get(plain)


def _split(text: str) -> tuple[int | None, list[str]]:
    """Return the month and the numbers of a date whose month is a word; ignores other words and the time of day."""
    if _RELATIVE.search(text):  # in '5 months ago', 'ago' is not the Spanish abbreviation of August
        return None, []
    words = _WORDS.findall(_CLOCK.sub("", text))
    months = [month for word in words if not word[0].isdigit() and (month := _month(word))]
    return (months[-1] if months else None), [word for word in words if word[0].isdigit()]


def _named_month(text: str, _order: str) -> date | None:
    if len(text) > 80:
        return None
    month, numbers = _split(text)
    if month is None or len(numbers) < 2:
        # 'Fri Jul 31 10:00:00 +0000 2018': the year follows the time of day
        match = re.match(r"\w{3} (\w{3}) (\d{1,2}) [\d:]{8} .*?(\d{4})\Z", text)
        if not match or not (month := _month(match[1])):
            return None
        numbers = [match[2], match[3]]
    if len(numbers) != 2:
        return None
    first, second = numbers
    day, year = (second, first) if len(first) == 4 else (first, second)
    return _plausible(date(_year(year), month, int(day))) if len(day) <= 2 else None


def _month_year(text: str, _order: str) -> date | None:
    if len(text) > 80:
        return None
    month, numbers = _split(text)
    if month is None:
        match = re.match(r"(?:(\d{4})[-/.](\d{1,2})|(\d{1,2})[-/.](\d{4}))\Z", text)
        if not match:
            return None
        year, number = (match[1], match[2]) if match[1] else (match[4], match[3])
        return _plausible(date(int(year), int(number), 1))
    return _plausible(date(_year(numbers[0]), month, 1)) if len(numbers) == 1 and len(numbers[0]) in (2, 4) else None


def _excel_serial(text: str, _order: str) -> date | None:
    """Parse days since 1899-12-30, which is correct for serials from March 1900 on."""
    return date(1899, 12, 30) + timedelta(days=int(float(text))) if _SERIAL.match(text) else None


_PARSERS: dict[str, Callable[[str, str], date | None]] = {
    "epoch_seconds": _epoch(1),
    "epoch_milliseconds": _epoch(1000),
    "iso": _iso,
    "numeric": _numeric,
    "named_month": _named_month,
    "month_year": _month_year,
    "excel_serial": _excel_serial,
}
