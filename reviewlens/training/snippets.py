"""Short training texts made from long ones, so that a model of reviews also reads single sentences."""

from __future__ import annotations

import random
import re

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def snippet(text: str, rng: random.Random) -> str:
    """One to three consecutive sentences of the text, from its start or end where opinions stand; the text if it is
    short."""
    sentences = _SENTENCE_END.split(text)
    if len(sentences) < 4:
        return text
    size = rng.randint(1, 3)
    chosen = sentences[:size] if rng.random() < 0.5 else sentences[-size:]
    made = " ".join(chosen)
    return made if len(made.split()) >= 4 else text


MOST_SENTENCES = 8
"""Of a longer text so many sentences stand for all."""


def sentences(text: str, rng: random.Random) -> list[str]:
    """The text's sentences of three words or more, at most MOST_SENTENCES drawn at random; the text where it has
    none."""
    found = [part for part in re.split(r"(?<=[.!?])\s+|\s*[;\n]\s*", text) if len(part.split()) >= 3]
    if len(found) > MOST_SENTENCES:
        found = rng.sample(found, MOST_SENTENCES)
    return found or [text]
