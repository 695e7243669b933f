"""Offers columns with few distinct values as segments, by which the reviews can be split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reviewlens.contracts.roles import Role, check_segments
from reviewlens.contracts.tables import MOST_SEGMENTS
from reviewlens.errors import InputError
from reviewlens.reviews.column_names import asks_for_recommendation, name_score, plain_name
from reviewlens.reviews.placeholders import NO_VALUES, is_no_value
from reviewlens.reviews.profiles import Profile, count_words, is_number
from reviewlens.reviews.ratings import read_rating
from reviewlens.reviews.values import detect_date_format

MOST_VALUES = 50
_LEAST_FILLED = 0.5
_LEAST_REPEATS = 3.0  # rows per distinct value
_MOST_SINGLE = 0.1  # share of rows whose value occurs once
_LEAST_SHARE = 0.005  # two values at least have this share
_MOST_WORDS = 5.0
_LONGEST = 60
_MOST_AGES = 12


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Words of names that promise a useful segment, most useful first.
_USEFUL = """
    department dept abteilung team unit division branch filiale store shop site location city stadt region state
    province country land market territory nationality pais pays plan tier subscription package version release build
    device age alter gender sex generation os system platform browser app group segment cohort band bracket class
    category categories kategorie type kind industry sector seniority level channel kanal source origin campaign
    language locale brand color colour style size variant model room trip traveller traveler verified
