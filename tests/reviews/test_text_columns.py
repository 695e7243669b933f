"""Which columns are read together as review text, and which are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reviewlens.reviews.mapping import suggest_mapping
from tests.reading.test_sniff import make_rows

ROWS = make_rows(120)
TEXT = [row[4] for row in ROWS]
COUNT = 60
Cell = Callable[[int], str]


def prose(number: int) -> str:
    return TEXT[number]


def other(number: int) -> str:
    """Prose that shares no row with `prose`."""
    return TEXT[119 - number]


def third(number: int) -> str:
    return TEXT[(number + 37) % 120]


def sometimes(cell: Cell, every: int) -> Cell:
    return lambda number: cell(number) if number % every == 0 else ""


def constant(value: str) -> Cell:
    return lambda _: value


def one_of(*values: str) -> Cell:
    return lambda number: values[number % len(values)]


def texts_of(columns: dict[str, Cell]) -> list[str]:
    """The names of the columns that are read as review text."""
    headers = list(columns)
    rows = [[cell(number) for cell in columns.values()] for number in range(COUNT)]
    mapping, reasons, _ = suggest_mapping(headers, rows)
    if mapping is None:
        return []
    assert mapping.read_texts == "each"
    assert ("further_texts" in reasons) == bool(mapping.further_texts)
    assert list(mapping.texts) == sorted(mapping.texts)
    return [headers[column] for column in mapping.texts]


@pytest.mark.parametrize(
    "columns",
    [
        {"What did you like?": prose, "What can we do better?": other, "Any other comments?": sometimes(third, 5)},
        {"What do you like most about our product?": prose, "What could we improve?": constant("Make it far cheaper")},
        {"pros": prose, "cons": other},
        {"Pros": constant("Great colleagues and nice snacks"), "Cons": constant("Low pay and long hours all the time")},
        {"pros": prose, "cons": other, "advice_to_mgmt": sometimes(third, 4)},
        {"Negative_Review": prose, "Positive_Review": other},
        {"positive_comment": prose, "negative_comment": other},
        {"Advantages": prose, "Disadvantages": other},
        {"liked": prose, "disliked": other},
        {"What did you like about it?": prose, "How clean was the room, and what was wrong?": other},
        {"Was hat Ihnen gefallen?": prose, "Was können wir verbessern?": other},
        {"¿Qué le gustó?": prose, "¿Qué podemos mejorar?": other, "Otros comentarios": sometimes(third, 3)},
        {"Qu'avez-vous aimé ?": prose, "Que pouvons-nous améliorer ?": other},
        {"Food comments": prose, "Service comments": other},
        {"benefitsReview": prose, "sideEffectsReview": other, "commentsReview": third},
        {"What is the main reason for your score?": prose, "Comments": sometimes(other, 2)},
        {"Why did you choose us?": prose, "Please describe your experience": other},
    ],
)
def test_several_texts_are_read_together(columns: dict[str, Cell]) -> None:
    assert texts_of({"Stars": one_of("5", "1", "3"), **columns}) == list(columns)


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("Review Title", lambda number: " ".join(TEXT[number].split()[:4])),
        ("Summary", lambda number: " ".join(TEXT[number].split()[:5])),
        ("Response", other),
        ("Owner Response", other),
        ("reply_text", other),
        ("developerReply", other),
        ("Seller comment", other),
        ("text_clean", lambda number: TEXT[number].lower().replace(".", "")),
        ("translated_review", other),
        ("Review (English)", other),
        ("review_de", other),
        ("What did you like? (English)", other),
        ("Comments", lambda number: TEXT[number].upper()),
        ("Any other comments?", lambda number: " ".join(TEXT[number].split()[:8])),
        ("Reviewer Name", constant("Ann Lee Miller")),
        ("Address", lambda number: f"{number} Long Street, Green Village, Greater Town"),
        ("Review URL", lambda number: f"https://example.com/review/{number}"),
        ("Product Description", one_of("A kettle of steel with a cool handle", "A lamp of brass with a long cord")),
        ("How did you hear about us?", one_of("From a friend of mine", "I saw it on the internet")),
        ("Which device do you use?", one_of("Phone", "Tablet", "Computer")),
        ("What is your email address?", lambda number: f"person{number}@example.com"),
        ("What features do you like?", one_of("Price, Quality", "Quality, Design", "Price, Design", "Design")),
        ("How satisfied are you with the service?", one_of("Very satisfied", "Dissatisfied", "Neutral")),
        ("When did you last experience it?", one_of("2024-01-02", "2024-02-03")),
        ("What would you improve?", one_of("N/A", "-", "nothing", "No comments")),
        ("content", sometimes(other, 30)),
        ("pros_count", one_of("3", "1", "2")),
        ("comments", one_of("12", "0", "4")),
    ],
)
def test_what_is_no_further_text(header: str, cell: Cell) -> None:
    assert texts_of({"Review": prose, header: cell, "Stars": one_of("5", "1", "3")}) == ["Review"]


def test_a_full_column_of_reviews_stays_alone_and_a_warning_names_the_others() -> None:
    headers = ["title", "overall_text", "pros_text", "cons_text"]
    rows = [[f"Title {number}", prose(number), other(number), third(number)] for number in range(COUNT)]
    mapping, _, warnings = suggest_mapping(headers, rows)
    assert mapping is not None and mapping.texts == (1,)
    assert warnings == ["“pros_text” and “cons_text” look like review text as well; “overall_text” was chosen."]


def test_a_sparse_column_of_reviews_is_read_with_pros_and_cons() -> None:
    columns = {"pros": prose, "cons": other, "review": sometimes(third, 4)}
    assert texts_of(columns) == ["pros", "cons", "review"]


def test_at_most_ten_texts_are_read_and_a_warning_names_the_others() -> None:
    headers = [f"What do you think about part {number}?" for number in range(12)]
    rows = [[TEXT[(row + 9 * column) % 120] for column in range(12)] for row in range(COUNT)]
    mapping, _, warnings = suggest_mapping(headers, rows)
    assert mapping is not None and mapping.texts == tuple(range(10))
    assert warnings == [
        "At most 10 columns of review text are read; “What do you think about part 10?” and "
        "“What do you think about part 11?” not."
    ]


def test_a_file_without_names_has_one_text_column() -> None:
    rows = [[prose(number), other(number)] for number in range(COUNT)]
    mapping, _, _ = suggest_mapping(["", ""], rows)
    assert mapping is not None and mapping.further_texts == ()


def test_further_texts_get_no_other_role() -> None:
    headers = ["How satisfied are you?", "Rating comments", "What went well?", "Product feedback"]
    rows = [[str(number % 5 + 1), prose(number), other(number), third(number)] for number in range(COUNT)]
    mapping, _, warnings = suggest_mapping(headers, rows)
    assert mapping is not None
    assert mapping.texts == (1, 2, 3)
    assert (mapping.rating, mapping.date, mapping.product, mapping.title) == (0, None, None, None)
    assert warnings == []
