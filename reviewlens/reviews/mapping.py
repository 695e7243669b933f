"""Suggests the role of each column from its name and its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import DateFormat, Mapping, Warned
from reviewlens.reviews.column_names import asks_for_recommendation, dates_something_else, name_score
from reviewlens.reviews.profiles import Profile, profiles
from reviewlens.reviews.ratings import Scale, detect_scale, parse_rating, read_rating
from reviewlens.reviews.text_columns import find_text_columns
from reviewlens.reviews.value_warnings import are_dates, value_warnings
from reviewlens.reviews.values import detect_date_format

Choice = tuple[int, str]  # column, reason

_UNMISTAKABLE_WORDS = re.compile(r"satisf|recommend|thumb|zufrieden|\U0001f44d|\U0001f44e")
_AGO = re.compile(r"\bago\Z|\Avor \w+ \w+\Z|\Ail y a\b|\Ahace \d|前\Z", re.IGNORECASE)


def suggest_mapping(
    headers: Sequence[str], sample_rows: Sequence[Sequence[str]], *, uploaded: date | None = None
) -> tuple[Mapping | None, dict[str, str], list[str]]:
    """Return the likely mapping, the reason for each choice, and warnings; None when no column looks like review text.

    If every header is '' (a file without a header), only the values are considered. Relative dates count from
    `uploaded`, the day of the upload; without it they are not read.
    """
    search = _Search(headers, profiles(len(headers), sample_rows), uploaded)
    texts = find_text_columns(headers, search.profiles, sample_rows)
    if texts is None:
        return (
            None,
            {},
            [Warned("no-text-column", "No column looks like review text. Choose the column that holds it.")],
        )
    text, *further = texts.columns
    chosen: dict[Role, Choice] = {Role.TEXT: (text, texts.reasons[Role.TEXT])}
    finders = {
        Role.RATING: search.rating,
        Role.DATE: search.date,
        Role.TITLE: search.title,
        Role.PRODUCT: search.product,
    }
    for role in (*finders, *(role for role in Role if role not in finders and role is not Role.TEXT)):
        taken = {*further, *(column for column, _ in chosen.values())}
        choice = finders[role](taken, text) if role in finders else search.named_as(role, taken)
        if choice is not None:
            chosen[role] = choice
    columns_by_role = {role: column for role, (column, _) in chosen.items()}
    scale = search.scale(columns_by_role[Role.RATING]) if Role.RATING in columns_by_role else None
    form = search.date_format(columns_by_role[Role.DATE]) if Role.DATE in columns_by_role else None
    mapping = Mapping.model_validate(
        {
            **{role.value: column for role, column in columns_by_role.items()},
            "further_texts": further,
            "date_format": form,
            "rating_scale": (scale.lowest, scale.highest) if scale else (1.0, 5.0),
            "rating_words": scale.words if scale else {},
        }
    )
    warnings = texts.warnings + value_warnings(mapping, headers, [profile.values for profile in search.profiles])
    return mapping, {**texts.reasons, **{role.value: reason for role, (_, reason) in chosen.items()}}, warnings


class _Search:
    def __init__(self, headers: Sequence[str], columns: list[Profile], uploaded: date | None = None) -> None:
        self.headers = headers
        self.profiles = columns
        self.uploaded = uploaded
        self.named = any(header.strip() for header in headers)
        self._scales: dict[int, Scale | None] = {}
        self._formats: dict[int, DateFormat | None] = {}

    def scale(self, column: int) -> Scale | None:
        if column not in self._scales:
            answers = asks_for_recommendation(self.headers[column])
            self._scales[column] = detect_scale(self.profiles[column].values, answers=answers)
        return self._scales[column]

    def date_format(self, column: int) -> DateFormat | None:
        if column not in self._formats:
            self._formats[column] = detect_date_format(
                self.profiles[column].values, named=self.named, words=True, relative_to=self.uploaded
            )
        return self._formats[column]

    def _by_name(self, role: Role, taken: set[int], fits: Callable[[int], bool], least: float = 1.5) -> int | None:
        candidates = [
            (-score, column)
            for column, header in enumerate(self.headers)
            if column not in taken and (score := name_score(role, header)) >= least and fits(column)
        ]
        return min(candidates)[1] if candidates else None

    def named_as(self, role: Role, taken: set[int]) -> Choice | None:
        """Return the column whose name indicates this role, for roles that values do not reveal."""
        column = self._by_name(role, taken, lambda _: True)
        return None if column is None else (column, f"its name says {role}")

    def rating(self, taken: set[int], _text: int) -> Choice | None:
        def fits(column: int) -> bool:
            return self.scale(column) is not None and not are_dates(self.profiles[column].values)

        column = self._by_name(Role.RATING, taken, fits)
        if column is not None:
            return column, f"its name says rating; {self.ends(column)}"
        if self.named:
            return self._recommendation(taken) or self._stated_rating(taken)
        if not self.named:
            for column, profile in enumerate(self.profiles):
                stars = set(profile.values) <= {"1", "2", "3", "4", "5", "1.0", "2.0", "3.0", "4.0", "5.0"}
                if (
                    column not in taken
                    and stars
                    and profile.filled > 0.5
                    and (profile.distinct >= 3 or {"5", "5.0"} & set(profile.values))
                ):
                    return column, "its values are whole numbers from 1 to 5"
        return None

    def ends(self, column: int) -> str:
        """What is worst and best in a rating column, in words."""
        scale = self.scale(column)
        assert scale is not None
        if not scale.words:
            return f"{scale.lowest:g} is worst, {scale.highest:g} is best"
        known = [value for value in self.profiles[column].values if parse_rating(value, 5.0, scale.words) is not None]
        steps = {value: parse_rating(value, (scale.lowest, scale.highest), scale.words) or 0.0 for value in known}
        worst, best = min(steps, key=lambda value: steps[value]), max(steps, key=lambda value: steps[value])
        return f"its values are words from {worst!r} (worst) to {best!r} (best)"

    def _recommendation(self, taken: set[int]) -> Choice | None:
        for column, header in enumerate(self.headers):
            if column not in taken and asks_for_recommendation(header) and self.scale(column) is not None:
                return column, f"its name says whether customers recommend; {self.ends(column)}"
        return None

    def _stated_rating(self, taken: set[int]) -> Choice | None:
        """A column whose name says nothing, but whose values are ratings beyond doubt: '4 out of 5', 'Satisfied'."""
        for column, profile in enumerate(self.profiles):
            if column in taken or profile.filled <= 0.5 or name_score(Role.RATING, self.headers[column]) < 0:
                continue
            sample = profile.values[:200]
            stated = [rating[1] for value in sample if (rating := read_rating(value)) and rating[1]]
            one_best = len(stated) >= 0.95 * len(sample) and len(set(stated)) == 1 and stated[0] != 100
            words = any(_UNMISTAKABLE_WORDS.search(value.casefold()) for value in sample) and profile.distinct <= 24
            if (one_best or words) and self.scale(column) is not None:
                return column, f"its values are ratings; {self.ends(column)}"
        return None

    def date(self, taken: set[int], _text: int) -> Choice | None:
        def fits(column: int) -> bool:
            return not dates_something_else(self.headers[column]) and self.date_format(column) is not None

        column = self._by_name(Role.DATE, taken, fits)
        if column is not None:
            return column, f"its name says date, and values such as {self.profiles[column].values[0][:40]!r} are dates"
        for column, profile in enumerate(self.profiles):
            if dates_something_else(self.headers[column]) or name_score(Role.RATING, self.headers[column]) >= 1.5:
                continue
            form = (
                detect_date_format(
                    profile.values, named=False, words=self._relative(profile.values), relative_to=self.uploaded
                )
                if column not in taken and profile.filled > 0.5
                else None
            )
            if form is not None and (not self.named or not form.kind.startswith("epoch")):
                return column, f"values such as {profile.values[0][:40]!r} are dates"
        return None

    def _relative(self, values: Sequence[str]) -> bool:
        sample = values[:200]
        return bool(sample) and sum(1 for value in sample if _AGO.search(value)) >= 0.5 * len(sample)

    def title(self, taken: set[int], text: int) -> Choice | None:
        def fits(column: int) -> bool:
            profile = self.profiles[column]
            repeated = (
                len(profile.values) >= 50
                and profile.distinct_share < 0.1
                and profile.starlike < 0.2
                and profile.words > 2
            )
            return profile.wordy and profile.words <= 25 and not repeated

        column = self._by_name(Role.TITLE, taken, fits)
        if column is not None:
            return column, "its name says title or summary"
        if self.named:
            return None
        best: tuple[int, int] | None = None
        for column, profile in enumerate(self.profiles):
            if (
                column in taken
                or not fits(column)
                or not 2.5 <= profile.words <= min(12, self.profiles[text].words / 2)
            ):
                continue
            if profile.distinct_share >= 0.5:
                best = min(best or (99, 0), (abs(text - column), column))
        return (best[1], "short texts, most of them different, as titles are") if best else None

    def product(self, taken: set[int], _text: int) -> Choice | None:
        def readable(column: int) -> float:
            profile = self.profiles[column]
            return 0.0 if profile.wordy and profile.distinct > 1 else -0.7

        candidates: list[tuple[float, int, str]] = []
        for column, profile in enumerate(self.profiles):
            if column in taken or not profile.values or profile.urls > 0.3 or profile.words > 25:
                continue
            name = name_score(Role.PRODUCT, self.headers[column])
            # A column "name" is that of the reviewer unless its values repeat.
            person = self.headers[column].strip().lower() == "name"
            titled = name_score(Role.TITLE, self.headers[column]) >= 1.5
            if profile.article_numbers and name >= 0:
                candidates.append((max(name, 1.2), column, "its values have the form of article numbers"))
            elif name > 0.7 and not (person and profile.distinct_share > 0.5):
                candidates.append((name + readable(column), column, "its name says what was reviewed"))
            elif titled and profile.wordy:
                candidates.append((0.9, column, "its few different titles are those of what was reviewed"))
        if not candidates:
            return None
        score, column, reason = max(candidates, key=lambda candidate: (candidate[0], -candidate[1]))
        return (column, reason) if score > 0 else None
