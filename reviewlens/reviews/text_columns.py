"""Finds the column of review text, or all of them where customers answer several questions in their own words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import MOST_TEXTS, Warned
from reviewlens.reviews.answer_names import AnswerKind, answer_kind
from reviewlens.reviews.column_names import name_score
from reviewlens.reviews.placeholders import is_placeholder
from reviewlens.reviews.profiles import Profile, count_words, profile
from reviewlens.reviews.ratings import detect_scale
from reviewlens.reviews.values import detect_date_format

_WORD = re.compile(r"\w+")
_CHOICE = re.compile(r"\s*[,;|]\s*")
_EMAIL = re.compile(r"\S+@\S+\.\w+\Z")
_SAME = 0.7
"""Share of words in common, row by row, from which a column may be a copy of another."""
_EQUAL = 0.95
"""Share from which it is one."""
_MORE = 0.2
"""How much more a copy has in common with its own row than with the next one."""
_STRONG = {AnswerKind.SIDE, AnswerKind.OPINION, AnswerKind.QUESTION}


@dataclass(frozen=True)
class TextColumns:
    """The columns of review text in file order, why they were chosen (by field of the mapping), and warnings."""

    columns: tuple[int, ...]
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def find_text_columns(
    headers: Sequence[str], profiles: Sequence[Profile], rows: Sequence[Sequence[str]]
) -> TextColumns | None:
    """Return the columns of review text; None if no column looks like it.

    Several are returned if their names say that customers answer in their own words (questions, pros and cons, boxes
    for praise and blame, comments), and none is a copy of another. A file with a full column of review text keeps that
    column alone, unless it is one of the answers of a survey.
    """
    scores = _scores(headers, profiles)
    ranked = sorted(scores, key=lambda column: (-scores[column], column))
    best = ranked[0] if ranked else None
    kinds = _answers(headers, rows) if any(header.strip() for header in headers) else {}
    usual = best if best is not None and best not in kinds and _is_usual(headers[best], profiles[best]) else None
    together = _together(headers, profiles, best, usual, kinds)
    together = _without_copies(together, rows, first=usual)
    if len(together) > 1:
        return _several(headers, profiles, together)
    if best is None:
        best = together[0] if together else None
    if best is None:
        return None
    named = name_score(Role.TEXT, headers[best]) >= 1.5
    about = f"about {profiles[best].words:.0f} words a row"
    reason = f"its name says review text, and it holds {about}" if named else f"it holds the longest prose, {about}"
    warnings: list[str] = []
    others = [column for column in kinds if kinds[column] in _STRONG and column != best] if usual is not None else []
    if not others:
        close = (each for each in ranked[1:] if scores[best] - scores[each] < 0.5 and profiles[each].words >= 5)
        others = [column for column in [next(close, None)] if column is not None]
    if others:
        names = _listed([_label(headers, column) for column in others])
        verb = "looks" if len(others) == 1 else "look"
        sentence = f"{names} {verb} like review text as well; {_label(headers, best)} was chosen."
        warnings.append(Warned("other-text-column", sentence, *[headers[column] for column in others]))
    return TextColumns((best,), {Role.TEXT.value: reason}, warnings)


def _scores(headers: Sequence[str], profiles: Sequence[Profile]) -> dict[int, float]:
    """How much each column looks like the one column of review text."""
    scores: dict[int, float] = {}
    for column, values in enumerate(profiles):
        if not values.wordy:
            continue
        name = name_score(Role.TEXT, headers[column])
        content = math.log2(1 + min(values.words, 100))
        if values.distinct_share < 0.2 and values.distinct < 200 and len(values.values) >= 20:
            content -= 3
        date_like = values.words < 6 and detect_date_format(values.values, named=False) is not None
        if date_like or (name < 1.5 and (values.words < 3 or content < 2)):
            continue
        # A column that is mostly empty needs a much better name than one that is full.
        scores[column] = 2 * name + content + math.log2(values.filled)
    return scores


def _is_usual(header: str, values: Profile) -> bool:
    return name_score(Role.TEXT, header) >= 1.5 and values.filled >= 0.5


def _answers(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[int, AnswerKind]:
    """The columns whose name and content are those of answers in a customer's own words."""
    kinds = {column: kind for column, header in enumerate(headers) if (kind := answer_kind(header)) is not None}
    return {
        column: kind
        for column, kind in kinds.items()
        if _is_prose(profile([row[column] for row in rows if not is_placeholder(row[column])]), kind)
    }


