"""Recognises values that stand for a missing text or a missing rating."""

from __future__ import annotations

import re

_LISTED = """
    n/a | n.a. | n.a | na | #n/a | #na | <na> | n\\a | not applicable | not available | nan | -nan | none | null | nil |
    nul | \\n | (null) | (none) | (blank) | (empty) | [null] | [none] | undefined | missing | unknown | empty | blank |
    no negative | no positive | no negatives | no positives | no comment | no comments | no comment. | no comments. |
    no review | no reviews | no text | no content | no answer | no response | no feedback | no remarks | no data |
    no value | no description | no title | nothing | nothing. | nothing to add | nothing to say | not answered |
    left blank | x | xx | xxx | tbd | #value! | #ref! | #name? | #null! | #error! |
    keine | keine angabe | keine angaben | kein kommentar | k.a. | k. a. | entfällt |
    aucun | aucun commentaire | rien | sans commentaire | sin comentarios | sin comentario | ninguno | ninguna | nada |
    nessuno | nessun commento | niente | nenhum | nenhuma | sem comentários | sem comentario | geen | geen commentaar |
    brak | нет | 无 | 無 | なし | 없음
"""
_PLACEHOLDERS = frozenset(" ".join(text.split()) for text in _LISTED.split("|"))
_NO_RATING = _PLACEHOLDERS | {
    "not rated",
    "unrated",
    "no rating",
    "no ratings",
    "not yet rated",
    "no score",
    "no opinion",
    "don't know",
    "do not know",
    "dont know",
    "prefer not to say",
    "not sure",
    "does not apply",
    "keine bewertung",
    "weiß nicht",
}
_NO_RATING_OF = re.compile(r"no (?:[\w-]+ ){0,4}(?:ratings?|reviews?|score)\Z")  # "No value for money review"
_PUNCTUATION = re.compile(r"[-\u2010-\u2015._,/\\*~?!#\s]+\Z")
_GLYPHS = re.compile("[★☆⭐🌟✩✪✭✮✯✰\ufe0f\\s]+\\Z")
_LONGEST = 24


def is_placeholder(raw: str) -> bool:
    """Whether a whole text says only that there is none: 'N/A', 'No comments', '-', or stars such as '★☆☆☆☆'.

    Case and surrounding white space do not matter. The list is in docs/outputs.md.
    """
    if not raw or (len(raw) > _LONGEST and len(raw := raw.strip()) > _LONGEST):
        return False
    text = " ".join(raw.split()).casefold()
    return bool(text) and (text in _PLACEHOLDERS or bool(_PUNCTUATION.match(text)) or bool(_GLYPHS.match(text)))


def is_no_rating(raw: str) -> bool:
    """Whether a value of a rating column says that there is no rating: a placeholder or 'not rated'."""
    text = " ".join(raw.split()).casefold()
    return text in _NO_RATING or bool(_PUNCTUATION.match(text)) or bool(_NO_RATING_OF.match(text))
