"""Dates and ratings."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.contracts.tables import DateFormat
from reviewlens.reviews.ratings import detect_scale, read_rating
from reviewlens.reviews.values import detect_date_format, parse_date, parse_rating

DAY = date(2018, 7, 31)


@pytest.mark.parametrize(
    ("text", "kind", "order"),
    [
        ("1532995200", "epoch_seconds", "day_first"),
        ("1532995200.0", "epoch_seconds", "day_first"),
        ("1532995200000", "epoch_milliseconds", "day_first"),
        ("31-Jul-18", "named_month", "day_first"),
        ("July 31, 2018", "named_month", "day_first"),
        ("Reviewed in Germany on 31 July 2018", "named_month", "day_first"),
        ("Fri Jul 31 10:00:00 +0000 2018", "named_month", "day_first"),
        ("Jul 31, 2018 10:33 PM", "named_month", "day_first"),
        ("31 juillet 2018", "named_month", "day_first"),
        ("7/31/2018", "numeric", "month_first"),
        ("07 31, 2018", "numeric", "month_first"),
        ("31.07.18", "numeric", "day_first"),
        ("31/7/2018 14:05", "numeric", "day_first"),
        ("2018/7/31", "numeric", "year_first"),
        ("2018-07-31", "iso", "year_first"),
        ("2018-07-31T23:59:00-08:00", "iso", "year_first"),
        ("2018-07-31 10:00:00.123Z", "iso", "year_first"),
        ("20180731", "iso", "year_first"),
        ("43312", "excel_serial", "year_first"),
        ("1532995200000000", "epoch_microseconds", "day_first"),
        ("2018年7月31日", "named_month", "day_first"),
        ("2018년 7월 31일", "named_month", "day_first"),
    ],
)
def test_formats(text: str, kind: str, order: str) -> None:
    form = detect_date_format([text, "", text])
    assert form is not None
    assert (form.kind, form.order, form.ambiguous) == (kind, order, False)
    assert parse_date(f" {text} ", form) == DAY


def test_month_and_year_is_its_first_day() -> None:
    form = detect_date_format(["Oct, 2021", "Sep, 2021", ""])
    assert form is not None and form.kind == "month_year"
    assert parse_date("Oct, 2021", form) == date(2021, 10, 1)


@pytest.mark.parametrize("text", ["11 months ago", "24 days ago", "5 months ago", "a year ago"])
def test_relative_dates_are_not_in_august(text: str) -> None:
    for kind in ("month_year", "named_month"):
        assert parse_date(text, DateFormat.model_validate({"kind": kind})) is None
    assert parse_date("12 ago 2021", DateFormat(kind="named_month")) == date(2021, 8, 12)


@pytest.mark.parametrize(
    "values",
    [
        ["good", "bad"],
        ["5", "4"],
        ["1.5"],
        [""],
        [],
        ["7 months ago"],
        ["31/31/2018"],
        ["B00X4WHP5E"],
        ["Great in May"],
    ],
)
def test_no_dates(values: list[str]) -> None:
    assert detect_date_format(values) is None


def test_serial_numbers_need_a_name() -> None:
    assert detect_date_format(["43312"], named=False) is None


def test_the_order_of_a_column_is_one_for_all_its_values() -> None:
    form = detect_date_format(["10/3/2017", "9/26/2017", "1/2/2017"])
    assert form == DateFormat(kind="numeric", order="month_first")
    assert [parse_date(text, form) for text in ("10/3/2017", "26/9/2017")] == [date(2017, 10, 3), None]


UPLOADED = date(2024, 3, 15)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3 days ago", date(2024, 3, 12)),
        ("1 months ago", date(2024, 2, 15)),
        ("a year ago", date(2023, 3, 15)),
        ("yesterday", date(2024, 3, 14)),
        ("Edited 2 weeks ago", date(2024, 3, 1)),
        ("2 weeks ago (edited)", date(2024, 3, 1)),
        ("vor 2 Wochen", date(2024, 3, 1)),
        ("il y a 3 jours", date(2024, 3, 12)),
        ("hace 2 meses", date(2024, 1, 15)),
        ("3日前", date(2024, 3, 12)),
        ("4 marca 2024", date(2024, 3, 4)),
        ("4 марта 2024", date(2024, 3, 4)),
        ("5 Mart 2023", date(2023, 3, 5)),
        ("Reviewed in Poland on 4 marca 2024", date(2024, 3, 4)),
    ],
)
def test_dates_in_words(text: str, day: date) -> None:
    form = detect_date_format([text], words=True, relative_to=UPLOADED)
    assert form is not None and form.kind == "words" and form.languages
    assert parse_date(text, form) == day
    assert parse_date(text, DateFormat.model_validate_json(form.model_dump_json())) == day


def test_relative_dates_need_a_day_and_dates_in_words_do_not() -> None:
    form = DateFormat(kind="words", languages=("en", "pl"))
    assert parse_date("3 days ago", form) is None
    assert parse_date("4 marca 2024", form) == date(2024, 3, 4)
    assert parse_date("in 3 days", form.model_copy(update={"relative_to": UPLOADED})) is None
    absolute = detect_date_format(["4 marca 2024"], words=True, relative_to=UPLOADED)
    assert absolute is not None and absolute.relative_to is None


@pytest.mark.parametrize(
    ("text", "kind", "day"),
    [
        ("Q3 2023", "quarter", date(2023, 7, 1)),
        ("2023-Q1", "quarter", date(2023, 1, 1)),
        ("2023 Q4", "quarter", date(2023, 10, 1)),
        ("2019", "year", date(2019, 1, 1)),
        ("2019.0", "year", date(2019, 1, 1)),
    ],
)
def test_quarters_and_years_are_their_first_day(text: str, kind: str, day: date) -> None:
    form = detect_date_format([text])
    assert form is not None and form.kind == kind
    assert parse_date(text, form) == day
    assert detect_date_format([text], named=False) is None


@pytest.mark.parametrize(
    ("values", "days"),
    [
        (["2024-01-01", "02/13/2024"], [date(2024, 1, 1), date(2024, 2, 13)]),
        (["2024-02-02", "13/1/2024"], [date(2024, 2, 2), date(2024, 1, 13)]),
        (["3 Mar 2024", "2024-03-04", "5.3.2024"], [date(2024, 3, 3), date(2024, 3, 4), date(2024, 3, 5)]),
        (["Oct, 2021"] * 8 + ["5 months ago"], [date(2021, 10, 1)] * 8 + [date(2023, 10, 15)]),
        (["2024-03-04"] * 9 + ["45355"], [date(2024, 3, 4)] * 10),
    ],
)
def test_a_column_of_several_kinds_of_date_is_read_completely(values: list[str], days: list[date]) -> None:
    form = detect_date_format(values, words=True, relative_to=UPLOADED)
    assert form is not None and form.further
    assert [parse_date(value, form) for value in values] == days


def test_placeholders_are_neither_dates_nor_a_reason_to_refuse_a_column() -> None:
    assert detect_date_format(["2024-03-04", "N/A", "-", "N/A"], named=False) == DateFormat()


def test_ambiguous_order() -> None:
    slashed = detect_date_format(["3/4/2017", "5/6/2017"])
    dotted = detect_date_format(["3.4.2017", "5.6.2017"])
    assert slashed == DateFormat(kind="numeric", order="month_first", ambiguous=True)
    assert dotted == DateFormat(kind="numeric", order="day_first", ambiguous=True)
    same = detect_date_format(["3/3/2017", "5/5/2017"])
    assert same is not None and not same.ambiguous


def test_more_bad_values_are_allowed_if_the_name_says_date() -> None:
    assert detect_date_format(["2018-07-31"] * 4 + ["soon"], named=False) is not None
    assert detect_date_format(["2018-07-31"] * 3 + ["soon"], named=False) is None
    assert detect_date_format(["2018-07-31"] * 3 + ["soon"] * 3) is not None
    assert detect_date_format(["2018-07-31"] * 3 + ["soon"] * 4) is None


@pytest.mark.parametrize(
    "kind", ["epoch_seconds", "epoch_milliseconds", "iso", "numeric", "named_month", "month_year", "excel_serial"]
)
@given(st.text(max_size=20) | st.from_regex(r"[0-9A-Za-z/:. -]{0,24}", fullmatch=True))
def test_any_text_is_a_day_or_none(kind: str, text: str) -> None:
    found = parse_date(text, DateFormat.model_validate({"kind": kind, "order": "day_first"}))
    assert found is None or isinstance(found, date)


@given(st.dates(date(1970, 1, 1), date(2068, 12, 31)))
def test_dates_round_trip(day: date) -> None:
    assert parse_date(day.isoformat(), DateFormat()) == day
    assert parse_date(day.strftime("%d/%m/%Y"), DateFormat(kind="numeric", order="day_first")) == day
    assert parse_date(day.strftime("%m-%d-%y"), DateFormat(kind="numeric", order="month_first")) == day
    serial = (day - date(1899, 12, 30)) // timedelta(days=1)
    assert parse_date(str(serial), DateFormat(kind="excel_serial")) == day


@pytest.mark.parametrize(
    ("raw", "scale", "stars"),
    [
        ("5", 5, 5.0),
        ("5.0", 5, 5.0),
        ("4,5", 5, 4.5),
        ("4 out of 5", 5, 4.0),
        ("5.0 out of 5 stars", 5, 5.0),
        ("Rated 3 out of 5", 5, 3.0),
        ("4/5", 10, 4.0),
        ("3 stars", 5, 3.0),
        ("Five Stars", 5, 5.0),
        ("★★★★☆", 5, 4.0),
        ("⭐⭐", 5, 2.0),
        ("10", 10, 5.0),
        ("1", 10, 1.0),
        ("5.5", 10, 3.0),
        ("0", 10, 1.0),
        ("0.5", 1, 3.0),
        ("0", 1, 1.0),
        ("80%", 5, 4.2),
        ("50", 100, 3.0),
        ("0.5", 5, 1.0),
        ("0", 5, None),
        ("6", 5, None),
        ("-1", 5, None),
        ("", 5, None),
        ("good", 5, None),
        ("1 of 0", 5, None),
    ],
)
def test_ratings(raw: str, scale: float, stars: float | None) -> None:
    found = parse_rating(raw, scale)
    assert found == (None if stars is None else pytest.approx(stars))


@pytest.mark.parametrize(
    ("raw", "value", "best"),
    [
        ("4,0 von 5", 4.0, 5.0),
        ("5,0 von 5 Sternen", 5.0, 5.0),
        ("5 de 5 estrellas", 5.0, 5.0),
        ("4 étoiles sur 5", 4.0, 5.0),
        ("5つ星のうち4.0", 4.0, 5.0),
        ("Rated 4", 4.0, None),
        ("Rating: 4/5", 4.0, 5.0),
        ("5 - Excellent", 5.0, None),
        ("5: Great", 5.0, None),
        ("4 stars (good)", 4.0, None),
        ("Excellent (5)", 5.0, None),
        ("★☆☆☆☆", 1.0, 5.0),
        ("★★★★ Good", 4.0, 5.0),
        ("10 - Extremely likely", 10.0, None),
    ],
)
def test_ratings_in_words_and_glyphs(raw: str, value: float, best: float | None) -> None:
    assert read_rating(raw) == (value, best)


@pytest.mark.parametrize("raw", ["2024-05-05", "10-12", "12:30", "10% off", "☆☆☆☆☆", "Great", "N/A"])
def test_texts_that_are_no_ratings(raw: str) -> None:
    assert read_rating(raw) is None


@pytest.mark.parametrize(
    ("scale", "ratings"),
    [
        ((0, 4), {"0": 1.0, "1": 2.0, "4": 5.0, "5": None}),
        ((1, 7), {"1": 1.0, "4": 3.0, "7": 5.0}),
        ((0, 10), {"0": 1.0, "5": 3.0, "10": 5.0}),
        ((10, 50), {"10": 1.0, "30": 3.0, "50": 5.0, "5": None}),
        ((0, 100), {"0": 1.0, "50": 3.0, "100": 5.0}),
        ((-2, 2), {"-2": 1.0, "0": 3.0, "2": 5.0}),
    ],
)
def test_the_worst_rating_is_one_and_the_best_is_five(
    scale: tuple[float, float], ratings: dict[str, float | None]
) -> None:
    assert {raw: parse_rating(raw, scale) for raw in ratings} == ratings


@pytest.mark.parametrize(
    ("worst_first", "scale"),
    [
        (
            ["Very dissatisfied", "Dissatisfied", "Neither satisfied nor dissatisfied", "Satisfied", "Very satisfied"],
            (1, 5),
        ),
        (["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"], (1, 5)),
        (["Terrible", "Poor", "Average", "Very good", "Excellent"], (1, 5)),
        (["Poor", "Fair", "Good", "Very good", "Excellent"], (1, 5)),
        (["Poor", "Fair", "Good", "Excellent"], (1, 4)),
        (["F", "D", "C", "B", "A"], (1, 5)),
        (["Bad", "OK", "Good"], (1, 3)),
        (["Bad", "Good"], (1, 2)),
        (["Not Recommended", "Recommended"], (1, 2)),
        (["Thumbs down", "Thumbs up"], (1, 2)),
        (["👎", "👍🏽"], (1, 2)),
        (["sehr unzufrieden", "unzufrieden", "zufrieden", "sehr zufrieden"], (1, 5)),
    ],
)
def test_words_on_a_scale(worst_first: list[str], scale: tuple[float, float]) -> None:
    detected = detect_scale(worst_first * 10 + ["N/A"])
    assert detected is not None and (detected.lowest, detected.highest) == scale
    ratings = [parse_rating(word.upper(), scale, detected.words) for word in worst_first]
    assert ratings == sorted(rating for rating in ratings if rating is not None)
    assert (ratings[0], ratings[-1]) == (1, 5)


def test_yes_and_no_are_ratings_only_where_that_is_the_question() -> None:
    assert detect_scale(["yes", "no"]) is None
    assert detect_scale(["1", "0"]) is None
    for worst, best in (("no", "Yes"), ("0", "1"), ("False", "True")):
        answered = detect_scale([worst, best], answers=True)
        assert answered is not None
        assert parse_rating(worst, (answered.lowest, answered.highest), answered.words) == 1
        assert parse_rating(best, (answered.lowest, answered.highest), answered.words) == 5


def test_steps_that_nobody_chose_do_not_count_in_words_of_quality() -> None:
    detected = detect_scale(["Bad", "Average", "Good", "Great", "Above average"] * 5)
    assert detected is not None and (detected.lowest, detected.highest) == (2, 5)


@pytest.mark.parametrize("stray", ["55", "50", "99", "-1", "6"])
def test_one_stray_value_does_not_stretch_the_scale(stray: str) -> None:
    detected = detect_scale(["1", "2", "3", "4", "5"] * 60 + [stray])
    assert detected is not None and (detected.lowest, detected.highest) == (1, 5)
    assert parse_rating(stray, (1, 5)) is None


@given(st.text(max_size=30), st.sampled_from([1.0, 5.0, 10.0, 100.0, (0.0, 4.0), (10.0, 50.0), (1.0, 7.0)]))
def test_any_rating_is_from_one_to_five_or_none(raw: str, scale: float | tuple[float, float]) -> None:
    found = parse_rating(raw, scale)
    assert found is None or 1 <= found <= 5
