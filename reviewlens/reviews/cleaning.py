"""The one definition of a cleaned text: training, batch and single-review scoring all call it."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from typing import Any

import emoji

from reviewlens.reviews.markup import strip_markup

CLEANING_VERSION: int = 1
"""Raised whenever the same raw text could come out differently; stored scores carry it."""

# Entities must end in a semicolon: the legacy forms without one turn "black&parasol" into "black¶sol".
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_REPEATED_AMP = re.compile(r"&(?:amp;)+", re.IGNORECASE)
_ENTITY_PASSES = 8

_CONTROL = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
# Invisible or meaningless: controls, soft hyphen, zero-width and direction marks, lone replacement characters,
# private use, non-characters. The joiner U+200D and the variation selectors go only after emoji are read.
_INVISIBLE = re.compile(
    f"[{_CONTROL}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff\ue000-\uf8ff\U000f0000-\U0010ffff]"
)
_EMOJI_GLUE = re.compile("[\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

# Symbols of ordinary writing that the emoji tables also list.
_KEPT_SYMBOLS = frozenset("©®™ℹ")
_SKIN_TONE = re.compile(r" (?:light|medium-light|medium|medium-dark|dark) skin tone\b")

_EMOTICON_WORDS = {
    ":)": "smiling face",
    ":]": "smiling face",
    "=)": "smiling face",
    "(:": "smiling face",
    ":D": "grinning face",
    "=D": "grinning face",
    "xD": "laughing face",
    "XD": "laughing face",
    ";)": "winking face",
    ";D": "winking face",
    ":P": "playful face",
    ":p": "playful face",
    ";P": "playful face",
    ":*": "kissing face",
    ":(": "sad face",
    ":[": "sad face",
    "=(": "sad face",
    "):": "sad face",
    ":'(": "crying face",
    ";(": "crying face",
    "T_T": "crying face",
    ";_;": "crying face",
    ":')": "tears of joy",
    ":/": "confused face",
    ":\\": "confused face",
    "=/": "confused face",
    ":|": "neutral face",
    ":O": "surprised face",
    ":o": "surprised face",
    ":@": "angry face",
    ">:(": "angry face",
    "D:": "shocked face",
    "-_-": "annoyed face",
    "^_^": "happy face",
    "^^": "happy face",
    "<3": "love",
    "</3": "broken heart",
}
# "<3 days" is a quantity, "<3 this phone" is not.
_UNITS = (
    r"(?!\s*(?:%|\d|(?:sec|min|hour|hr|day|week|month|year|yr|star|inch|cm|mm|km|kg|mb|gb|lb|oz|percent|time|out)s?\b))"
)
_EMOTICON = re.compile(
    r"(?P<heart></?3+)(?!\w)" + _UNITS + r"|(?P<angry>>:-?\()(?!\w)"
    # A mouth drawn with punctuation may follow a word at once ("great:)") but not precede one ("note:(a)", "http://").
    r"|(?P<punct>[:=]'?-?(?:\)+|\(+|\]+|\[+|\|+|@)|;-?(?:\)+|\(+))(?![\w/])"
    r"|(?<!\w)(?P<slash>[:=]-?(?:[/\\]|\*+))(?![\w/\\])"
    r"|(?<![\w:;=])(?P<letter>[:=]-?[DPpOo]+|;-?[DP]|[xX]D+|D:|T_T|;_;|-_+-|\^_*\^)(?!\w)"
    r"|(?<!\S)(?P<mirror>[(\[]-?:|\)-?:)(?!\S)"
)
_ASCII_SPECIAL = re.compile(
    f"[&<{_CONTROL}]"
    r"|[:=;]['\-]?[()\[\]*|@/\\DPpOo_]|[xX]D|D:|T_T|-_|\^_*\^|[(\[)]-?:"
)


def clean_text(raw: str | None) -> str:
    """The text a model reads, or '' when nothing of it remains.

    HTML entities (escaped twice or more, too) and tags go, emoji and emoticons become words, Unicode is NFC, control
    and
    invisible characters go and white space is single. Case, stop words and word forms stay as they are: the tokenizer
    does what the model needs. Never raises; cleaning a cleaned text changes nothing more in ordinary text.
    """
    if not raw:
        return ""
    if raw.isascii():
        if _ASCII_SPECIAL.search(raw) is None:
            return " ".join(raw.split())
    else:
        raw = _INVISIBLE.sub("", _join_surrogates(raw))
    text = _unescape(raw)
    text = strip_markup(_INVISIBLE.sub("", text))
    if not text.isascii():
        text = _emoji_to_words(unicodedata.normalize("NFC", text))
    text = _EMOTICON.sub(_emoticon_words, text)
    return " ".join(text.split())


def join_title(title: str | None, body: str | None) -> str:
    """Title and body as one text for scoring: "Title. Body", without a second full stop where the title ends in one.

    Either may be empty. A body that begins with its title (or with a title that was cut off with an ellipsis) stands
    alone.
    """
    head = (title or "").strip()
    rest = (body or "").strip()
    if not head or not rest:
        return head or rest
    stem = head.rstrip(".… ").casefold()
    start = rest[: len(stem) + 8].casefold()
    if not stem or (start.startswith(stem) and not start[len(stem) : len(stem) + 1].isalnum()):
        return rest
    return f"{head} {rest}" if head[-1] in ".!?…:;," else f"{head}. {rest}"


def _join_surrogates(text: str) -> str:
    """Surrogate pairs (from mis-decoded UTF-16) become their character; lone halves go."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unescape(text: str) -> str:
    for _ in range(_ENTITY_PASSES):
        if "&" not in text:
            break
        # "&amp;amp;amp;lt;" in one step: one pass a level would make a hostile text quadratic.
        plain = _ENTITY.sub(lambda found: html.unescape(found[0]), _REPEATED_AMP.sub("&", text))
        if plain == text:
            break
        text = plain
    return text if text.isascii() else _INVISIBLE.sub("", _join_surrogates(text))


def _emoji_to_words(text: str) -> str:
    previous: tuple[str, int] = ("", -1)

    def words(chars: str, data: dict[str, Any]) -> str:
        nonlocal previous
        if chars[0] in _KEPT_SYMBOLS:
            return chars
        end = int(data["match_end"])
        # A row of the same emoji says no more than one; it would only fill the model's window.
        repeated = previous == (chars, int(data["match_start"]))
        previous = (chars, end)
        return "" if repeated else f" {_emoji_name(str(data['en']))} "

    text = emoji.replace_emoji(text, replace=words)
    return unicodedata.normalize("NFC", _EMOJI_GLUE.sub("", text))


@lru_cache(maxsize=4096)
def _emoji_name(code: str) -> str:
    return _SKIN_TONE.sub("", code.strip(":").replace("_", " "))


def _emoticon_words(found: re.Match[str]) -> str:
    face = found[0]
    if found["heart"]:
        face = "</3" if face.startswith("</") else "<3"
    elif found["mirror"]:
        face = "):" if face[0] == ")" else "(:"
    elif found["letter"] and face[0] in "-^":
        face = "-_-" if face[0] == "-" else "^^"
    else:
        # Noses and repeated mouths ("=-)))") do not change what a face says.
        face = face.replace("-", "")
        face = re.sub(r"(\W|[DPpOo])\1+$", r"\1", face)
    words = _EMOTICON_WORDS.get(face) or _EMOTICON_WORDS.get(face.replace("=", ":"))
    return f" {words} " if words else found[0]
