"""Texts of behavioural tests: filled templates, and changes that keep a text's meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

_SLOT = re.compile(r"\{([a-z]+)(\d?)\}")
_LONG_WORD = re.compile(r"[A-Za-z]{5,}")


def filled(template: str, number: int, words: Mapping[str, Sequence[str]], again: Sequence[str] = ()) -> str:
    """The template's text number `number`. Every {thing} in it gets the same word, {thing2} the next one.

    Slots whose names are in `again` get another word. Raises KeyError for a slot without a word list.
    """

    def word(slot: re.Match[str]) -> str:
        listed = words[slot[1]]
        # Each list starts at another position, so that words do not always occur together.
        index = number + len(slot[1]) + int(slot[2] or 0)
        return listed[(index + (3 if slot[1] in again else 0)) % len(listed)]

    text = _SLOT.sub(word, template)
    text = re.sub(r"\b([Aa]) (?=[aeio]|unhappy|ugly)", r"\1n ", text)
    return text[:1].upper() + text[1:]


def letters_exchanged(text: str, number: int) -> str:
    """Two neighbouring letters in one word are exchanged."""
    return _in_word(text, number, lambda word, at: word[:at] + word[at + 1] + word[at] + word[at + 2 :])


def letter_left_out(text: str, number: int) -> str:
    """One letter of one word is missing."""
    return _in_word(text, number, lambda word, at: word[:at] + word[at + 1 :])


def letter_doubled(text: str, number: int) -> str:
    """One letter of one word is doubled."""
    return _in_word(text, number, lambda word, at: word[: at + 1] + word[at:])


def no_punctuation(text: str, _number: int) -> str:
    """Words only, as typed on a phone in a hurry."""
    return " ".join(re.sub(r"[^\w\s]", "", text).split())


CHANGES: dict[str, Callable[[str, int], str]] = {
    "letters exchanged": letters_exchanged,
    "letter left out": letter_left_out,
    "letter doubled": letter_doubled,
    "no punctuation": no_punctuation,
    "upper case": lambda text, _: text.upper(),
    "lower case": lambda text, _: text.lower(),
}


def _in_word(text: str, number: int, change: Callable[[str, int], str]) -> str:
    """The text with one word of five letters or more changed inside, not at its first or last letter."""
    long_words = list(_LONG_WORD.finditer(text))
    chosen = long_words[number % len(long_words)]
    word = chosen[0]
    inside = [at for at in range(1, len(word) - 2) if word[at] != word[at + 1]]
    changed = change(word, inside[number % len(inside)])
    return text[: chosen.start()] + changed + text[chosen.end() :]
