"""The explanation of a score: the text with its parts highlighted by colour and underline, and a sentence."""

from __future__ import annotations

from frontend import words
from frontend.api.models import Part

_LEAST = 0.12  # share of the strongest contribution below which a word is not highlighted
_STRONG = 0.5  # share of the strongest contribution from which a part is strong
_SLIGHT = 0.1  # log-odds below which no single word decides
_NOTHING = 0.02  # log-odds within the model's rounding error
_NAMED = 3  # words per sentiment in the sentence


def marked(text: str, parts: list[Part]) -> str:
    """The text as HTML: passages tinted, words in them underlined, solid for positive and wavy for negative.

    `parts` as the backend returns them: in the order of the text, words inside or outside passages.
    """
    kinds = {kind: [part for part in parts if part.kind == kind] for kind in ("passage", "word")}
    most = {kind: max((abs(part.contribution) for part in group), default=0.0) for kind, group in kinds.items()}
    pieces: list[str] = []
    at = 0
    inside: int | None = None
    for part in parts:
        share = abs(part.contribution) / max(most[part.kind], _NOTHING / _LEAST)
        if inside is not None and part.start >= inside:
            pieces += (words.html(text[at:inside]), "</span>")
            at, inside = inside, None
        pieces.append(words.html(text[at : part.start]))
        at = part.start
        if part.kind == "passage":
            pieces.append(f'<span class="{_look("rl-passage", part, share)}">')
            inside = part.end
        elif share >= _LEAST:
            pieces.append(_word(text[part.start : part.end], part, share))
            at = part.end
    if inside is not None:
        pieces += (words.html(text[at:inside]), "</span>")
        at = inside
    return "".join([*pieces, words.html(text[at:])])


def legend(text: str, parts: list[Part]) -> str:
    """A legend of the highlights and a summary sentence; HTML."""
    if not parts:
        return f'<p class="rl-label">{summary(text, parts)}</p>'
    samples = (
        '<mark class="rl-word for strong">speaks for positive</mark>'
        '<mark class="rl-word against strong">speaks for negative</mark>'
    )
    if any(part.kind == "passage" for part in parts):
        samples += '<span class="rl-passage for strong">a passage as a whole</span>'
    return f'<div class="rl-why-legend">{samples}</div><p class="rl-label">{words.html(summary(text, parts))}</p>'


def summary(text: str, parts: list[Part]) -> str:
    """The strongest words of each side, in a sentence."""
    candidates = [part for part in parts if part.kind == "word"]
    if not candidates:
        return "The text has no words to highlight."
    most = max((abs(part.contribution) for part in candidates), default=0.0)
    sentences = []
    for side, sign in (("positive", 1), ("negative", -1)):
        strongest = sorted(candidates, key=lambda part: -sign * part.contribution)
        shown: list[str] = []
        for part in strongest:
            word = words.cut(text[part.start : part.end], 30)
            if sign * part.contribution >= max(_LEAST * most, _NOTHING) and word.lower() not in map(str.lower, shown):
                shown.append(word)
        if shown:
            listed = ", ".join(f"\u201c{word}\u201d" for word in shown[:_NAMED])
            sentences.append(f"Most for {side}: {listed}.")
    if most < _SLIGHT:
        sentences.append("No single word decides: without any one of them, the score would be much the same.")
    return " ".join(sentences)


def _word(word: str, part: Part, share: float) -> str:
    side = "positive" if part.contribution > 0 else "negative"
    strength = "strongly " if share >= _STRONG else ""
    return (
        f'<mark class="{_look("rl-word", part, share)}" title="{strength}for {side}">{words.html(word)}'
        f'<span class="rl-spoken"> ({strength}for {side})</span></mark>'
    )


def _look(kind: str, part: Part, share: float) -> str:
    side = "for" if part.contribution > 0 else "against"
    strength = " strong" if share >= _STRONG else "" if share >= _LEAST else " none"
    return f"{kind} {side}{strength}"
