"""A text with the parts that carried its score marked: by colour, by the line under them, and in words."""

from __future__ import annotations

from html import escape

from frontend import words
from frontend.api.models import Part

_LEAST = 0.12  # of the strongest: what does less is not marked
_STRONG = 0.5
_SLIGHT = 0.1  # log-odds: where no word does more, none decides
_NOTHING = 0.02  # log-odds: less than rounding in the model may do
_NAMED = 3


def marked(text: str, parts: list[Part]) -> str:
    """The text as HTML: passages tinted, words in them underlined, solid for positive and wavy for negative.

    `parts` as the backend tells them: in the order of the text, words within passages or outside of any.
    """
    kinds = {kind: [part for part in parts if part.kind == kind] for kind in ("passage", "word")}
    most = {kind: max((abs(part.contribution) for part in found), default=0.0) for kind, found in kinds.items()}
    pieces: list[str] = []
    at = 0
    inside: int | None = None
    for part in parts:
        share = abs(part.contribution) / max(most[part.kind], _NOTHING / _LEAST)
        if inside is not None and part.start >= inside:
            pieces += (escape(text[at:inside]), "</span>")
            at, inside = inside, None
        pieces.append(escape(text[at : part.start]))
        at = part.start
        if part.kind == "passage":
            pieces.append(f'<span class="{_look("rl-passage", part, share)}">')
            inside = part.end
        elif share >= _LEAST:
            pieces.append(_word(text[part.start : part.end], part, share))
            at = part.end
    if inside is not None:
        pieces += (escape(text[at:inside]), "</span>")
        at = inside
    return "".join([*pieces, escape(text[at:])])


def legend(text: str, parts: list[Part]) -> str:
    """What the marks mean, and in a sentence or two what they come to; HTML."""
    if not parts:
        return f'<p class="rl-label">{told(text, parts)}</p>'
    samples = (
        '<mark class="rl-word for strong">speaks for positive</mark>'
        '<mark class="rl-word against strong">speaks for negative</mark>'
    )
    if any(part.kind == "passage" for part in parts):
        samples += '<span class="rl-passage for strong">a passage as a whole</span>'
    return f'<div class="rl-why-legend">{samples}</div><p class="rl-label">{escape(told(text, parts))}</p>'


def told(text: str, parts: list[Part]) -> str:
    """The strongest words of each side, in a sentence."""
    found = [part for part in parts if part.kind == "word"]
    if not found:
        return "There is no word in it to point to."
    most = max((abs(part.contribution) for part in found), default=0.0)
    said = []
    for side, sign in (("positive", 1), ("negative", -1)):
        strongest = sorted(found, key=lambda part: -sign * part.contribution)
        shown: list[str] = []
        for part in strongest:
            word = words.cut(text[part.start : part.end], 30)
            if sign * part.contribution >= max(_LEAST * most, _NOTHING) and word.lower() not in map(str.lower, shown):
                shown.append(word)
        if shown:
            listed = ", ".join(f"\u201c{word}\u201d" for word in shown[:_NAMED])
            said.append(f"Most for {side}: {listed}.")
    if most < _SLIGHT:
        said.append("No single word decides: without any one of them the score would be much the same.")
    return " ".join(said)


def _word(word: str, part: Part, share: float) -> str:
    side = "positive" if part.contribution > 0 else "negative"
    strength = "strongly " if share >= _STRONG else ""
    return (
        f'<mark class="{_look("rl-word", part, share)}" title="{strength}for {side}">{escape(word)}'
        f'<span class="rl-spoken"> ({strength}for {side})</span></mark>'
    )


def _look(kind: str, part: Part, share: float) -> str:
    side = "for" if part.contribution > 0 else "against"
    strength = " strong" if share >= _STRONG else "" if share >= _LEAST else " none"
    return f"{kind} {side}{strength}"
