"""The positions of a raw text's words, clauses and passages, and the text without one of them."""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import emoji

from reviewlens.reviews.cleaning import clean_text

# Han and kana have no spaces, and words of about two characters; Thai and its neighbours have longer ones.
_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_THAI = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_PIECE = re.compile(f"[{_HAN}]{{1,2}}|[{_THAI}]{{1,5}}|[^{_HAN}{_THAI}\\s]+")
_HAN_ONLY = re.compile(f"[{_HAN}]+")
# Words without a space between them ("good,but loud/heavy"); not numbers ("1,000"), not addresses.
_RUN_TOGETHER = re.compile(r"(?<=[^\W\d])(?:[,;!?…—–/|]+|\.{2,})(?=[^\W\d])")
_TAG = re.compile(r"<[!/?]?[A-Za-z][^<>]*>|<!--[^<>]*-->")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NOT_EMOJI = frozenset("©®™ℹ")

# Possessive quantifiers read each run once: a run of dots or spaces may be as long as the text.
_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？]++[”’」』）]*+|[\r\n]++|<(?:br|p|/p|li|div)\b[^<>]*+>", re.I
)
_CLAUSE_END = re.compile(
    r"(?<![,;:—–])[,;:—–]++(?=\s)|[，；：、]|(?<!\s)\s++(?=(?:but|although|though|however|yet|except|because)\b)", re.I
)

_LONG = 28
_UNITS = 6
_FULL = 0.8

# Punctuation that may be left over where a part was removed; never a part of an emoticon.
_HANGING = re.compile(r"\s*(?:[,.!?…]|;(?![-)(DP'])|:(?![-)(DPpOo/\\'|\[\]*@]))+")
_OPEN_THEN_CLOSED = {"(": ")", "[": "]", '"': '"', "“": "”", "'": "'", "‘": "’", "«": "»"}


@dataclass(frozen=True)
class Piece:
    """The characters start to end of a raw text; `size` estimates the number of tokens."""

    start: int
    end: int
    size: int


@dataclass(frozen=True)
class Unit:
    """One or several neighbouring sentences or clauses: the characters start to end, and their words."""

    start: int
    end: int
    words: tuple[Piece, ...]
    joined: tuple[Unit, ...] = ()

    @property
    def clauses(self) -> tuple[Unit, ...]:
        """The clauses that it was joined from, else itself."""
        return self.joined or (self,)

    @property
    def size(self) -> int:
        """Estimated number of tokens."""
        return sum(word.size for word in self.words)


@dataclass(frozen=True)
class Passage:
    """A part of a text that is scored together: the characters start to end, in units."""

    start: int
    end: int
    units: tuple[Unit, ...]

    @property
    def size(self) -> int:
        """Estimated number of tokens."""
        return sum(unit.size for unit in self.units)


def words(raw: str) -> list[Piece]:
    """The words of a raw text in order: runs of letters and digits, emoji, emoticons; no punctuation or markup.

    A text without spaces between words is cut into pieces of a few characters.
    """
    plain = _without_markup(raw)
    pieces: list[Piece] = []
    if not raw.isascii():
        pieces, plain = _emoji(plain)
    for run in re.finditer(r"\S+", plain):
        for match in _PIECE.finditer(plain, run.start(), run.end()):
            pieces.extend(_words_of(raw, plain, match.start(), match.end()))
    return sorted(_joined_marks(raw, pieces), key=lambda word: word.start)


