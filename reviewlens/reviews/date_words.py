"""Reads dates in words, in any language that dateparser knows: '4 marca 2024', '3 days ago', 'vor 2 Wochen'."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

# Tried before all others, in this order: loading every language takes seconds, and rare ones read more into a text.
_COMMON_LANGUAGES = """
    en es fr de pt it nl pl ru uk tr sv da nb fi cs sk hu ro bg el hr sr sl lt lv et ca id ms vi th hi bn ar fa he ja
    ko zh
"""
_COMMON = tuple(_COMMON_LANGUAGES.split())
_LONGEST = 60
_LETTER = re.compile(r"[^\W\d_]")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBERS = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")
_LEAD = re.compile(
    r"\A(?:edited|reviewed|posted|written|published|submitted|updated|dated?|on|bewertet|geschrieben|avis|publié|publicado|"
    r"reseñado|scritto)\b[\s:]*",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s*\(?\b(?:edited|bearbeitet|modifié|editado)\)?\Z", re.IGNORECASE)
_PART = re.compile(r"\d{1,2}\.?\s+(?:de\s+)?[^\W\d_]+\.?,?\s+(?:de\s+)?\d{4}|[^\W\d_]+\.?\s+\d{1,2},?\s+\d{4}")
_ANY_DAY = date(2000, 1, 1)
_lock = threading.Lock()  # dateparser loads and keeps languages without one


@dataclass(frozen=True)
class Found:
    """A date in words: its language (as dateparser names it), and whether it counts from another day."""

    day: date
    language: str
    relative: bool


def worth_trying(text: str) -> bool:
    """Whether a text can be a date in words: short, with letters, and with a digit or at most three words."""
    return (
        len(text) <= _LONGEST
        and bool(_LETTER.search(text))
        and (bool(_DIGIT.search(text)) or (len(text) <= 24 and len(text.split()) <= 3))
    )


@lru_cache(maxsize=20_000)
def read(text: str, languages: tuple[str, ...] | None, relative_to: date | None) -> Found | None:
    """Read a date in one of these languages (None: any); relative ones count from `relative_to`, else are not read.

    The first day of the month or year stands for a date without a day; a relative date after `relative_to` is none.
    """
    if languages == ():
        return None
    if languages is None:
        found = read(text, _COMMON, relative_to)
        return found if found or not _YEAR.search(text) else _read_parts(text, None, None)
    return _read_parts(text, languages, relative_to)


def _read_parts(text: str, languages: tuple[str, ...] | None, relative_to: date | None) -> Found | None:
    stripped = _TAIL.sub("", _LEAD.sub("", text.strip(), count=1))
    part = _PART.search(stripped)
    with _lock:
        for candidate in [stripped, *([part[0]] if part and part[0] != stripped else [])]:
            if found := _read(candidate, languages, relative_to):
                return found
    return None


def _read(text: str, languages: tuple[str, ...] | None, relative_to: date | None) -> Found | None:
    if relative_to is not None:
        data = _parser("relative-time", languages, relative_to).get_date_data(text)
        if data.date_obj is not None:
            day = data.date_obj.date()
            return Found(day, data.locale, relative=True) if day <= relative_to else None
    # Where the text has a day, it must be read: else a language may take the 5 of '5 Mart 2023' for the month.
    kind = "date" if len(_NUMBERS.findall(text)) > 1 else "month"
    data = _parser(kind, languages, _ANY_DAY).get_date_data(text)
    return Found(data.date_obj.date(), data.locale, relative=False) if data.date_obj is not None else None


@lru_cache(maxsize=16)
def _parser(kind: str, languages: tuple[str, ...] | None, base: date) -> Any:
    from dateparser.date import DateDataParser

    parts = {"date": ["year", "month", "day"], "month": ["year", "month"]}.get(kind, [])
    return DateDataParser(
        languages=list(languages) if languages else None,
        use_given_order=languages is not None,
        try_previous_locales=False,
        settings={
            "PARSERS": ["absolute-time"] if parts else [kind],
            "RELATIVE_BASE": datetime.combine(base, time()),
            "REQUIRE_PARTS": parts,
            "PREFER_DAY_OF_MONTH": "first" if parts else "current",
            "RETURN_AS_TIMEZONE_AWARE": False,
            "TIMEZONE": "UTC",
            "DATE_ORDER": "DMY",
        },
    )
