"""Making the texts of behavioural tests: filling templates, and changes that keep a text's meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

_SLOT = re.compile(r"\{([a-z]+)(\d?)\}")
_LONG_WORD = re.compile(r"[A-Za-z]{5,}")


def filled(template: str, number: int, words: Mapping[str, Sequence[str]], again: Sequence[str] = ()) -> str:
    """The template's so-many-th text. The same number gives {thing} the same word wherever it stands; {thing2} the
    next one. Slots named in `again` get another word than without. Raises KeyError for a slot without a list."""

    def word(found: re.Match[str]) -> str:
        listed = words[found[1]]
        # Each list is walked from another place, so that words do not always meet the same partners.
        place = number + len(found[1]) + int(found[2] or 0)
        return listed[(place + (3 if found[1] in again else 0)) % len(listed)]

    text = _SLOT.sub(word, template)
    text = re.sub(r"\b([Aa]) (?=[aeio]|unhappy|ugly)", r"\1n ", text)
    return text[:1].upper() + text[1:]


def letters_exchanged(text: str, number: int) -> str:
    """Two neighbouring letters inside one word change places."""
    return _in_word(text, number, lambda word, at: word[:at] + word[at + 1] + word[at] + word[at + 2 :])


def letter_left_out(text: str, number: int) -> str:
    """One letter inside one word is missing."""
    return _in_word(text, number, lambda word, at: word[:at] + word[at + 1 :])


def letter_doubled(text: str, number: int) -> str:
    """One letter inside one word stands twice."""
    return _in_word(text, number, lambda word, at: word[: at + 1] + word[at:])


def no_punctuation(text: str, _number: int) -> str:
    """Nothing but words, as typed on a phone in a hurry."""
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
    """The text with one of its words of five letters and more changed at a place neither first nor last."""
    found = list(_LONG_WORD.finditer(text))
    chosen = found[number % len(found)]
    word = chosen[0]
    inside = [at for at in range(1, len(word) - 2) if word[at] != word[at + 1]]
    changed = change(word, inside[number % len(inside)])
    return text[: chosen.start()] + changed + text[chosen.end() :]
