"""Parses ratings as people write them and converts them to 1-5."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = re.compile(
    r"(-?\d+(?:[.,]\d+)?)(?:\s*(?:stars?|sterne|étoiles?|estrellas|★|⭐️?|pts?|points?))?\Z", re.IGNORECASE
)
_OUT_OF = re.compile(
    r"(?:rated\s+|rating:?\s*)?(\d+(?:[.,]\d+)?)\s*(?:stars?\s*)?(?:/|out\s+of|of|von|sur|de|"
    r"su)\s*(\d+(?:[.,]\d+)?)(?:\s*stars?)?\Z",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*%\Z")
_STARS = re.compile(r"([★⭐🌟]+️?)\s*([☆✩]*)\Z")
_WORDS = {"one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0}
_SPELLED = re.compile(r"(one|two|three|four|five)(?:\s+stars?)?\Z", re.IGNORECASE)
SCALES = (5.0, 10.0, 100.0)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def read_rating(raw: str) -> tuple[float, float | None] | None:
    """Return the value, and the best possible one if the text states it ('4 out of 5', '80 %', '★★★★☆').

    None if the text is not a rating.
    """
    text = raw.strip()
    if not text or len(text) > 40:
        return None
    if match := _NUMBER.match(text):
        return _number(match[1]), None
    if match := _OUT_OF.match(text):
        best = _number(match[2])
        return (_number(match[1]), best) if best > 0 else None
    if match := _PERCENT.match(text):
        return _number(match[1]), 100.0
    if match := _STARS.match(text):
        return float(len(match[1].rstrip("\ufe0f"))), 5.0
    if match := _SPELLED.match(text):
        return _WORDS[match[1].lower()], 5.0
    return None


def parse_rating(raw: str, scale: float) -> float | None:
    """Convert a rating to 1-5 (1 is the worst); None if the text is not a rating or lies outside of its scale.

    `scale` is the best possible rating unless the text states its own. Scales up to 10 begin at 1, so that v becomes
    1 + 4 (v - 1) / (best - 1). Shares (best 1) and scales above 10 begin at 0: 1 + 4 v / best. On scales that begin
    at 1, a 0 means 'not rated' if the best is at most 5, else the worst rating; half a star counts as 1.
    """
    rating = read_rating(raw)
    if rating is None:
        return None
    value, stated_best = rating
    best = stated_best or scale
    if not 0 <= value <= best:
        return None
    if best <= 1 or best > 10:
        return 1 + 4 * value / best
    if value == 0 and best <= 5:
        return None
    return max(1.0, 1 + 4 * (value - 1) / (best - 1))


def detect_scale(values: Sequence[str]) -> float | None:
    """Return the best possible rating of a column: 1, 5, 10 or 100, the smallest that its values fit.

    None unless at least four fifths of the values are ratings. One value in a hundred may exceed the scale (a typing
    error). A column of only 0 and 1 is a yes or no, not a rating.
    """
    filled = [value for value in values if value.strip()]
    ratings = [rating for value in filled if (rating := read_rating(value)) is not None]
    if not ratings or len(ratings) < 0.8 * len(filled):
        return None
    stated = [best for _, best in ratings if best is not None]
    if len(stated) * 2 > len(ratings):
        return max(set(stated), key=stated.count)
    numbers = sorted(value for value, best in ratings if best is None)
    if numbers[0] < 0 or (set(numbers) <= {0.0, 1.0} and 0.0 in numbers):
        return None
    high = numbers[max(0, int(0.99 * len(numbers)) - 1)] if len(numbers) >= 100 else numbers[-1]
    if high <= 1 and any(not value.is_integer() for value in numbers):
        return 1.0
    return next((scale for scale in SCALES if high <= scale), None)
