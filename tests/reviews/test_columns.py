"""Names of served columns, and the mapping suggested from headers and values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.contracts.outputs import NORMALISED_COLUMNS, OUTPUT_COLUMNS, names, served_names
from reviewlens.reviews.column_names import plain_name
from reviewlens.reviews.mapping import suggest_mapping
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
        (["1", "5", "4"], 5),
        (["1.0", "4.5"], 5),
        (["1", "7", "10"], 10),
        (["0.1", "0.95", "1"], 1),
        (["55", "80", "100"], 100),
        (["4 out of 5", "3 out of 5"], 5),
        (["8/10", "2/10"], 10),
        (["★★★★☆", "★☆☆☆☆"], 5),
        (["5 stars", "1 star"], 5),
        (["4,5", "3,0"], 5),
    ],
)
def test_rating_scales(values: list[str], scale: float) -> None:
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