def passages(raw: str, pieces: Sequence[Piece], most: int) -> list[Passage]:
    """A raw text in passages of whole sentences of about `most` tokens, each in a few units; [] without words.

    Every word is in exactly one unit; a sentence of more than `most` tokens is cut.
    """
    if not pieces:
        return []
    units = _units(raw, pieces)
    total = sum(unit.size for unit, _ in units)
    target = total / max(1, -(-total // most))
    groups: list[list[Unit]] = []
    read = 0
    for unit, begins in units:
        # Passages of about equal length that end with a sentence, unless that sentence is too long.
        is_full = read >= target * len(groups)
        if not groups or (is_full and (begins or sum(part.size for part in groups[-1]) >= most)):
            groups.append([])
        groups[-1].append(unit)
        read += unit.size
    return [Passage(group[0].start, group[-1].end, tuple(_few(group))) for group in groups]


def _units(raw: str, pieces: Sequence[Piece]) -> list[tuple[Unit, bool]]:
    """Sentences, each with whether it begins one; long ones are cut into clauses, or else every few words."""
    starts = [word.start for word in pieces]

    def unit(start: int, end: int) -> Unit:
        return Unit(start, end, tuple(pieces[bisect_left(starts, start) : bisect_left(starts, end)]))

    cut: list[tuple[Unit, bool]] = []
    for start, end in _cut(0, len(raw), (mark.end() for mark in _SENTENCE_END.finditer(raw))):
        whole = [unit(start, end)]
        if whole[0].size > _LONG:
            marks = (mark.end() for mark in _CLAUSE_END.finditer(raw, start, end))
            whole = [part for a, b in _cut(start, end, marks) for part in _by_words(unit(a, b))]
        for number, part in enumerate(whole):
            if not cut or (part.words and cut[-1][0].words):
                cut.append((part, number == 0))
            else:  # punctuation without words belongs to the unit before it, or begins the text
                before, begins = cut[-1]
                cut[-1] = Unit(before.start, part.end, before.words + part.words), begins
    return cut


def _by_words(unit: Unit) -> list[Unit]:
    """A unit without punctuation to cut at, in parts of equally many words."""
    count = max(1, min(len(unit.words), -(-unit.size // _LONG)))
    firsts = [len(unit.words) * number // count for number in range(count + 1)]
    places = [unit.start, *(unit.words[first].start for first in firsts[1:-1]), unit.end]
    return [
        Unit(places[number], places[number + 1], unit.words[firsts[number] : firsts[number + 1]])
        for number in range(count)
    ]


def _few(units: Sequence[Unit]) -> list[Unit]:
    """The units joined with their neighbours to at most `_UNITS`, of about equal length."""
    most = sum(unit.size for unit in units) / _UNITS
    joined: list[Unit] = []
    for unit in units:
        room = len(units) <= _UNITS or not joined or (len(joined) < _UNITS and joined[-1].size >= most * _FULL)
        if room:
            joined.append(unit)
        else:
            last = joined[-1]
            joined[-1] = Unit(last.start, unit.end, last.words + unit.words, (*last.clauses, unit))
    return joined


def hide(raw: str, start: int, end: int) -> str:
    """The raw text without these characters, and without punctuation that is then left over.

    "loud, ugly, heavy." without "ugly" is "loud, heavy.", without "heavy" it is "loud, ugly."
    """
    left, right = raw[:start], raw[end:]
    bare = left.rstrip()
    if bare and right and _OPEN_THEN_CLOSED.get(bare[-1]) == right[0]:
        bare, right, left = bare[:-1], right[1:], bare[:-1]
    hanging = _HANGING.match(right)
    if hanging is None:
        return f"{left} {right}"
    if not bare or bare[-1] in ".!?…(":
        return f"{left} {right[hanging.end() :]}"
    if bare[-1] in ",;:":
        return bare[:-1].rstrip() + right.lstrip() if hanging[0].strip()[0] in ".!?…" else bare + right[hanging.end() :]
    return bare + right.lstrip()


def _cut(start: int, end: int, cuts: Iterable[int]) -> list[tuple[int, int]]:
    places = [start, *(place for place in cuts if start < place < end), end]
    return [(a, b) for a, b in pairwise(places) if a < b]


def _without_markup(raw: str) -> str:
    """The text with tags and invisible entities as spaces and other entities as letters or signs; same length."""
    if "<" in raw:
        raw = _TAG.sub(lambda tag: tag[0] if clean_text(tag[0]) else " " * len(tag[0]), raw)
    if "&" not in raw:
        return raw

    def stand_in(entity: re.Match[str]) -> str:
        sign = html.unescape(entity[0])
        letter = "x" if sign[-1].isalnum() or ord(sign[-1]) > 0x2FFF else " " if not sign.strip() else "'"
        return letter * len(entity[0])

    return _ENTITY.sub(stand_in, raw)


def _emoji(plain: str) -> tuple[list[Piece], str]:
    """Runs of emoji, each as one word (cleaning keeps one of repeated emoji), and the text with spaces for them."""
    runs: list[list[int]] = []
    for match in emoji.emoji_list(plain):
        start, end = int(match["match_start"]), int(match["match_end"])
        if plain[start] in _NOT_EMOJI:
            continue
        if runs and runs[-1][1] == start:
            runs[-1][1] = end
        else:
            runs.append([start, end])
    chars = list(plain)
    for start, end in runs:
        chars[start:end] = " " * (end - start)
    return [Piece(start, end, 3) for start, end in runs], "".join(chars)


def _words_of(raw: str, plain: str, start: int, end: int) -> Iterable[Piece]:
    """The words in a run without white space; an emoticon is a word if cleaning turns it into words."""
    core = [place for place in range(start, end) if plain[place].isalnum() or _is_mark(plain[place])]
    if len(core) < 2 and 2 <= end - start <= 8 and _becomes_words(raw[start:end]):
        yield Piece(start, end, 2)
        return
    if not core:
        return
    first, last = core[0], core[-1] + 1
    if 2 <= first - start <= 4 and _becomes_words(raw[start:first]):
        yield Piece(start, first, 2)
    joints = [] if "://" in plain[start:end] else list(_RUN_TOGETHER.finditer(plain, first, last))
    for begin, stop in zip([first, *(j.end() for j in joints)], [*(j.start() for j in joints), last], strict=True):
        yield Piece(begin, stop, _size(plain[begin:stop]))
    if 2 <= end - last <= 4 and _becomes_words(raw[last:end]):
        yield Piece(last, end, 2)


def _joined_marks(raw: str, pieces: list[Piece]) -> Iterable[Piece]:
    """The words, where no word begins with a combining mark of the letter before it."""
    before: Piece | None = None
    for word in sorted(pieces, key=lambda word: word.start):
        if before is not None and before.end == word.start and _is_mark(raw[word.start]):
            before = Piece(before.start, word.end, before.size + word.size)
            continue
        if before is not None:
            yield before
        before = word
    if before is not None:
        yield before


def _becomes_words(run: str) -> bool:
    cleaned = clean_text(run)
    return cleaned != run and any(char.isalpha() for char in cleaned)


def _is_mark(char: str) -> bool:
    return char > "\u02ff" and unicodedata.category(char)[0] == "M"


def _size(word: str) -> int:
    return len(word) if _HAN_ONLY.fullmatch(word) else max(1, round(len(word) / 5))
