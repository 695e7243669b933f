"""Parses ratings as people write them, detects a column's scale, and converts ratings to 1-5."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reviewlens.contracts.tables import default_lowest
from reviewlens.reviews.placeholders import is_no_rating
from reviewlens.reviews.rating_words import plain_word, word_scale

_STAR_WORDS = (
    r"(?:stars?|sterne?n?|étoiles?|etoiles?|estrellas?|estrelas?|stelle|stella|sterren|ster|stjärnor|stjerner|gwiazdk\w*|"
    r"★|⭐️?|☆|pts?|points?|punkte?n?|puntos?|punti|点|分|星|つ星|점|звезд\w*)"
)
_NUM = r"(\d{1,4}(?:[.,]\d+)?)"
_PREFIX = r"(?:(?:bewertet\s+mit\s+|[^\W\d_]{2,20}\s*[:=]?\s*))"  # one word: 'Rated 4', 'Arvosana: 4', 'Overall4'
_OUT_OF_WORDS = r"(?:/|\\|out\s+of|of|von|sur|de|da|di|su|sobre|uit|av|af|z|из|on)"
_END = r"(?:\s*[-–—:=,(]+\s*[^\W\d_].{0,60}|\s*[!.]*)\Z"  # a label such as ' - Excellent' or ' (good)' may follow
_NUMBER = re.compile(rf"{_PREFIX}?(-?\d{{1,4}}(?:[.,]\d+)?)\s*{_STAR_WORDS}?{_END}", re.IGNORECASE)
_OUT_OF = re.compile(
    rf"{_PREFIX}?{_NUM}\s*{_STAR_WORDS}?\s*{_OUT_OF_WORDS}\s*{_NUM}\s*{_STAR_WORDS}?{_END}", re.IGNORECASE
)
_BEST_FIRST = re.compile(rf"{_NUM}\s*つ?星のうち\s*{_NUM}\Z")
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*%\Z")
_STARS = re.compile(
    r"([★⭐🌟✭✮✯]\ufe0f?(?:\s?[★⭐🌟✭✮✯]\ufe0f?)*)?\s*([☆✩✰](?:\s?[☆✩✰])*)?(?:\s*[-–(]?\s*[^\W\d_].{0,30})?\Z"
)
_FULL_STARS = re.compile("[★⭐🌟✭✮✯]")
_LABEL_FIRST = re.compile(r"[^\W\d_][^\d]{0,40}?\s*[(\[]\s*(\d{1,3}(?:[.,]\d+)?)\s*(?:/\s*(\d{1,3}))?\s*[)\]]\Z")
_WORDS = {"one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0}
_SPELLED = re.compile(r"(one|two|three|four|five)(?:\s+stars?)?\Z", re.IGNORECASE)
_LONGEST = 80
_ENOUGH = 20  # values from which an unusual scale is believed
_STRAY_SHARE = 0.005
_USUAL_HIGHEST = (1.0, 5.0, 10.0, 100.0)
_NO_ANSWER_CODES = frozenset((-1.0, -9.0, -99.0, 97.0, 98.0, 99.0, 998.0, 999.0, 9999.0))


@dataclass(frozen=True)
class Scale:
    """A column's scale: its worst and best rating, and the number of each word where ratings are words."""

    lowest: float
    highest: float
    words: Mapping[str, float]


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def read_rating(raw: str) -> tuple[float, float | None] | None:
    """Return the value, and the best possible one if the text states it ('4 out of 5', '80 %', '★★★★☆').

    A label may follow or precede the number ('5 - Excellent', 'Excellent (5)'). None if the text is not a rating.
    """
    text = raw.strip()
    if not text or len(text) > _LONGEST:
        return None
    if match := _NUMBER.match(text):
        return _number(match[1]), None
    if match := _OUT_OF.match(text):
        best = _number(match[2])
        return (_number(match[1]), best) if best > 0 else None
    if match := _BEST_FIRST.match(text):
        best = _number(match[1])
        return (_number(match[2]), best) if best > 0 else None
    if match := _PERCENT.match(text):
        return _number(match[1]), 100.0
    if match := _STARS.match(text):
        full, empty = len(_FULL_STARS.findall(match[1] or "")), len((match[2] or "").replace(" ", ""))
        if full:
            return float(full), float(max(5, full + empty))
    if match := _SPELLED.match(text):
        return _WORDS[match[1].lower()], 5.0
    if match := _LABEL_FIRST.match(text):
        return _number(match[1]), _number(match[2]) if match[2] and _number(match[2]) > 0 else None
    return None


