"""Ratings as people write them, brought to 1-5."""

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
    """The value, and the best possible one where the text states it ('4 out of 5', '80 %', '★★★★☆'); None when it is no
    rating.
    """
    text = raw.strip()
    if not text or len(text) > 40:
        return None
    if found := _NUMBER.match(text):
        return _number(found[1]), None
    if found := _OUT_OF.match(text):
        best = _number(found[2])
        return (_number(found[1]), best) if best > 0 else None
    if found := _PERCENT.match(text):
        return _number(found[1]), 100.0
    if found := _STARS.match(text):
        return float(len(found[1].rstrip("\ufe0f"))), 5.0
    if found := _SPELLED.match(text):
        return _WORDS[found[1].lower()], 5.0
    return None


def parse_rating(raw: str, scale: float) -> float | None:
    """A rating as 1-5 (1 the worst), or None where there is none or it lies outside of its scale.

    `scale` is the best possible rating unless the text states its own. Scales up to 10 begin at 1, so that v becomes 1
    + 4 (v - 1) / (best - 1); shares (best 1) and scales above 10 begin at 0: 1 + 4 v / best. A 0 where scales begin at
    1 means 'not rated' up to 5, and the worst rating on wider ones; half a star counts as 1.
    """
    found = read_rating(raw)
    if found is None:
        return None
    value, stated = found
    best = stated or scale
    if not 0 <= value <= best:
        return None
    if best <= 1 or best > 10:
        return 1 + 4 * value / best
    if value == 0 and best <= 5:
        return None
    return max(1.0, 1 + 4 * (value - 1) / (best - 1))


def detect_scale(values: Sequence[str]) -> float | None:
    """The best possible rating of a column: 1, 5, 10 or 100, as its values need; None when four fifths of them are no
    ratings.

    Up to one value in a hundred may lie above the scale (a slip of the keys). Values of 0 and 1 alone are no rating but
    a yes or no.
    """
    filled = [value for value in values if value.strip()]
    found = [rating for value in filled if (rating := read_rating(value)) is not None]
    if not found or len(found) < 0.8 * len(filled):
        return None
    stated = [best for _, best in found if best is not None]
    if len(stated) * 2 > len(found):
        return max(set(stated), key=stated.count)
    numbers = sorted(value for value, best in found if best is None)
    if numbers[0] < 0 or (set(numbers) <= {0.0, 1.0} and 0.0 in numbers):
        return None
    high = numbers[max(0, int(0.99 * len(numbers)) - 1)] if len(numbers) >= 100 else numbers[-1]
    if high <= 1 and any(not value.is_integer() for value in numbers):
        return 1.0
    return next((scale for scale in SCALES if high <= scale), None)
