"""Warnings about ratings and dates that cannot be read, with examples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import DateFormat, Mapping, Warned
from reviewlens.reviews.column_names import dates_something_else, name_score, plain_name
from reviewlens.reviews.placeholders import is_no_rating, is_placeholder
from reviewlens.reviews.ratings import detect_scale, parse_rating
from reviewlens.reviews.values import date_parser, detect_date_format, parse_date

_DAY_AND_MONTH = re.compile(r"\d{1,2}[-. ]?[^\W\d_]{3,9}\.?\Z|[^\W\d_]{3,9}\.?[-. ]\d{1,2}\Z")
_MOST_EXAMPLES = 3
# Names that promise a rating or a date; 'note', 'time' and others may hold something else.
_REPORTED_NAMES = frozenset(
    ("rating", "ratings", "star", "stars", "score", "bewertung", "sterne", "date", "timestamp", "datum", "fecha")
)
_SERIAL_YEARS = range(2000, 2050)


def value_warnings(mapping: Mapping, headers: Sequence[str], values: Sequence[Sequence[str]]) -> list[str]:
    """Return warnings about ratings and dates that cannot be read, with examples. `values`: filled ones, per column."""

    def label(column: int) -> str:
        return f"“{headers[column]}”" if headers[column].strip() else f"column {column + 1}"

    used = {*mapping.columns().values(), *mapping.further_texts}
    warnings: list[str] = []
    if mapping.rating is not None:
        warnings += rating_warnings(mapping, label(mapping.rating), values[mapping.rating])
    if mapping.date is not None:
        warnings += date_warnings(mapping.date_format, label(mapping.date), values[mapping.date])
    for role, chosen in ((Role.RATING, mapping.rating), (Role.DATE, mapping.date)):
        least = name_score(role, headers[chosen]) if chosen is not None else 0.0
        for column, header in enumerate(headers):
            score = name_score(role, header)
            named = score >= 1.5 and bool(_REPORTED_NAMES & set(plain_name(header).split()))
            if not named or score <= least or column in used or not values[column]:
                continue
            if role is Role.DATE and dates_something_else(header):
                continue
            if all(is_no_rating(value) for value in values[column]):
                continue
            if role is Role.RATING and are_dates(values[column]):
                warnings.append(_dates_for_ratings(label(column), values[column]))
            elif not _readable(role, values[column]):
                sentence = f"{label(column)} cannot be read as a {role}, for example {_examples(values[column])}. "
                sentence += f"It is not used as the {role}."
                warnings.append(Warned("column-unread", sentence, *_distinct(values[column])))
    return warnings


def rating_warnings(mapping: Mapping, label: str, values: Sequence[str]) -> list[str]:
    """Return warnings about values of the rating column that are no ratings on its scale."""
    if are_dates(values):
        return [_dates_for_ratings(label, values)]
    scale = mapping.rating_scale
    given = [value for value in values if not is_no_rating(value)]
    unread = [value for value in given if parse_rating(value, scale, mapping.rating_words) is None]
    if not unread:
        return []
    if len(unread) == len(given):
        sentence = f"The ratings in {label} cannot be read and will be empty, for example {_examples(unread)}."
        return [Warned("ratings-unread", sentence, *_distinct(unread))]
    sentence = (
        f"{_share(len(unread), len(given))} of the ratings in {label} cannot be read on a scale from {scale[0]:g} "
        f"(worst) to {scale[1]:g} (best) and will be empty, for example {_examples(unread)}."
    )
    return [Warned("ratings-unread", sentence, *_distinct(unread))]


def date_warnings(form: DateFormat | None, label: str, values: Sequence[str]) -> list[str]:
    """Return warnings about values that are not dates, relative dates, and an ambiguous order of day and month."""
    given = [value for value in values if not is_placeholder(value)]
    if form is None:
        sentence = f"No date format fits the values in {label}; the dates will be empty{_for_example(given)}."
        return [Warned("dates-unread", sentence, *_distinct(given))]
    warnings: list[str] = []
    parse = date_parser(form)
    invalid = [value for value in given if parse(value) is None]
    if invalid:
        sentence = f"{_share(len(invalid), len(given))} of the dates in {label} cannot be parsed and will be empty"
        warnings.append(Warned("dates-unread", f"{sentence}{_for_example(invalid)}.", *_distinct(invalid)))
    if form.relative_to is not None:
        fixed = date_parser(form.model_copy(update={"relative_to": None}))
        relative = [value for value in given if fixed(value) is None and parse(value) is not None]
        sentence = (
            f"{_share(len(relative), len(given))} of the dates in {label} are relative. They are counted from "
            f"{form.relative_to.isoformat()}, the day of the upload{_for_example(relative)}."
        )
        warnings.append(Warned("dates-relative", sentence, *_distinct(relative)))
    if form.ambiguous:
        first = "month" if form.order == "month_first" else "day"
        example = next((value for value in given if parse(value)), "")
        day = parse(example)
        meaning = f": {example!r} means {day.isoformat()}" if day else ""
        warnings.append(
            Warned(
                "date-order-ambiguous",
                f"The dates in {label} fit both orders of day and month. They are read with the {first} first{meaning}."
                " Change the order if that is wrong.",
                *[example][: bool(example)],
            )
        )
    return warnings


def are_dates(values: Sequence[str]) -> bool:
    """Whether the values of a rating column are dates, as spreadsheets make of '5/5' or '4-5'."""
    given = [value for value in values if not is_no_rating(value)]
    if not given:
        return False
    form = detect_date_format(given, named=False)
    if form is not None and form.kind in ("iso", "numeric", "named_month"):
        return True
    dated = [f"{value} 2020" if _DAY_AND_MONTH.match(value) else "" for value in given]
    if sum(map(bool, dated)) >= 0.8 * len(given) and detect_date_format(dated, named=False) is not None:
        return True
    form = detect_date_format(given)
    if form is None or form.kind != "excel_serial":
        return False
    days = [day for value in given if (day := parse_date(value, form))]
    return all(day.year in _SERIAL_YEARS for day in days)


def _dates_for_ratings(label: str, values: Sequence[str]) -> Warned:
    sentence = (
        f"{label} holds dates, for example {_examples(values)}. A spreadsheet probably turned ratings such as 5/5 into "
        "dates. Format the column as text, enter or import the ratings again, and upload the file again."
    )
    return Warned("ratings-are-dates", sentence, *_distinct(values))


def _readable(role: Role, values: Sequence[str]) -> bool:
    if role is Role.DATE:
        return detect_date_format(values) is not None
    return detect_scale(values) is not None


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value.strip()[:40] for value in values))[:_MOST_EXAMPLES]


def _examples(values: Iterable[str]) -> str:
    return ", ".join(map(repr, _distinct(values)))


def _for_example(values: Sequence[str]) -> str:
    return f", for example {_examples(values)}" if values else ""


def _share(part: int, whole: int) -> str:
    share = part / whole if whole else 0.0
    return "Less than 1%" if 0 < share < 0.005 else f"{share:.0%}"
