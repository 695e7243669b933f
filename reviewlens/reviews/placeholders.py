"""Recognises values that stand for a missing text, a missing rating or a missing value of a segment."""

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
NO_VALUES = tuple(sorted(_PLACEHOLDERS - {"na", "x", "xx", "xxx", "nothing", "нет", "无", "無", "なし", "없음"}))
"""Words, in lower case, that stand for no value of a segment. 'NA' may be North America, 'X' a size, 'нет' a No."""
PUNCTUATION = r"[-\u2010-\u2015._,/\\*~?!#\s]+"
"""Pattern of a value that consists of punctuation only."""
_PUNCTUATION = re.compile(rf"{PUNCTUATION}\Z")
_NO_VALUES = frozenset(NO_VALUES)
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


def is_no_value(raw: str) -> bool:
    """Whether a value of a segment is empty or stands for none: 'N/A', 'unknown', '-'."""
    text = raw.strip().lower()
    return not text or text in _NO_VALUES or bool(_PUNCTUATION.match(text))
