"""Text cleaning, defined once for training, batch scoring and single-review scoring."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from typing import Any

import emoji

from reviewlens.reviews.markup import strip_markup

CLEANING_VERSION: int = 1
"""Increased whenever the result for a raw text may change; stored with scores."""

# Entities must end with a semicolon: the legacy forms without one turn "black&parasol" into "black¶sol".
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_REPEATED_AMP = re.compile(r"&(?:amp;)+", re.IGNORECASE)
_ENTITY_PASSES = 8

_CONTROL = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
# Invisible or meaningless: controls, soft hyphen, zero-width and direction marks, replacement characters,
# private use, non-characters. The joiner U+200D and the variation selectors are removed after emoji are converted.
_INVISIBLE = re.compile(
    f"[{_CONTROL}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff\ue000-\uf8ff\U000f0000-\U0010ffff]"
)
_EMOJI_GLUE = re.compile("[\u200d\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

# Symbols of ordinary text that the emoji tables also list.
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
# "<3 days" is a quantity, "<3 this phone" is a heart.
_UNITS = (
    r"(?!\s*(?:%|\d|(?:sec|min|hour|hr|day|week|month|year|yr|star|inch|cm|mm|km|kg|mb|gb|lb|oz|percent|time|out)s?\b))"
)
_EMOTICON = re.compile(
    r"(?P<heart></?3+)(?!\w)" + _UNITS + r"|(?P<angry>>:-?\()(?!\w)"
    # A mouth of punctuation may directly follow a word ("great:)") but not precede one ("note:(a)", "http://").
    r"|(?P<punct>[:=]'?-?(?:\)+|\(+|\]+|\[+|\|+|@)|;-?(?:\)+|\(+))(?![\w/])"
    r"|(?<!\w)(?P<slash>[:=]-?(?:[/\\]|\*+))(?![\w/\\])"
    r"|(?<![\w:;=])(?P<letter>[:=]-?[DPpOo]+|;-?[DP]|[xX]D+|D:|T_T|;_;|-_+-|\^_*\^)(?!\w)"
    r"|(?<!\S)(?P<mirror>[(\[]-?:|\)-?:)(?!\S)"
)
_ASCII_SPECIAL = re.compile(
    f"[&<{_CONTROL}]"
    r"|[:=;]['\-]?[()\[\]*|@/\\DPpOo_]|[xX]D|D:|T_T|-_|\^_*\^|[(\[)]-?:"
)


def clean_text(raw: str | None, *, faces: bool = True) -> str:
    """Return the text for the model, or '' if nothing remains. `faces`: False drops emoji and emoticons.

    Decodes HTML entities (also multiply escaped ones), removes tags, control and invisible characters, converts emoji
    and emoticons to words and Unicode to NFC, and collapses white space. Case, stop words and word forms stay, because
    the tokenizer does what the model needs. Never raises. Cleaning an ordinary text twice gives the same result.
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
        text = unicodedata.normalize("NFC", text)
        text = _emoji_to_words(text) if faces else emoji.replace_emoji(text, " ")
    text = _EMOTICON.sub(_emoticon_words if faces else " ", text)
    return " ".join(text.split())


def own_words(raw: str | None, cleaned: str) -> str:
    """The text without the English words that cleaning writes for emoji and emoticons. `cleaned`: the cleaned text."""
    if not raw or not cleaned or (raw.isascii() and _ASCII_SPECIAL.search(raw) is None):
        return cleaned
    return clean_text(raw, faces=False)


def join_title(title: str | None, body: str | None) -> str:
    """Join title and body into one text for scoring: "Title. Body", without a full stop after final punctuation.

    Either may be empty. If the body begins with the title (also a title that was cut off with an ellipsis), only the
    body is returned.
    """
    title = (title or "").strip()
    body = (body or "").strip()
    if not title or not body:
        return title or body
    stem = title.rstrip(".… ").casefold()
    start = body[: len(stem) + 8].casefold()
    if not stem or (start.startswith(stem) and not start[len(stem) : len(stem) + 1].isalnum()):
        return body
    return f"{title} {body}" if title[-1] in ".!?…:;," else f"{title}. {body}"


def _join_surrogates(text: str) -> str:
    """Decode surrogate pairs (from wrongly decoded UTF-16); lone surrogates become U+FFFD, which is removed later."""
    if _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unescape(text: str) -> str:
    for _ in range(_ENTITY_PASSES):
        if "&" not in text:
            break
        # "&amp;amp;amp;lt;" in one step: a pass per level would take quadratic time on a hostile text.
        plain = _ENTITY.sub(lambda match: html.unescape(match[0]), _REPEATED_AMP.sub("&", text))
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
        # A repeated emoji says no more than one and would only fill the model's window.
        repeated = previous == (chars, int(data["match_start"]))
        previous = (chars, end)
        return "" if repeated else f" {_emoji_name(str(data['en']))} "

    text = emoji.replace_emoji(text, replace=words)
    return unicodedata.normalize("NFC", _EMOJI_GLUE.sub("", text))


@lru_cache(maxsize=4096)
def _emoji_name(code: str) -> str:
    return _SKIN_TONE.sub("", code.strip(":").replace("_", " "))


def _emoticon_words(match: re.Match[str]) -> str:
    face = match[0]
    if match["heart"]:
        face = "</3" if face.startswith("</") else "<3"
    elif match["mirror"]:
        face = "):" if face[0] == ")" else "(:"
    elif match["letter"] and face[0] in "-^":
        face = "-_-" if face[0] == "-" else "^^"
    else:
        # Noses and repeated mouths ("=-)))") do not change the meaning.
        face = face.replace("-", "")
        face = re.sub(r"(\W|[DPpOo])\1+$", r"\1", face)
    words = _EMOTICON_WORDS.get(face) or _EMOTICON_WORDS.get(face.replace("=", ":"))
    return f" {words} " if words else match[0]
