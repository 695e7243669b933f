"""Reviews as cards: the text, its sentiment and, on request, the explanation."""

from __future__ import annotations

import re
from collections.abc import Iterable

import streamlit as st

from frontend import session, words
from frontend.api.models import ExplainedReview, Review
from frontend.client import ApiError
from frontend.sections import why

_LONG = 320


def reviews(shown: Iterable[Review], *, mark: str = "", whole: bool = False) -> None:
    """Show reviews as cards; `mark`: the words to highlight. Whole reviews have a button for the explanation."""
    pattern = _pattern(mark)
    if not whole:
        st.html("".join(_one(review, _shortened(review, pattern)) for review in shown))
        return
    for review in shown:
        _with_why(review, pattern)


def _shortened(review: Review, pattern: re.Pattern[str] | None) -> str:
    return _body(review.title or "", words.cut(review.text or "", _LONG), pattern)


def _with_why(review: Review, pattern: re.Pattern[str] | None) -> None:
    """Show the whole review and its button; on request, the scored text with its explanation."""
    job, name = str(st.session_state.get("job") or ""), review.review_id
    opened: set[tuple[str, str]] = st.session_state.setdefault("why", set())
    card, button = st.container(), st.empty()
    answer = _explained(job, review) if (job, name) in opened else None
    if answer is None:
        opened.discard((job, name))
        body = _body(review.title or "", review.text or "", pattern)
    else:
        parts = answer.prediction.explanation or []
        body = f'<div class="rl-why">{why.marked(answer.text, parts)}</div>{why.legend(answer.text, parts)}'
    card.html(_one(review, body))
    label = "Hide why" if answer else "Why?"
    icon = ":material/visibility_off:" if answer else ":material/help:"
    if job and not review.not_judged:
        button.button(label, key=f"why-{_key(review)}", type="tertiary", icon=icon, on_click=_toggle, args=(job, name))


def _key(review: Review) -> str:
    """The row, and the review's id where a row has several."""
    return f"{review.row}" if review.question is None else f"{review.row}-{review.review_id}"


def _toggle(job: str, name: str) -> None:
    opened: set[tuple[str, str]] = st.session_state["why"]
    opened ^= {(job, name)}


def _explained(job: str, review: Review) -> ExplainedReview | None:
    """The explanation of a review's score; None, with the reason shown, if the backend has none."""

    def ask() -> ExplainedReview:
        return session.client().explanation(job, int(review.row), review.question)

    try:
        return session.remembered("whys", f"{job} {review.review_id}", ask, keep=50)
    except ApiError as error:
        st.info(words.escape(error.detail), icon=":material/info:")
        return None


def _body(title: str, text: str, pattern: re.Pattern[str] | None) -> str:
    heading = f'<div class="title">{_marked(title, pattern)}</div>' if title else ""
    return f'{heading}<div class="text">{_marked(text, pattern)}</div>'


def _one(review: Review, body: str) -> str:
    kind = review.sentiment.replace(" ", "-")
    called = f'<b class="rl-{kind}">{review.sentiment.capitalize()}</b>'
    facts = [
        f"{called}, {words.sure(review.confidence)}"
        if review.confidence is not None
        else f"{called}: {words.html(review.not_judged or '')}",
        f'<span title="{words.html(words.MIXED)}">mixed</span>' if review.mixed else "",
        words.stars(review.rating),
        words.day(review.date) if review.date else "",
        words.html(words.cut(review.product or "", 60)),
        f"row {words.count(review.row)}",
        words.html(words.cut(review.question or "", 80)),
        "needs review" if review.needs_review else "",
        f"same text as row {words.count(review.duplicate_of)}" if review.duplicate_of else "",
    ]
    return (
        f'<div class="rl-review {kind}">{body}'
        f'<div class="facts">{" · ".join(fact for fact in facts if fact)}</div></div>'
    )


def _pattern(mark: str) -> re.Pattern[str] | None:
    """What to highlight for a word filter: its "quoted phrases" and its single words."""
    parts = [
        quoted or single
        for quoted, single in re.findall(r'"([^"]+)"|(\S+)', mark.replace("\u201c", '"').replace("\u201d", '"'))
    ]
    tokens = [r"\W+".join(re.escape(word) for word in part.split()) for part in parts if part.strip()]
    return re.compile(r"(?<!\w)(" + "|".join(tokens) + r")(?!\w)", re.IGNORECASE) if tokens else None


def _marked(text: str, pattern: re.Pattern[str] | None) -> str:
    if not pattern:
        return words.html(text)
    pieces = pattern.split(text)  # one group: every other piece is a match
    return "".join(
        f"<mark>{words.html(piece)}</mark>" if index % 2 else words.html(piece) for index, piece in enumerate(pieces)
    )
