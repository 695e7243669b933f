"""Names of served columns, and the mapping suggested from headers and values."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.contracts.outputs import NORMALISED_COLUMNS, OUTPUT_COLUMNS, names, served_names
from reviewlens.contracts.tables import Mapping
from reviewlens.reviews.column_names import plain_name
from reviewlens.reviews.mapping import suggest_mapping
from reviewlens.reviews.ratings import parse_rating
from tests.reading.test_sniff import make_rows

ROWS = make_rows(100)
TEXT = [row[4] for row in ROWS]
TITLES = [row[3] for row in ROWS]


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        (["a", "b"], ["a", "b"]),
        (["Sentiment", "confidence", "review_id"], ["Sentiment_original", "confidence_original", "review_id_original"]),
        (["positive_score", "needs_review"], ["positive_score_original", "needs_review_original"]),
        (["mixed", "Mixed"], ["mixed_original", "Mixed_original_2"]),
        (["rating", "Rating"], ["rating", "Rating_original"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "a_2", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["", "x", " "], ["column_1", "x", "column_3"]),
        (["column_2", ""], ["column_2", "column_2_2"]),
        (["_row", "_TEXT"], ["_row_original", "_TEXT_original"]),
        (["sentiment", "sentiment_original"], ["sentiment_original_2", "sentiment_original"]),
        (["two\nlines", "nul\x00"], ["two lines", "nul"]),
    ],
)
def test_served_names(headers: list[str], served: list[str]) -> None:
    assert served_names(headers) == served


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["a", "A", "a_2", "", "sentiment", "sentiment_original", "_row", "column_1"]),
            st.text(max_size=4),
        )
    )
)
def test_served_names_never_collide(headers: list[str]) -> None:
    served = served_names(headers)
    folded = [name.casefold() for name in served]
    assert len(set(folded)) == len(headers)
    assert not set(folded) & set(names(OUTPUT_COLUMNS + NORMALISED_COLUMNS))
    assert all(served)


@pytest.mark.parametrize(
    ("header", "plain"),
    [
        ("reviewText", "review text"),
        ("Review_Text", "review text"),
        ("reviews.text", "reviews text"),
        ("ASIN", "asin"),
        ("Reseña", "resena"),
        ("ReviewURL2", "review url 2"),
    ],
)
def test_plain_names(header: str, plain: str) -> None:
    assert plain_name(header) == plain


@pytest.mark.parametrize(
    "header",
    [
        "Text",
        "Review Text",
        "reviewText",
        "review",
        "verified_reviews",
        "Full_review",
        "Review_Text",
        "content",
        "overall_text",
        "reviews.text",
        "comment",
        "Feedback",
        "review_body",
        "Customer Review",
        "body",
        "Kommentar",
        "My own words",
    ],
)
def test_text_is_found_among_other_prose(header: str) -> None:
    headers = ["id", "Review Title", header, "Product Description", "Reviewer Name", "Review Date"]
    rows = [
        [
            str(n),
            TITLES[n],
            TEXT[n],
            "A kettle of steel with a handle that stays cool and a long cord",
            "Ann Lee",
            "2021-03-04",
        ]
        for n in range(100)
    ]
    mapping, reasons, _ = suggest_mapping(headers, rows)
    assert mapping is not None
    assert (mapping.text, mapping.title, mapping.date) == (2, 1, 5)
    assert set(reasons) >= {"text", "title", "date"}


def test_numbers_named_like_text_are_not_text() -> None:
    rows = [[str(n % 2), TEXT[n], str(n % 5 + 1)] for n in range(100)]
    mapping, _, _ = suggest_mapping(["feedback", "words of the customer", "rating"], rows)
    assert mapping is not None and (mapping.text, mapping.rating) == (1, 2)


def test_titles_such_as_five_stars_are_titles() -> None:
    rows = [["Five Stars" if n % 3 else "Great little thing", TEXT[n], "5"] for n in range(100)]
    mapping, _, _ = suggest_mapping(["Title", "Review", "Rating"], rows)
    assert mapping is not None and (mapping.title, mapping.rating) == (0, 2)


def test_a_repeated_title_is_the_products() -> None:
    rows = [[f"Steel kettle with handle no. {n % 4}", TEXT[n]] for n in range(100)]
    mapping, _, _ = suggest_mapping(["title", "review"], rows)
    assert mapping is not None and (mapping.title, mapping.product) == (None, 0)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (["1", "5", "4"], (1, 5)),
        (["1.0", "4.5"], (1, 5)),
        (["1", "7", "10"], (1, 10)),
        (["0.1", "0.95", "1"], (0, 1)),
        (["55", "80", "100"], (0, 100)),
        (["4 out of 5", "3 out of 5"], (1, 5)),
        (["8/10", "2/10"], (1, 10)),
        (["★★★★☆", "★☆☆☆☆"], (1, 5)),
        (["5 stars", "1 star"], (1, 5)),
        (["4,5", "3,0"], (1, 5)),
        (["4", "0", "2", "4", "1"], (0, 4)),
        (["7", "1", "4", "2"], (1, 7)),
        (["0", "10", "7"], (0, 10)),
        (["50", "10", "30", "20"], (10, 50)),
        (["20", "100", "40", "60", "80"], (20, 100)),
        (["0", "55", "100"], (0, 100)),
        (["0.5", "3.0", "5.0"], (0.5, 5)),
        (["5,0 von 5 Sternen", "1,0 von 5 Sternen"], (1, 5)),
        (["5,0 de 5 estrellas", "2,0 de 5 estrellas"], (1, 5)),
        (["Rated 5", "Rated 1"], (1, 5)),
        (["5 - Excellent", "1 - Terrible"], (1, 5)),
        (["N/A", "5", "N/A", "1", "Not rated", "-"], (1, 5)),
        (["A", "B-", "C", "F"], (1, 5)),
        (["Poor", "Fair", "Good", "Excellent"], (1, 4)),
        (["1", "3", "5", "99"], (1, 5)),
    ],
)
def test_rating_scales(values: list[str], scale: tuple[float, float]) -> None:
    rows = [[TEXT[n], values[n % len(values)]] for n in range(100)]
    mapping, _, _ = suggest_mapping(["text", "rating"], rows)
    assert mapping is not None and (mapping.rating, mapping.rating_scale) == (1, scale)


@pytest.mark.parametrize("values", [["yes", "no"], ["0", "1"], ["-3", "4"], ["1500", "20"]])
def test_columns_named_rating_that_are_not_ratings(values: list[str]) -> None:
    rows = [[TEXT[n], values[n % 2]] for n in range(100)]
    mapping, _, _ = suggest_mapping(["text", "rating"], rows)
    assert mapping is not None and mapping.rating is None


@pytest.mark.parametrize(
    ("headers", "product"),
    [
        (["text", "Product_Name", "brand"], 1),
        (["text", "brand", "asin"], 2),
        (["text", "colour", "variation"], 2),
        (["text", "ticket_system", "country"], 1),
        (["text", "User Verified", "Configuration Text"], 2),
        (["text", "Division Name", "Class Name"], 2),
        (["text", "Reviewer", "Image URL"], None),
    ],
)
def test_products(headers: list[str], product: int | None) -> None:
    rows = [[TEXT[n], f"Kind {n % 3}", f"Sort {n % 4}"] for n in range(100)]
    mapping, _, _ = suggest_mapping(headers, rows)
    assert mapping is not None and mapping.product == product


def test_readable_product_names_are_preferred_to_numbers() -> None:
    rows = [[TEXT[n], str(700 + n % 30), f"Dresses {n % 3}"] for n in range(100)]
    mapping, _, _ = suggest_mapping(["Review Text", "Clothing ID", "Class Name"], rows)
    assert mapping is not None and mapping.product == 2
    mapping, _, _ = suggest_mapping(["Review Text", "product_id", "age group"], rows)
    assert mapping is not None and mapping.product == 1


def test_two_columns_of_prose_give_a_warning() -> None:
    rows = [[TEXT[n], TEXT[-n]] for n in range(100)]
    mapping, _, warnings = suggest_mapping(["first answer given", "second answer given"], rows)
    assert mapping is not None
    assert any("looks like review text as well" in warning for warning in warnings)


def test_no_rows_at_all() -> None:
    assert suggest_mapping(["text"], [])[0] is None


def test_dates_that_cannot_be_read_are_counted() -> None:
    rows = [[TEXT[n], "Oct, 2021" if n % 10 else "5 months ago"] for n in range(100)]
    mapping, _, warnings = suggest_mapping(["text", "Date"], rows)
    assert mapping is not None and mapping.date == 1
    wanted = "10% of the dates in “Date” cannot be parsed and will be empty, for example '5 months ago'."
    assert warnings == [wanted]


def suggest(header: str, values: list[str], uploaded: date | None = None) -> tuple[Mapping, list[str]]:
    """The mapping and warnings of a file with texts and one other column."""
    rows = [[TEXT[n], values[n % len(values)]] for n in range(100)]
    mapping, _, warnings = suggest_mapping(["text", header], rows, uploaded=uploaded)
    assert mapping is not None
    return mapping, warnings


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Overall satisfaction", ["Very satisfied", "Very dissatisfied", "Neither satisfied nor dissatisfied"]),
        ("How satisfied are you?", ["1", "3", "5"]),
        ("recommendation", ["Recommended", "Not Recommended"]),
        ("Would you recommend us?", ["Yes", "No"]),
        ("How likely are you to recommend us?", ["0", "7", "10"]),
        ("Experience", ["4 out of 5", "1 out of 5"]),
        ("Verdict", ["Thumbs up", "Thumbs down"]),
        ("Experience", ["★★★★☆", "★☆☆☆☆"]),
    ],
)
def test_columns_that_hold_ratings(header: str, values: list[str]) -> None:
    mapping, warnings = suggest(header, values)
    assert (mapping.rating, warnings) == (1, [])


@pytest.mark.parametrize(
    ("header", "values"),
    [("sentiment", ["positive", "negative"]), ("helpful", ["3 of 5", "1 of 5"]), ("verified", ["Yes", "No"])],
)
def test_columns_that_hold_no_ratings(header: str, values: list[str]) -> None:
    assert suggest(header, values)[0].rating is None


@pytest.mark.parametrize(
    "header",
    [
        *("Birthday", "Date of birth", "DOB", "Birth Date", "Geburtsdatum", "Signed up", "Member since", "date_joined"),
        *("Registered at", "Expiry date"),
    ],
)
def test_dates_that_are_not_the_reviews(header: str) -> None:
    mapping, warnings = suggest(header, ["1980-01-01", "1981-02-03"])
    assert (mapping.date, warnings) == (None, [])


@pytest.mark.parametrize(
    ("header", "role", "values"),
    [
        ("Rating", "rating", ["blue", "red", "green"]),
        ("Stars", "rating", ["many", "few", "some"]),
        ("Score", "rating", ["1500", "20", "900"]),
        ("Date", "date", ["soon", "later", "never"]),
    ],
)
def test_a_named_column_that_cannot_be_read_is_reported(header: str, role: str, values: list[str]) -> None:
    mapping, warnings = suggest(header, values)
    assert mapping.rating is None and mapping.date is None
    examples = ", ".join(map(repr, values))
    assert warnings == [f"“{header}” cannot be read as a {role}, for example {examples}. It is not used as the {role}."]


@pytest.mark.parametrize(
    "values", [["2024-05-05", "2024-01-05"], ["5-May", "1-May"], ["05.May", "04.May"], ["45417", "45296"]]
)
def test_ratings_that_a_spreadsheet_turned_into_dates_are_named(values: list[str]) -> None:
    mapping, warnings = suggest("Rating", values)
    assert mapping.rating is None and mapping.date is None
    assert len(warnings) == 1
    assert warnings[0].startswith(f"“Rating” holds dates, for example {values[0]!r}, {values[1]!r}. A spreadsheet")


def test_relative_dates_count_from_the_upload_and_a_warning_says_so() -> None:
    mapping, warnings = suggest("Date", ["1 months ago", "2 months ago"], date(2024, 3, 15))
    assert mapping.date_format is not None and mapping.date_format.relative_to == date(2024, 3, 15)
    assert warnings == [
        "100% of the dates in “Date” are relative. They are counted from 2024-03-15, the day of the upload, "
        "for example '1 months ago', '2 months ago'."
    ]
    assert suggest("When", ["3 days ago", "2 weeks ago"], date(2024, 3, 15))[0].date == 1


def test_stray_ratings_are_counted_and_placeholders_are_not() -> None:
    assert suggest("Rating", ["N/A", "5", "1", "3"])[1] == []
    _, warnings = suggest("Rating", ["5", "1", "3", "4", "2"] * 19 + ["0", "1", "1", "1", "1"])
    wanted = "1% of the ratings in “Rating” cannot be read on a scale from 1 (worst) to 5 (best) and will be empty"
    assert warnings == [f"{wanted}, for example '0'."]


def test_a_mostly_empty_column_is_not_the_review_text():
    rows = [["A fine kettle, boils fast and looks good", ""] for _ in range(38)]
    rows += [["", "An odd remark about the parcel that came"] for _ in range(2)]
    mapping, _, _ = suggest_mapping(["comments", "content"], rows)
    assert mapping is not None
    assert mapping.text == 0


@pytest.mark.parametrize(
    "headers",
    [
        ("Отзыв", "Оценка", "Дата", "Товар"),
        ("レビュー", "評価", "日付", "商品名"),
        ("Opinia", "Ocena", "Data", "Produkt"),
    ],
)
def test_headers_in_other_languages(headers):
    rows = [
        [f"Works well for {n} months and then stops", str(1 + n % 5), f"2024-03-{n:02}", f"Kettle {n % 3}"]
        for n in range(1, 25)
    ]
    mapping, _, _ = suggest_mapping(headers, rows)
    assert mapping is not None
    assert (mapping.text, mapping.rating, mapping.date, mapping.product) == (0, 1, 2, 3)


RATINGS = [5, 4, 1, 3, 5, 2, 4, 5]


@pytest.mark.parametrize("written", ["Overall{}", "Arvosana {}/5", "Arvosana: {}", "Betyg {} av 5", "Rated {}"])
def test_a_word_may_precede_every_rating(written: str) -> None:
    rows = [[f"Works as it should, and I like it. No. {n}", written.format(stars)] for n, stars in enumerate(RATINGS)]
    mapping, _, warnings = suggest_mapping(["review_text", "review_rating"], [*rows, [rows[0][0], "No overall review"]])
    assert mapping is not None and mapping.rating == 1
    assert (mapping.rating_scale, warnings) == ((1.0, 5.0), [])
    assert [parse_rating(row[1], mapping.rating_scale) for row in rows] == RATINGS


def test_numbers_from_1_to_5_are_ratings_where_they_are_all_there_is_beside_the_text() -> None:
    rows = [[f"Works as it should, and I like it. No. {n}", str(stars)] for n, stars in enumerate(RATINGS)]
    mapping, _, _ = suggest_mapping(["Review", "Liked"], rows)
    assert mapping is not None and mapping.rating == 1
    mapping, _, _ = suggest_mapping(["Review", "Liked", "Visits"], [[*row, row[1]] for row in rows])
    assert mapping is not None and mapping.rating is None
    mapping, _, _ = suggest_mapping(["Review", "Helpful votes count"], rows)
    assert mapping is not None and mapping.rating is None


def test_a_rating_of_the_product_is_not_its_name() -> None:
    rows = [[f"Works as it should, and I like it. No. {n}", f"{stars}0", "Pan"] for n, stars in enumerate(RATINGS)]
    mapping, _, _ = suggest_mapping(["Feedback", "Product quality", "Product"], rows)
    assert mapping is not None and mapping.product == 2
    mapping, _, _ = suggest_mapping(["Feedback", "Product quality"], [row[:2] for row in rows])
    assert mapping is not None and mapping.product is None
