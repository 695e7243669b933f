"""Statistics of a column's sampled values, from which its role is detected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"[-+]?[\d.,]*\d%?\Z")
_URL = re.compile(r"(?:https?://|www\.)\S+\Z", re.IGNORECASE)
_IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_ASIN = re.compile(r"(?:B0[0-9A-Z]{8}|\d{9}[\dX])\Z")
_STARLIKE = re.compile(r"(?:one|two|three|four|five|[1-5])[ -]stars?\W*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Profile:
    """Shares refer to the filled values; `words` is the mean number of words (two ideographs count as one word)."""

    values: list[str]
    rows: int
    words: float
    numeric: float
    urls: float
    distinct: int
    alphabetic: float

    @property
    def filled(self) -> float:
        """The share of rows with a value."""
        return len(self.values) / self.rows if self.rows else 0.0

    @property
    def distinct_share(self) -> float:
        """Distinct values per filled value."""
        return self.distinct / len(self.values) if self.values else 0.0

    @property
    def wordy(self) -> bool:
        """Whether most values are text, not numbers or URLs."""
        return bool(self.values) and self.numeric < 0.5 and self.urls < 0.3 and self.alphabetic >= 0.5

    @property
    def article_numbers(self) -> bool:
        """Whether nearly all values have the form of an article number (ASIN or ISBN)."""
        return bool(self.values) and self._share(_ASIN) >= 0.9 and any(value.startswith("B0") for value in self.values)

    @property
    def starlike(self) -> float:
        """The share of values such as 'Five Stars'."""
        return self._share(_STARLIKE)

    def _share(self, pattern: re.Pattern[str]) -> float:
        return sum(1 for value in self.values if pattern.match(value)) / len(self.values) if self.values else 0.0


def is_number(text: str) -> bool:
    """Whether the text is a number, with sign, separators or a percent sign."""
    return bool(_NUMBER.match(text.strip()))


def count_words(text: str) -> float:
    """Count the words between spaces; in scripts without spaces two characters count as a word."""
    return max(len(text.split()), len(_IDEOGRAPH.findall(text)) / 2)


def profile(values: Sequence[str]) -> Profile:
    """Return the profile of one column's sampled values."""
    filled = [value.strip() for value in values if value.strip()]
    n = len(filled) or 1
    return Profile(
        values=filled,
        rows=len(values),
        words=sum(count_words(value[:5000]) for value in filled) / n,
        numeric=sum(1 for value in filled if is_number(value)) / n,
        urls=sum(1 for value in filled if _URL.match(value)) / n,
        distinct=len(set(filled)),
        alphabetic=sum(1 for value in filled if any(map(str.isalpha, value[:500]))) / n,
    )


def profiles(width: int, rows: Sequence[Sequence[str]]) -> list[Profile]:
    """Return the profiles of the first `width` columns."""
    return [profile([row[column] if column < len(row) else "" for row in rows]) for column in range(width)]