def _is_prose(values: Profile, kind: AnswerKind) -> bool:
    if not values.wordy or sum(1 for value in values.values if _EMAIL.match(value)) > 0.3 * len(values.values):
        return False
    if values.words < 6 and detect_date_format(values.values, named=False) is not None:
        return False
    few = len(values.values) >= 20 and values.distinct_share < 0.2 and values.distinct <= 12
    if kind is AnswerKind.QUESTION:
        return values.words >= 5 and values.distinct_share >= 0.5
    if values.words < (4 if few else 1.5) or detect_scale(values.values) is not None:
        return False
    return not _are_choices(values.values)


def _are_choices(values: Sequence[str]) -> bool:
    """Whether the values are choices from a short list, of which several may be ticked: 'Price; Quality'."""
    parts = [part for value in values for part in _CHOICE.split(value) if part]
    if len(values) < 30 or len(parts) < 1.2 * len(values):
        return False
    return len(set(parts)) <= 15 and sum(map(count_words, parts)) <= 3 * len(parts)


def _together(
    headers: Sequence[str],
    profiles: Sequence[Profile],
    best: int | None,
    usual: int | None,
    kinds: dict[int, AnswerKind],
) -> list[int]:
    """The columns that are read together, in file order."""
    comments = [column for column, kind in kinds.items() if kind is AnswerKind.COMMENT]
    survey = len(comments) > 1 or bool(set(kinds.values()) & {AnswerKind.OPINION, AnswerKind.QUESTION})
    if usual is not None and not survey:
        return [usual]
    together = set(kinds) if survey or len(comments) < len(kinds) else set()
    if best is not None and name_score(Role.TEXT, headers[best]) >= 1.5 and profiles[best].filled >= 0.1:
        together.add(best)
    return sorted(together)


def _without_copies(columns: list[int], rows: Sequence[Sequence[str]], *, first: int | None) -> list[int]:
    """The columns without those whose texts repeat, row by row, most words of another: its cleaned or cut copies."""
    kept: list[int] = []
    words: dict[int, list[set[str]]] = {
        column: [set() if is_placeholder(row[column]) else _words(row[column]) for row in rows] for column in columns
    }
    for column in sorted(columns, key=lambda each: (each != first, each)):
        if not any(_is_copy(words[column], words[other]) for other in kept):
            kept.append(column)
    return sorted(kept)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text[:2000].casefold()))


def _is_copy(some: list[set[str]], others: list[set[str]]) -> bool:
    both = [(a, b) for a, b in zip(some, others, strict=True) if a and b]
    shares = _shares(both)
    if not shares:  # only very short answers: they are a copy if nearly all are equal
        return len(both) >= 5 and sum(a == b for a, b in both) >= 0.9 * len(both)
    share = sum(shares) / len(shares)
    if share < _SAME or share >= _EQUAL:
        return share >= _EQUAL
    # Texts about one thing have many words in common in any two rows; a copy has more in its own row.
    first, second = [a for a, _ in both], [b for _, b in both]
    shifted = _shares(list(zip(first, [*second[1:], *second[:1]], strict=True)))
    return not shifted or share - sum(shifted) / len(shifted) >= _MORE


def _shares(pairs: list[tuple[set[str], set[str]]]) -> list[float]:
    """The share of words in common, of the shorter text, for each pair with at least three words."""
    return [len(a & b) / min(len(a), len(b)) for a, b in pairs if min(len(a), len(b)) >= 3]


def _several(headers: Sequence[str], profiles: Sequence[Profile], columns: list[int]) -> TextColumns:
    kept, unread = columns[:MOST_TEXTS], columns[MOST_TEXTS:]
    warnings: list[str] = []
    if unread:
        names = _listed([_label(headers, column) for column in unread])
        sentence = f"At most {MOST_TEXTS} columns of review text are read; {names} not."
        warnings.append(Warned("too-many-text-columns", sentence, *[headers[column] for column in unread]))
    words = f"about {profiles[kept[0]].words:.0f} words each"
    return TextColumns(
        tuple(kept),
        {
            Role.TEXT.value: f"customers write in their own words here, {words}",
            "further_texts": "customers write in their own words here as well; each filled answer is a review",
        },
        warnings,
    )


def _label(headers: Sequence[str], column: int) -> str:
    return f"“{headers[column]}”" if headers[column].strip() else f"column {column + 1}"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