def parse_rating(
    raw: str, scale: tuple[float, float] | float, words: Mapping[str, float] | None = None
) -> float | None:
    """Convert a rating to 1-5 (1 is the worst); None if the text is not a rating or lies outside of its scale.

    `scale`: the worst and the best possible rating, or only the best one. v becomes 1 + 4 (v - worst) / (best - worst).
    A text that states its own best rating ('8/10') has that one instead. `words`: the number of each word, lower case.
    On scales from 1, a 0 means 'not rated' if the best is at most 5, else the worst rating; half a star counts as 1.
    """
    lowest, highest = scale if isinstance(scale, tuple) else (default_lowest(scale), scale)
    if words:
        value = words.get(plain_word(raw))
        if value is not None:
            return _convert(value, lowest, highest)
    rating = read_rating(raw)
    if rating is None:
        return None
    value, stated_best = rating
    if stated_best is not None and stated_best != highest:
        lowest, highest = default_lowest(stated_best), stated_best
    return _convert(value, lowest, highest)


def _convert(value: float, lowest: float, highest: float) -> float | None:
    if value < lowest and lowest == 1 and value >= 0:
        return None if value == 0 and highest <= 5 else 1.0
    if not lowest <= value <= highest:
        return None
    return 1 + 4 * (value - lowest) / (highest - lowest)


def detect_scale(values: Sequence[str], *, answers: bool = False) -> Scale | None:
    """Return the scale of a column's ratings, from its name and values.

    None unless at least four fifths of the values are ratings; 'N/A' and the like do not count. A few values far from
    the others do not change the scale. A column of only 0 and 1, or of 'yes' and 'no', is a rating only if `answers` is
    set (for 'Would you recommend?').
    """
    filled = [value for value in values if value.strip() and not is_no_rating(value)]
    if words := word_scale(filled, answers=answers):
        return Scale(min(words.values()), max(words.values()), words)
    ratings = [rating for value in filled if (rating := read_rating(value)) is not None]
    if not ratings or len(ratings) < 0.8 * len(filled):
        return None
    stated = [(value, best) for value, best in ratings if best is not None]
    if len(stated) * 2 > len(ratings):
        highest = Counter(best for _, best in stated).most_common(1)[0][0]
        return _stated_scale(sorted(value for value, best in stated if best == highest), highest)
    return _number_scale(sorted(value for value, best in ratings if best is None))


def _stated_scale(numbers: list[float], highest: float) -> Scale:
    lowest = default_lowest(highest)
    if numbers[0] == 0 and highest != 5 and numbers.count(0.0) > _STRAY_SHARE * len(numbers):
        lowest = 0.0
    elif highest == 100 and len(numbers) >= _ENOUGH and all(value % 20 == 0 for value in numbers) and numbers[0] > 0:
        lowest = 20.0
    return Scale(lowest, highest, {})


def _number_scale(numbers: list[float]) -> Scale | None:
    """The scale of sorted numbers that do not state their best one."""
    kept = _without_strays(numbers)
    low, high = kept[0], kept[-1]
    if low < 0 or high > 100 or (set(kept) <= {0.0, 1.0} and 0.0 in kept):
        return None
    if high <= 1 and any(not value.is_integer() for value in kept):
        return Scale(0.0, 1.0, {})
    lowest, highest = _ends(kept, low, high)
    return Scale(lowest, highest, {})


def _ends(kept: list[float], low: float, high: float) -> tuple[float, float]:
    many = len(kept) >= _ENOUGH
    whole = all(value.is_integer() for value in kept)
    if whole and high <= 4 and low == 0 and high >= 2 and (many or high == 4):
        return 0.0, high
    if high <= 5:
        halves = not whole and all((2 * value).is_integer() for value in kept)
        return (0.5, 5.0) if halves and low == 0.5 and kept.count(0.5) > _STRAY_SHARE * len(kept) else (1.0, 5.0)
    if high <= 10:
        top = high if many and whole and high < 10 and kept.count(high) >= 0.08 * len(kept) else 10.0
        return (0.0 if low < 1 else 1.0), top
    if low >= 10 and high == 50 and all(value % 5 == 0 for value in kept):
        return 10.0, 50.0
    if low >= 20 and high == 100 and many and all(value % 20 == 0 for value in kept):
        return 20.0, 100.0
    if high in (20.0, 50.0) and many:
        return 0.0, high
    return 0.0, 100.0


def _without_strays(numbers: list[float]) -> list[float]:
    """Sorted numbers without a few that lie far from the others, and without codes such as 99 for 'no answer'."""
    if len(numbers) < _ENOUGH:
        return numbers
    usual = [number for number in numbers if number not in _NO_ANSWER_CODES]
    if usual and usual[0] >= 0 and usual[-1] <= 10:
        numbers = usual
    most = max(1, int(_STRAY_SHARE * len(numbers)))
    few = most if len(numbers) >= 1 / _STRAY_SHARE else 0
    inner, high = numbers[-1 - most], numbers[-1]
    far = high >= 1.5 * max(inner, 1.0) and (inner >= 4 or high > 10)
    if far or (few and high > inner and inner in _USUAL_HIGHEST and inner >= 5):
        numbers = [number for number in numbers if number <= inner]
    if numbers[0] < 0 <= numbers[min(most, len(numbers) - 1)]:
        numbers = [number for number in numbers if number >= 0]
    elif few and numbers[0] == 0 and numbers[few] >= 1 and numbers[-1] <= 10:
        numbers = [number for number in numbers if number >= 1]
    return numbers
