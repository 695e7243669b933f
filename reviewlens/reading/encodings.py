"""Detects the encoding of lines that are not UTF-8."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from charset_normalizer import from_bytes

from reviewlens.contracts.encodings import ENCODING_NAMES

MULTIBYTE = frozenset({"gb18030", "big5", "cp932", "euc_jp", "cp949"})

_WESTERN = (
    "éèêëàâçùûüôîïœæÿ",
    "äöüßéà",
    "áéíóúüñ",
    "áâãàçéêíóôõúü",
    "àèéìòóùî",
    "åäöéü",
    "åæøéòô",
    "éëïóöüá",
    "áðéíóúýþæö",
)
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž")
_TURKISH = ("çğıöşüâîû",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")
# Encodings of the Latin script, best first, with the letters beyond ASCII of the languages written in them.
_LATIN = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
    "iso8859-2": _CENTRAL,
    "iso8859-9": _TURKISH,
    "mac-roman": _WESTERN,
    "mac-latin2": _CENTRAL,
    "cp852": _CENTRAL,
    "cp850": _WESTERN,
}
_OTHERS = {
    "cp1251": "cp1251",
    "koi8_r": "koi8-r",
    "cp866": "cp866",
    "mac_cyrillic": "mac-cyrillic",
    "iso8859_5": "iso8859-5",
    "cp1253": "cp1253",
    "cp1255": "cp1255",
    "cp1256": "cp1256",
    "cp874": "cp874",
    **{name: name for name in MULTIBYTE},
}
_NEUTRAL = set("\u00a0“”‘’„‚«»‹›–—…•·€£¥©®™°§´¨½¼¾²ªº¿¡±×†")
_PORTUGUESE = {"cp1252", "mac-roman", "cp850"}
_MAX_MIXED = 8  # languages that one file may mix; Icelandic has letters that stand for others elsewhere
_SAMPLE_BYTES = 1 << 16
_MIN_HIGH_BYTES = 12  # fewer do not tell one script from another
_DELIMITER_BYTES = (b"\xa6", b"\xa7", b"\xac", b"\xb6")  # ¦ § ¬ ¶ in Windows encodings; letters in others
_SURE, _POSSIBLE = 0.85, 0.6


def detect_encoding(lines: list[bytes]) -> str | None:
    """Return the encoding of lines that have bytes beyond ASCII and are not UTF-8; None if no encoding fits."""
    step = max(1, sum(map(len, lines)) // _SAMPLE_BYTES)
    sample = b"\n".join(lines[::step])[: 2 * _SAMPLE_BYTES]
    sample = sample[: sample.rfind(b"\n") + 1] if len(sample) == 2 * _SAMPLE_BYTES else sample
    encoding = _detect(sample)
    for symbol in _DELIMITER_BYTES:
        if encoding is None and len({line.count(symbol) for line in sample.splitlines()}) == 1 and symbol in sample:
            encoding = _detect(sample.replace(symbol, b","))
    return encoding


def _detect(sample: bytes) -> str | None:
    fits = {encoding: _latin_fit(sample, encoding) for encoding in _LATIN}
    latin = max(fits, key=lambda encoding: fits[encoding])
    if fits[latin] >= _SURE:
        return latin
    if sum(byte > 127 for byte in sample) >= _MIN_HIGH_BYTES:
        match = from_bytes(sample, cp_isolation=list(_OTHERS), threshold=0.3).best()
        encoding = _OTHERS.get(match.encoding) if match else None
        if encoding and _one_script(sample.decode(encoding, "replace")):
            return encoding
    return latin if fits[latin] >= _POSSIBLE else None


def _latin_fit(sample: bytes, encoding: str) -> float:
    """Return how well the characters beyond ASCII fit one language, from 0 to 1; 1 without any such letter."""
    counts: Counter[str] = Counter()
    strange = 0
    text = sample.decode(encoding, "replace")
    for run in re.finditer(r"[^\x00-\x7f]+", text):
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        letters = "".join(character for character in run.group() if character not in _NEUTRAL)
        upper = before.islower() and any(character.isupper() for character in letters)
        if upper or not letters.isalpha() or len(letters) > 2:  # no language has three such letters in a row
            strange += len(letters)
        elif letters.endswith("õ") and encoding in _PORTUGUESE and after != "e":
            strange += 1
        elif len(letters) > 1 or before.isalpha() or after.isalpha():
            counts.update("ı" if letter == "İ" else letter.lower() for letter in letters)
    total = counts.total() + strange
    if not total:
        return 1.0

    def fit(letters: str) -> float:
        known = sum(counts[letter] for letter in set(letters))
        return known / (2 * total - known)

    languages = _LATIN[encoding]
    return max(*map(fit, languages), 0.97 * fit("".join(languages[:_MAX_MIXED])))


def _one_script(text: str) -> bool:
    """Whether nearly all characters beyond ASCII are letters or marks of the world's other scripts."""
    beyond = [character for character in text if character > "\x7f" and character not in _NEUTRAL]
    scripts = Counter(unicodedata.name(character, "?").split()[0] for character in beyond)
    del scripts["?"]
    known = ("CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI", "CJK", "HIRAGANA", "KATAKANA", "HANGUL")
    wide = ("FULLWIDTH", "IDEOGRAPHIC", "KATAKANA-HIRAGANA", "HALFWIDTH", "LEFT", "RIGHT", "WHITE", "BLACK")
    return sum(scripts[name] for name in known + wide) >= 0.8 * max(1, len(beyond))


assert set(_LATIN) | set(_OTHERS.values()) <= set(ENCODING_NAMES)
