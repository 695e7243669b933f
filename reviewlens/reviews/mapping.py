"""Suggests the role of each column from its name and its values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from reviewlens.contracts.roles import Role
from reviewlens.contracts.tables import DateFormat, Mapping, Warned
from reviewlens.reviews.column_names import name_score
from reviewlens.reviews.profiles import Profile, profiles
from reviewlens.reviews.ratings import detect_scale
from reviewlens.reviews.values import detect_date_format, parse_date

Choice = tuple[int, str]  # column, reason


def suggest_mapping(
    headers: Sequence[str], sample_rows: Sequence[Sequence[str]]
) -> tuple[Mapping | None, dict[str, str], list[str]]:
    """Return the likely mapping, the reason for each choice, and warnings; None when no column looks like review text.

    If every header is '' (a file without a header), only the values are considered.
    """
    search = _Search(headers, profiles(len(headers), sample_rows))
    text, warnings = search.text()
    if text is None:
        return (
            None,
            {},
            [Warned("no-text-column", "No column looks like review text. Choose the column that holds it.")],
        )
    chosen: dict[Role, Choice] = {Role.TEXT: text}
    finders = {
        Role.RATING: search.rating,
        Role.DATE: search.date,
        Role.TITLE: search.title,
        Role.PRODUCT: search.product,
    }
    for role in (*finders, *(role for role in Role if role not in finders and role is not Role.TEXT)):
        taken = {column for column, _ in chosen.values()}
        choice = finders[role](taken, text[0]) if role in finders else search.named_as(role, taken)
        if choice is not None:
            chosen[role] = choice
    columns_by_role = {role: column for role, (column, _) in chosen.items()}
    scale, form = 5.0, None
    if Role.RATING in columns_by_role:
        scale = search.scale(columns_by_role[Role.RATING]) or 5.0
    if Role.DATE in columns_by_role:
        form = search.date_format(columns_by_role[Role.DATE])
        warnings += date_warnings(
            form, search.label(columns_by_role[Role.DATE]), search.profiles[columns_by_role[Role.DATE]].values
        )
    columns: dict[str, int] = {role.value: column for role, column in columns_by_role.items()}
    mapping = Mapping.model_validate({**columns, "date_format": form, "rating_scale": scale})
    return mapping, {role.value: reason for role, (_, reason) in chosen.items()}, warnings


def date_warnings(form: DateFormat | None, label: str, values: Sequence[str]) -> list[str]:
    """Return warnings about values that are not dates, and about an ambiguous order of day and month."""
    if form is None:
        return []
    warnings: list[str] = []
    invalid = [value for value in values if parse_date(value, form) is None]
    if invalid:
        share = len(invalid) / len(values)
        warnings.append(
            Warned(
                "dates-unread",
                f"{share:.0%} of the dates in {label} cannot be parsed and will be empty, for example "
                f"{invalid[0][:40]!r}.",
                *dict.fromkeys(value[:40] for value in invalid[:3]),
            )
        )
    if form.ambiguous:
        first = "month" if form.order == "month_first" else "day"
        example = next((value for value in values if parse_date(value, form)), "")
        day = parse_date(example, form)
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


class _Search:
    def __init__(self, headers: Sequence[str], columns: list[Profile]) -> None:
        self.headers = headers
        self.profiles = columns
        self.named = any(header.strip() for header in headers)

    def label(self, column: int) -> str:
        return f"“{self.headers[column]}”" if self.headers[column].strip() else f"column {column + 1}"

    def scale(self, column: int) -> float | None:
        return detect_scale(self.profiles[column].values)

    def date_format(self, column: int) -> DateFormat | None:
        return detect_date_format(self.profiles[column].values, named=self.named)

    def text(self) -> tuple[Choice | None, list[str]]:
        scores: dict[int, float] = {}
        for column, profile in enumerate(self.profiles):
            if not profile.wordy:
                continue
            name = name_score(Role.TEXT, self.headers[column])
            content = math.log2(1 + min(profile.words, 100))
            if profile.distinct_share < 0.2 and profile.distinct < 200 and len(profile.values) >= 20:
                content -= 3
            date_like = profile.words < 6 and detect_date_format(profile.values, named=False) is not None
            if date_like or (name < 1.5 and (profile.words < 3 or content < 2)):
                continue
            scores[column] = 2 * name + content
        if not scores:
            return None, []
        ranked = sorted(scores, key=lambda column: (-scores[column], column))
        best = ranked[0]
        named = name_score(Role.TEXT, self.headers[best]) >= 1.5
        about = f"about {self.profiles[best].words:.0f} words a row"
        reason = f"its name says review text, and it holds {about}" if named else f"it holds the longest prose, {about}"
        warnings: list[str] = []
        for other in ranked[1:]:
            if scores[best] - scores[other] < 0.5 and self.profiles[other].words >= 5:
                sentence = f"{self.label(other)} looks like review text as well; {self.label(best)} was chosen."
                warnings.append(Warned("other-text-column", sentence, self.headers[other]))
                break
        return (best, reason), warnings

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
        column = self._by_name(Role.RATING, taken, lambda column: self.scale(column) is not None)
        if column is not None:
            return column, f"its name says rating, and its values lie between 0 and {self.scale(column):g}"
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

    def date(self, taken: set[int], _text: int) -> Choice | None:
        def fits(column: int) -> bool:
            return self.date_format(column) is not None

        column = self._by_name(Role.DATE, taken, fits)
        if column is not None:
            return column, f"its name says date, and values such as {self.profiles[column].values[0][:40]!r} are dates"
        for column, profile in enumerate(self.profiles):
            form = (
                detect_date_format(profile.values, named=False)
                if column not in taken and profile.filled > 0.5
                else None
            )
            if form is not None and (not self.named or not form.kind.startswith("epoch")):
                return column, f"values such as {profile.values[0][:40]!r} are dates"
        return None

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
