"""Dates and ratings."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.contracts.tables import DateFormat
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
        ["2018"],
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


@given(st.text(max_size=30), st.sampled_from([1.0, 5.0, 10.0, 100.0]))
def test_any_rating_is_from_one_to_five_or_none(raw: str, scale: float) -> None:
    found = parse_rating(raw, scale)
    assert found is None or 1 <= found <= 5
