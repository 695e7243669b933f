"""Reviews to read: the text first, then what the model made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

import streamlit as st

from frontend import words

_LONG = 320


def reviews(found: Iterable[dict[str, Any]], *, mark: str = "", whole: bool = False) -> None:
    """Show reviews one under another; the words of a word filter are marked."""
    st.html("".join(_one(review, _pattern(mark), whole) for review in found))


def _one(review: dict[str, Any], pattern: re.Pattern[str] | None, whole: bool) -> str:
    title, text = review.get("title") or "", review["text"] or ""
    shown = text if whole else words.cut(text, _LONG)
    heading = f'<div class="title">{_marked(title, pattern)}</div>' if title else ""
    kind = review["sentiment"]
    facts = [
        f'<b class="rl-{kind}">{kind.capitalize()}</b>, {words.sure(review["confidence"])}',
        words.stars(review.get("rating")),
        words.day(review["date"]) if review.get("date") else "",
        escape(words.cut(review.get("product") or "", 60)),
        f"row {words.count(review['row'])}",
        "worth a second look" if review.get("needs_review") else "",
        f"same text as row {words.count(review['duplicate_of'])}" if review.get("duplicate_of") else "",
    ]
    return (
        f'<div class="rl-review {kind}">{heading}<div class="text">{_marked(shown, pattern)}</div>'
        f'<div class="facts">{" · ".join(fact for fact in facts if fact)}</div></div>'
    )


def _pattern(mark: str) -> re.Pattern[str] | None:
    """What to mark for a word filter: its "quoted phrases" and its single words."""
    parts = [
        quoted or single
        for quoted, single in re.findall(r'"([^"]+)"|(\S+)', mark.replace("\u201c", '"').replace("\u201d", '"'))
    ]
    tokens = [r"\W+".join(re.escape(word) for word in part.split()) for part in parts if part.strip()]
    return re.compile(r"(?<!\w)(" + "|".join(tokens) + r")(?!\w)", re.IGNORECASE) if tokens else None


def _marked(text: str, pattern: re.Pattern[str] | None) -> str:
    if not pattern:
        return escape(text)
    pieces = pattern.split(text)  # one group: every other piece is a match
    return "".join(
        f"<mark>{escape(piece)}</mark>" if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )
