"""Parses dates as people write them, with the formats of a column, independent of the machine's locale."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from reviewlens.contracts.tables import DateFormat, DateKind
from reviewlens.reviews import date_words as in_words
from reviewlens.reviews.placeholders import is_placeholder
from reviewlens.reviews.ratings import parse_rating

__all__ = ["date_parser", "detect_date_format", "parse_date", "parse_rating"]

Order = Literal["year_first", "month_first", "day_first"]

_MIN_SHARE = 0.8  # of the filled values must fit a format
_MIN_SHARE_NAMED = 0.5  # in a column whose name says that it contains dates
_MIN_SHARE_WORDS = 0.02  # a kind of date that numbers or prose could be mistaken for needs this share of the values
_NEWEST_YEAR = 2100
_TRIED_TEXTS = 60
_TRIED_IN_VAIN = 8

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
_EAST_ASIAN = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월](?:\s*(\d{1,2})\s*[日号號일])?")
_QUARTER = re.compile(r"[QT]([1-4])[\s/'’-]*((?:\d\d)?\d\d)\Z|(\d{4})[\s/-]*[QT]([1-4])\Z", re.IGNORECASE)
_YEAR = re.compile(r"(?:19[5-9]\d|20\d\d)(?:\.0*)?\Z")
_WHOLE = re.compile(r"\d{8,17}(?:\.0*)?\Z")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?\Z")


@dataclass(frozen=True)
class _Form:
    """What the parsers need of a DateFormat."""

    order: str
    languages: tuple[str, ...]
    relative_to: date | None


_Parser = Callable[[str, _Form], date | None]


def parse_date(raw: str, form: DateFormat) -> date | None:
    """Parse a date in this format, in the value's own time zone (epochs: UTC); None if it does not fit."""
    return date_parser(form)(raw)


def date_parser(form: DateFormat) -> Callable[[str], date | None]:
    """Return `parse_date` for one format."""
    parsers = [_PARSERS[kind] for kind in (form.kind, *form.further)]
    details = _Form(form.order, form.languages, form.relative_to)

    def parse(raw: str) -> date | None:
        text = raw.strip()
        if not text:
            return None
        for parser in parsers:
            try:
                day = parser(text, details)
            except (ValueError, OverflowError, OSError):
                continue
            if day is not None:
                return day
        return None

    return parse


def detect_date_format(
    values: Iterable[str], *, named: bool = True, words: bool = False, relative_to: date | None = None
) -> DateFormat | None:
    """Return the format that fits a column: half of its filled values if it is `named`, else four fifths; else None.

    A column may mix kinds of date: the most frequent is first, and the others follow. `ambiguous` is set if both orders
    of day and month fit every value; the order is then month first for '/', else day first. `named`: the column's name
    says that it contains dates; otherwise spreadsheet serials and years count as numbers. `words`: what no fast format
    reads is tried with `dateparser`, which takes milliseconds per value; relative dates count from `relative_to`.
    """
    filled = [value.strip() for value in values if value.strip() and not is_placeholder(value)]
    if not filled:
        return None
    counts = Counter(filled)
    min_matches = max(1.0, (_MIN_SHARE_NAMED if named else _MIN_SHARE) * len(filled))
    order, ambiguous = _order(counts)
    kinds: list[DateKind] = []
    languages: tuple[str, ...] = ()
    rest, matches = counts, 0
    while rest and len(kinds) < len(_FAST_KINDS):
        kind, fitting = _best_kind(rest, order, named, kinds, min_matches)
        if kind is None:
            break
        kinds.append(kind)
        matches += sum(rest[value] for value in fitting)
        rest = Counter({value: number for value, number in rest.items() if value not in fitting})
    if words and rest:
        languages, relative, count = _in_words(rest, relative_to)
        if languages and count >= _MIN_SHARE_WORDS * len(filled):
            kinds.append("words")
            matches += count
            relative_to = relative_to if relative else None
        else:
            languages = ()
    if matches < min_matches or not kinds:
        return None
    numeric = "numeric" in kinds
    return DateFormat(
        kind=kinds[0],
        order=order if numeric else "year_first" if kinds[0] in _YEAR_FIRST else "day_first",
        ambiguous=ambiguous and numeric,
        further=tuple(kinds[1:]),
        languages=languages,
        relative_to=relative_to if languages else None,
    )


def _matching(kind: DateKind, order: Order, values: Iterable[str]) -> set[str]:
    parse = date_parser(DateFormat(kind=kind, order=order))
    return {value for value in values if parse(value) is not None}


def _order(counts: Counter[str]) -> tuple[Order, bool]:
    """The order of day and month that most numeric dates fit, and whether both orders fit them all."""
    numeric = {value: number for value, number in counts.items() if _NUMERIC.match(value) and not _ISO.match(value)}
    fitting = {order: _matching("numeric", order, numeric) for order in _ORDERS}
    matches = {order: sum(counts[value] for value in found) for order, found in fitting.items()}
    best = max(matches.values())
    if matches["year_first"] == best:
        return "year_first", False
    if matches["month_first"] != matches["day_first"]:
        return ("month_first" if matches["month_first"] == best else "day_first"), False
    slashed = sum(number for value, number in numeric.items() if "/" in value) * 2 > sum(numeric.values())
    both = fitting["month_first"] | fitting["day_first"]
    same = all(parse_date(value, _MONTH_FIRST) == parse_date(value, _DAY_FIRST) for value in both)
    return ("month_first" if slashed else "day_first"), not same


