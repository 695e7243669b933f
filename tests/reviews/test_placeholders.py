"""Values that stand for a missing text or rating."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewlens.reviews.placeholders import _PLACEHOLDERS, is_no_rating, is_placeholder

OUTPUTS = Path(__file__).parents[2] / "docs" / "outputs.md"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "NaN",
            "N/A",
            "None",
            "null",
            "-",
            "--",
            ".",
            "...",
            "No Negative",
            "No Positive",
            "No comments",
            "no comment",
        ),
        *("Nothing", " n/a ", "NO  COMMENT", "★☆☆☆☆", "⭐⭐⭐", "★★★★★ "),
    ],
)
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "Nothing works",
        "No",
        "Bad",
        "OK",
        "👍",
        ":)",
        "None of it works",
        "No comments from support",
        "★ bad",
        "5",
    ],
)
def test_texts(text: str) -> None:
    assert not is_placeholder(text)


def test_not_rated_is_no_rating_but_a_text() -> None:
    assert is_no_rating("Not rated") and is_no_rating("N/A") and not is_no_rating("0")
    assert not is_placeholder("Not rated")


@pytest.mark.parametrize("placeholder", sorted(_PLACEHOLDERS))
def test_every_placeholder_stands_in_the_outputs_page(placeholder: str) -> None:
    page = " ".join(OUTPUTS.read_text(encoding="utf-8").split())
    assert f"`{placeholder}`" in page
