"""The columns that are offered as segments, from their names and values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.errors import InputError
from reviewlens.reviews.mapping import suggest_mapping
from reviewlens.reviews.profiles import profiles
from reviewlens.reviews.segments import choose_segments, reason_key
from tests.reading.reading_help import look

TEXTS = [f"The kettle of room {number} boils fast and looks lovely on the counter" for number in range(40)]


def offered(header: str, values: list[str]) -> bool:
    """Whether a column of a file with 40 rated reviews is a segment."""
    rows = [[text, values[number % len(values)], str(1 + number % 5)] for number, text in enumerate(TEXTS)]
    mapping, reasons, _ = suggest_mapping(["Review", header, "Stars"], rows)
    assert mapping is not None
    assert (reason_key(1) in reasons) == bool(mapping.segments)
    return mapping.segments == (1,)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Department", ["Sales", "Support", "IT", "HR"]),
        ("Country", ["DE", "FR", "NA", "US"]),
        ("App Version", ["1.2", "1.3", "2.0"]),
        ("version", ["1", "2", "3"]),
        ("Device", ["iPhone", "Android"]),
        ("Operating System", ["Windows", "macOS"]),
        ("Age band", ["18-24", "25-34", "35-44", "45+"]),
        ("age", ["25", "35", "45"]),
        ("Plan", ["Free", "Pro"]),
        ("Verified Purchase", ["Yes", "No"]),
        ("verified", ["true", "false"]),
        ("Do you own a dog?", ["Y", "N"]),
        ("Customer type", ["new", "returning"]),
        ("How did you hear about us?", ["A friend told me", "Online ad", "TV"]),
        ("Region", ["EMEA", "APAC", "N/A", ""]),
        ("", ["north", "south"]),
        ("Quarter", ["Q1", "Q2", "Q3"]),
        ("Abteilung", ["Vertrieb", "Technik"]),
        ("Review source", ["Web", "App"]),
        ("feedback_type", ["praise", "bug", "wish"]),
    ],
)
def test_columns_that_are_offered(header: str, values: list[str]) -> None:
    assert offered(header, values)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Age", [str(number) for number in range(20, 50)]),
        ("Helpful votes", ["0", "1", "2", "5"]),
        ("Food", ["1", "3", "4", "5"]),
        ("Service", ["2", "3", "5"]),
        ("Staff rating", ["good", "bad"]),
        ("Cleanliness", ["4 out of 5", "3 out of 5"]),
        ("is_edited", ["true", "false"]),
        ("deleted", ["yes", "no"]),
        ("feedback", ["0", "1"]),
        ("label", ["0", "1"]),
        ("Rating group", ["1", "2", "3"]),
        ("Review summary", ["Good", "Bad"]),
        ("price", ["9.99", "19.99"]),
        ("Customer ID", ["C1", "C2"]),
        ("User", ["ann", "bob"]),
        ("Reviewer Name", ["Ann Lee", "Bob Hill"]),
        ("Email", ["ann", "bob"]),
        ("Contact", ["ann@example.com", "bob@example.com"]),
        ("Link", ["https://example.com/1", "https://example.com/2"]),
        ("Pros", ["Great colleagues and nice snacks in the office", "Low pay and long hours all the time"]),
        ("Month", ["2024-01", "2024-02"]),
        ("Birthday", ["1980-01-01", "1981-02-03"]),
        ("Country", ["DE"]),
        ("Country", ["DE", "", "", "", ""]),
        ("Country", ["N/A", "-", ""]),
        ("Country", [f"Country {number}" for number in range(20)]),
        ("Source", ["web"] * 39 + ["app"]),
    ],
)
def test_columns_that_are_not_offered(header: str, values: list[str]) -> None:
    assert not offered(header, values)


@pytest.mark.parametrize(
    "header",
    [
        *("Device", "device", "OS", "Operating System", "Browser", "Platform", "Country", "Version", "App version"),
        *("Department", "Department Name", "Region", "City", "Plan", "Language", "Device Model", "Location", "Style"),
    ],
)
def test_the_product_is_never_what_describes_the_customer(header: str) -> None:
    rows = [[text, f"Kind {number % 4}"] for number, text in enumerate(TEXTS)]
    mapping, _, _ = suggest_mapping(["Review", header], rows)
    assert mapping is not None and (mapping.product, mapping.segments) == (None, (1,))


def test_the_most_useful_columns_are_offered_and_at_most_eight() -> None:
    useful = ["Department", "Country", "Plan", "Version", "Device", "Age band", "Gender"]
    headers = ["Review", "Product", "status", *reversed(useful), "currency", "mood"]
    rows = [[text, *(f"Kind {number % 3}" for _ in headers[1:])] for number, text in enumerate(TEXTS)]
    mapping, _, _ = suggest_mapping(headers, rows)
    assert mapping is not None and mapping.product == 1
    assert [headers[column] for column in mapping.segments] == [*useful, "status"]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "1", "2024-01-01", "", "yes"]), min_size=5, max_size=5)))
def test_segments_never_have_a_role(rows: list[list[str]]) -> None:
    headers = ["Review", "Product", "Rating", "kind", ""]
    values = [[f"A text with words enough to read, number {number}", *row[1:]] for number, row in enumerate(rows)]
    mapping, _, _ = suggest_mapping(headers, values)
    if mapping is not None:
        assert not {*mapping.segments} & {*mapping.columns().values()}
        assert len({*mapping.segments}) == len(mapping.segments) <= 8


HEADERS = ["Review", "Stars", "Team", "Plan", "Item"]
ROWS = [[text, str(1 + n % 5), "NS"[n % 2], "ab"[n % 2], f"Lamp {n % 2}"] for n, text in enumerate(TEXTS)]
CHOSEN = {"text": 0, "rating": 1, "product": 4}


def choose(segments: object, **values: object) -> tuple[int, ...]:
    return choose_segments({**CHOSEN, "segments": segments, **values}, True, HEADERS, profiles(5, ROWS))[0]


def test_choices_replace_what_is_detected_and_may_name_the_product() -> None:
    assert choose([3]) == (3,)
    assert choose([4, 3, 2]) == (3, 2)
    assert choose([]) == choose(None) == ()
    assert choose_segments(CHOSEN, False, HEADERS, profiles(5, ROWS))[0] == (2, 3)
    assert choose_segments({**CHOSEN, "further_texts": [2]}, False, HEADERS, profiles(5, ROWS))[0] == (3,)


@pytest.mark.parametrize(
    ("segments", "code"),
    [
        ([1], "column-has-role"),
        ([0], "column-has-role"),
        ([5], "no-such-column"),
        ([-1], "no-such-column"),
        (["Team"], "no-such-column"),
        ([True], "no-such-column"),
        (2, "invalid-override"),
        ({"a": 1}, "invalid-override"),
    ],
)
def test_choices_that_cannot_be_are_refused(segments: object, code: str) -> None:
    with pytest.raises(InputError) as refused:
        choose(segments)
    assert refused.value.code == code


def test_another_role_for_a_column_changes_the_segments() -> None:
    data = "\n".join(",".join(row) for row in [HEADERS, *ROWS]).encode()
    found = look(data)
    assert found.mapping is not None and found.mapping.segments == (2, 3)
    changed = look(data, mapping={"product": 2})
    assert changed.mapping is not None and changed.mapping.segments == (3, 4)
    assert reason_key(2) not in changed.mapping_reasons and reason_key(4) in changed.mapping_reasons
    none = look(data, mapping={"product": None, "segments": []})
    assert none.mapping is not None and none.mapping.segments == ()
    with pytest.raises(InputError) as refused:
        look(data, mapping={"segments": [1]})
    assert refused.value.code == "column-has-role"


NUMBERS = [str(number) for number in range(1000)]
FILES = {
    "clothes": (
        {
            "": NUMBERS,
            "Clothing ID": NUMBERS[700:900],
            "Age": NUMBERS[18:80],
            "Title": [f"Title of review {number}" for number in range(300)],
            "Review Text": TEXTS,
            "Rating": ["5", "4", "3", "2", "1"],
            "Recommended IND": ["1", "1", "1", "0"],
            "Positive Feedback Count": NUMBERS[:33],
            "Division Name": ["General", "General Petite", "Initmates"],
            "Department Name": ["Tops", "Dresses", "Bottoms", "Intimate", "Jackets", "Trend", ""],
            "Class Name": [f"Class {number}" for number in range(18)],
        },
        ["Department Name", "Division Name", "Recommended IND"],
    ),
    "speakers": (
        {
            "Pageurl": [f"https://www.example.com/reviews/{number}" for number in range(200)],
            "Title": [f"{word} Stars" for word in ("One", "Two", "Three", "Four", "Five")],
            "Review Text": TEXTS,
            "Review Color": ["Black", "Black", "White"],
            "User Verified": ["Verified Purchase"],
            "Review Date": ["9/27/2017", "9/26/2017", "10/3/2017"],
            "Review Useful Count": ["2", *[""] * 99],
            "Configuration Text": ["Echo Dot"] * 99 + ["Echo Dot + Vaux Speaker"],
            "Rating": ["5", "4", "3", "2", "1"],
            "Declaration Text": ["TOP 500 REVIEWER", *[""] * 99],
        },
        ["Review Color"],
    ),
    "software": (
        {
            "ticket_system": ["Zendesk", "Zoho Desk", "Freshdesk"],
            "title": [f"Title of review {number}" for number in range(300)],
            "overall_text": TEXTS,
            "overall_rating": ["5", "4", "3"],
            "ease_of_use": ["5.0", "4.0", "3.0", "2.0"],
            "customer_service": ["5.0", "4.0", ""],
            "likelihood_to_recommend": ["10.0", "9.0", "0.0"],
            "Automated Ticket Routing": ["0", "-1", "1"],
        },
        [],
    ),
    "phones": (
        {
            "Reviewer_ID": NUMBERS,
            "Reviewer_Type": ["Certified Buyer"],
            "Location": [f"Town {number}" for number in range(300)],
            "Date": ["Oct, 2021", "Sep, 2020"],
            "Product_Name": ["realme GT (Luna White, 256 GB)", "realme 7 (Mist White, 128 GB)"],
            "Price_in_INR": ["29999", "20999"],
            "Rating": ["5", "4", "1"],
            "Review_Title": ["Terrific", "Super!", "Worthless"],
            "Review_Text": TEXTS,
        },
        [],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_segments_of_files_as_they_are_published(name: str) -> None:
    columns, segments = FILES[name]
    headers = list(columns)
    rows = [[values[number % len(values)] for values in columns.values()] for number in range(600)]
    mapping, _, _ = suggest_mapping(headers, rows)
    assert mapping is not None and mapping.rating == headers.index(next(name for name in headers if "ating" in name))
    assert [headers[column] for column in mapping.segments] == segments