def _best_kind(
    counts: Counter[str], order: Order, named: bool, before: Sequence[DateKind], min_matches: float
) -> tuple[DateKind | None, set[str]]:
    """The kind that fits most of these values; the first one listed that fits enough of them is preferred."""
    best: tuple[DateKind | None, set[str]] = (None, set())
    most = 0
    for kind in _FAST_KINDS if named else _UNNAMED_KINDS:
        if kind in before:
            continue
        fitting = _matching(kind, order, counts)
        matches = sum(counts[value] for value in fitting)
        if not before and matches >= min_matches:
            return kind, fitting
        if matches > most and (not before or kind in _UNMISTAKABLE or matches >= _MIN_SHARE_WORDS * counts.total()):
            best, most = (kind, fitting), matches
    return best


def _in_words(counts: Counter[str], relative_to: date | None) -> tuple[tuple[str, ...], bool, int]:
    """The languages of dates in words, most frequent first; whether any is relative; and an estimate of their rows."""
    texts = [text for text, _ in counts.most_common() if in_words.worth_trying(text)]
    languages: Counter[str] = Counter()
    relative, tried, read = False, 0, 0
    for text in texts[:_TRIED_TEXTS]:
        if tried >= _TRIED_IN_VAIN and not languages:
            break
        tried += 1
        found = in_words.read(text, None, relative_to)
        if found is not None:
            languages[found.language] += 1
            relative = relative or found.relative
            read += 1
    if not read:
        return (), False, 0
    likely = sum(counts[text] for text in texts) * read // tried
    return tuple(language for language, _ in languages.most_common()), relative, likely


_ORDERS: tuple[Order, ...] = ("year_first", "month_first", "day_first")
_MONTH_FIRST = DateFormat(kind="numeric", order="month_first")
_DAY_FIRST = DateFormat(kind="numeric", order="day_first")
_UNNAMED_KINDS: tuple[DateKind, ...] = (
    "iso",
    "epoch_seconds",
    "epoch_milliseconds",
    "epoch_microseconds",
    "named_month",
    "month_year",
    "numeric",
)
_FAST_KINDS: tuple[DateKind, ...] = (*_UNNAMED_KINDS, "quarter", "excel_serial", "year")
_UNMISTAKABLE = frozenset({"iso", "named_month", "month_year", "quarter", "numeric"})
_YEAR_FIRST = frozenset({"iso", "excel_serial", "year", "quarter", "words"})


def _plausible(day: date) -> date | None:
    return day if 1900 <= day.year < _NEWEST_YEAR else None


def _epoch(factor: int) -> _Parser:
    def parse(text: str, _form: _Form) -> date | None:
        if not _WHOLE.match(text):
            return None
        day = datetime.fromtimestamp(float(text) / factor, UTC).date()
        return day if 1995 <= day.year < _NEWEST_YEAR else None

    return parse


def _iso(text: str, _form: _Form) -> date | None:
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


def _numeric(text: str, form: _Form) -> date | None:
    match = _NUMERIC.match(text)
    if not match:
        return None
    first, second, third = match.groups()
    if len(first) == 4:
        return _plausible(date(_year(first), int(second), int(third)))
    if len(first) > 2 or form.order == "year_first":
        return None
    day, month = (first, second) if form.order == "day_first" else (second, first)
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


def _named_month(text: str, _form: _Form) -> date | None:
    if len(text) > 80:
        return None
    if match := _EAST_ASIAN.match(text):
        return _plausible(date(int(match[1]), int(match[2]), int(match[3]))) if match[3] else None
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


def _month_year(text: str, _form: _Form) -> date | None:
    if len(text) > 80:
        return None
    if (match := _EAST_ASIAN.match(text)) and not match[3]:
        return _plausible(date(int(match[1]), int(match[2]), 1))
    month, numbers = _split(text)
    if month is None:
        match = re.match(r"(?:(\d{4})[-/.](\d{1,2})|(\d{1,2})[-/.](\d{4}))\Z", text)
        if not match:
            return None
        year, number = (match[1], match[2]) if match[1] else (match[4], match[3])
        return _plausible(date(int(year), int(number), 1))
    return _plausible(date(_year(numbers[0]), month, 1)) if len(numbers) == 1 and len(numbers[0]) in (2, 4) else None


def _excel_serial(text: str, _form: _Form) -> date | None:
    """Parse days since 1899-12-30, which is correct for serials from March 1900 on."""
    return date(1899, 12, 30) + timedelta(days=int(float(text))) if _SERIAL.match(text) else None


def _quarter(text: str, _form: _Form) -> date | None:
    """Parse 'Q3 2023' or '2023-Q3' as the first day of the quarter."""
    match = _QUARTER.match(text)
    if not match:
        return None
    number, year = (match[1], match[2]) if match[1] else (match[4], match[3])
    return _plausible(date(_year(year), 3 * int(number) - 2, 1))


def _plain_year(text: str, _form: _Form) -> date | None:
    return date(int(float(text)), 1, 1) if _YEAR.match(text) else None


def _words(text: str, form: _Form) -> date | None:
    if not in_words.worth_trying(text):
        return None
    found = in_words.read(text, form.languages, form.relative_to)
    return _plausible(found.day) if found else None


_PARSERS: dict[DateKind, _Parser] = {
    "epoch_seconds": _epoch(1),
    "epoch_milliseconds": _epoch(1000),
    "epoch_microseconds": _epoch(1_000_000),
    "iso": _iso,
    "numeric": _numeric,
    "named_month": _named_month,
    "month_year": _month_year,
    "quarter": _quarter,
    "year": _plain_year,
    "excel_serial": _excel_serial,
    "words": _words,
}