"""
_RANKS = {word: rank for rank, word in enumerate(_USEFUL.split())}
# Numbers are segments only if their name says that they stand for a group.
_NUMBERED = _words(
    """
    version release build plan tier level class group band bracket segment cohort category type store shop branch
    room wave batch team department dept region zone district size model generation season floor
    """
)
_AGE = frozenset(("age", "ages", "alter"))
# Yes and no of these columns say something about the customer or the order, not about the record.
_FLAGS = _words(
    """
    verified purchase purchased buyer bought member membership subscriber subscribed premium paid returning repeat
    loyal loyalty employee current local vip gift free trial incentivized incentivised vine business student owner
    """
)
_TECHNICAL = _words(
    """
    deleted edited spam processed published active valid invalid hidden duplicate flag flagged archived enabled
    disabled exported synced approved visible image images photo photos media bot anonymous
    """
)
_IDENTIFIERS = _words(
    """
    id ids uuid guid key hash index row email mail phone url urls uri link image photo avatar ip token session zip
    postcode serial
    """
)
_PEOPLE = _words("author user username reviewer customer client respondent profile guest nickname")
_NAMED = _words("name full first last by display nick")
_BOOLEANS = _words("yes no true false y n t f ja nein oui non si sí 0 1 0.0 1.0 да нет")
_WRITTEN_OUT = _words("yes no ja nein oui non si sí да нет")


def suggest_segments(
    headers: Sequence[str], columns: Sequence[Profile], taken: Collection[int]
) -> tuple[tuple[int, ...], dict[str, str]]:
    """Return the columns to split by, the most useful first, at most MOST_SEGMENTS, and why, as for `reason_key`.

    `taken`: columns that have a role; they are not offered.
    """
    ranked: list[tuple[float, int, str]] = []
    for column, (header, profile) in enumerate(zip(headers, columns, strict=True)):
        if column in taken or profile.distinct > MOST_VALUES + len(NO_VALUES):
            continue
        counts = Counter(profile.values)
        for none in filter(is_no_value, list(counts)):
            del counts[none]
        if _few(counts, profile.rows) and _is_group(header, counts):
            reason = f"{len(counts)} different values, such as {_examples(counts)}"
            ranked.append((-_usefulness(header, counts), column, reason))
    best = sorted(ranked)[:MOST_SEGMENTS]
    return tuple(column for _, column, _ in best), {reason_key(column): reason for _, column, reason in best}


def choose_segments(
    values: Mapping[str, Any], chosen: bool, headers: Sequence[str], columns: Sequence[Profile]
) -> tuple[tuple[int, ...], dict[str, str]]:
    """Return the segments of a corrected mapping (`values`), and why: those that the user chose, else those suggested.

    The reviews can be split by the product anyway, so it is left out. Errors: InputError (`invalid-override`,
    `no-such-column`, `column-has-role`).
    """
    further = values.get("further_texts")
    taken = {column for role in Role if (column := values.get(role)) is not None}
    taken |= {column for column in further if type(column) is int} if isinstance(further, list | tuple) else set()
    if not chosen:
        return suggest_segments(headers, columns, taken)
    segments = values["segments"] or ()
    if not isinstance(segments, list | tuple):
        raise InputError("Invalid choice for segments: give a list of columns.", code="invalid-override")
    product = values.get(Role.PRODUCT)
    check_segments(segments, taken - {product}, len(headers))
    segments = tuple(column for column in segments if column != product)
    return segments, {reason_key(column): "you chose it" for column in segments}


def reason_key(column: int) -> str:
    """The key under which `mapping_reasons` says why a column is a segment."""
    return f"segment:{column}"


def _few(counts: Counter[str], rows: int) -> bool:
    """Whether a column is mostly filled with few values that repeat."""
    filled = counts.total()
    if not 2 <= len(counts) <= MOST_VALUES or filled < _LEAST_FILLED * rows:
        return False
    if filled < _LEAST_REPEATS * len(counts):
        return False
    single = sum(1 for count in counts.values() if count == 1)
    second = counts.most_common(2)[1][1]
    return single <= _MOST_SINGLE * filled and second >= max(2.0, _LEAST_SHARE * filled)


def _is_group(header: str, counts: Counter[str]) -> bool:
    """Whether few values name groups: not texts, identifiers, people, dates, ratings, counts or technical flags."""
    words = set(plain_name(header).split())
    if words & _IDENTIFIERS or (words & _PEOPLE and words <= _PEOPLE | _NAMED) or (words and words <= _NAMED):
        return False
    values = list(counts)
    numeric = sum(map(is_number, values)) > 0.5 * len(values)
    groups = words & _RANKS.keys() and not numeric  # such as 'Review source'
    if not groups and any(name_score(role, header) >= 1.5 for role in (Role.TEXT, Role.TITLE, Role.RATING)):
        return False
    if sum(map(count_words, values)) > _MOST_WORDS * len(values) or max(map(len, values)) > _LONGEST:
        return False
    if any("@" in value or "://" in value for value in values):
        return False
    folded = {value.lower() for value in values}
    if folded <= _BOOLEANS:
        return _is_telling(header, words, folded)
    if numeric:
        return bool(words & _NUMBERED) or (bool(words & _AGE) and len(values) <= _MOST_AGES)
    stated = [rating for value in values if (rating := read_rating(value)) and rating[1]]
    return len(stated) < 0.5 * len(values) and detect_date_format(values, named=False) is None


def _is_telling(header: str, words: set[str], folded: set[str]) -> bool:
    """Whether a column of yes and no is worth a split; 0 and 1 need a name that says so."""
    if words & _FLAGS or asks_for_recommendation(header) or header.rstrip().endswith("?"):
        return True
    return folded <= _WRITTEN_OUT and not words & _TECHNICAL


def _usefulness(header: str, counts: Counter[str]) -> float:
    words = plain_name(header).split()
    ranks = [_RANKS[word] for word in words if word in _RANKS]
    useful = 2.0 - min(ranks) / len(_RANKS) if ranks else 0.5 if {v.lower() for v in counts} <= _BOOLEANS else 0.9
    if len(counts) > 20:
        useful -= 0.5
    if counts.most_common(1)[0][1] > 0.95 * counts.total():
        useful -= 0.5
    return useful


def _examples(counts: Counter[str]) -> str:
    return " and ".join(f"“{value}”" for value, _ in counts.most_common(2))
