"""What carried a score, as it is shown: marks, words for those who do not see them, and the button in a review."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from frontend.api.models import Part
from frontend.sections import why
from tests.frontend.conftest import Open, SeededBackend, text_of


def part(start: int, end: int, contribution: float, kind: Literal["word", "passage"] = "word") -> Part:
    return Part(start=start, end=end, contribution=contribution, kind=kind)


def plain(marked: str) -> str:
    """The text that the marks stand in."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r'<span class="rl-spoken">.*?</span>', "", marked)))


TEXT = "A lovely <b>lamp</b>. But it broke & burnt."
PARTS = [
    part(0, 21, 1.5, "passage"),
    part(2, 8, 1.0),
    part(12, 16, 0.02),
    part(22, 43, -2.0, "passage"),
    part(29, 34, -0.3),
    part(37, 42, -2.0),
]


def test_strong_words_and_passages_are_marked_and_said() -> None:
    marked = why.marked(TEXT, PARTS)
    assert plain(marked) == TEXT
    assert re.findall(r'<mark class="rl-word ([^"]+)" title="([^"]+)">(\w+)', marked) == [
        ("for strong", "strongly for positive", "lovely"),
        ("against", "for negative", "broke"),
        ("against strong", "strongly for negative", "burnt"),
    ]
    assert marked.count(" (strongly for negative)</span></mark>") == 1
    assert re.findall(r'<span class="rl-passage ([^"]+)">', marked) == ["for strong", "against strong"]
    assert "<b>" not in marked


def test_the_legend_names_the_strongest_words_of_each_side() -> None:
    assert why.summary(TEXT, PARTS) == "Most for positive: “lovely”. Most for negative: “burnt”, “broke”."
    assert "passage" in why.legend(TEXT, PARTS)
    assert "passage" not in why.legend("Good", [part(0, 4, 1.0)])


def test_where_no_word_decides_that_is_said() -> None:
    assert "No single word decides" in why.summary("good good", [part(0, 4, 0.01), part(5, 9, 0.01)])
    assert why.summary("good good", [part(0, 4, 0.9), part(5, 9, 0.8)]) == "Most for positive: “good”."
    assert why.summary("so", [part(0, 2, 0.0)]).startswith("No single word decides")


@given(st.text("ab<&\"' .é😡", min_size=1, max_size=60), st.data())
def test_marking_changes_nothing_of_the_text(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    parts = []
    for number, (start, end) in enumerate(pairwise(cuts)):
        contribution = data.draw(st.sampled_from([-1.0, -0.1, 0.0, 0.5]))
        parts.append(part(start, end, contribution, "passage" if number % 2 else "word"))
        if number % 2:
            parts.append(part(start, end, contribution))
    marked = why.marked(text, parts)
    assert plain(marked) == text
    assert marked.count("<mark") == marked.count("</mark>")
    assert marked.count("<span") == marked.count("</span>")


def test_try_one_shows_what_carried_the_score(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/try_one.py")
    app.button(key="example-Unhappy").click().run()
    app.text_area(key="one").set_value("The lamp is <b>terrible</b>, I hate it.").run()
    app.button(key="ask").click().run()
    said = text_of(app)
    assert re.search(r'<mark class="rl-word against strong"[^>]*>(terrible|hate)<', said)
    assert "Most for negative" in said


def test_a_whole_review_tells_why_when_asked(seeded: SeededBackend, open_page: Open) -> None:
    app = open_page("views/dashboard.py", job=seeded.full)
    app.button_group(key="show-as").set_value("cards").run()
    row = seeded.backend.call("GET", f"/jobs/{seeded.full}/reviews", params={"limit": 1})["reviews"][0]["row"]
    assert "rl-why" not in text_of(app).split("</style>")[-1]
    app.button(key=f"why-{row}").click().run()
    assert app.button(key=f"why-{row}").label == "Hide why"
    assert "speaks for positive" in text_of(app)
    app.button(key=f"why-{row}").click().run()
    assert app.button(key=f"why-{row}").label == "Why?"
    assert "speaks for positive" not in text_of(app)


def test_a_text_without_words_is_told_so() -> None:
    assert why.summary("!!!", []) == "The text has no words to highlight."
    assert "speaks for" not in why.legend("!!!", [])
