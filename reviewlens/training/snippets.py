"""Short training texts cut from long ones, so that the model learns single sentences as well."""

from __future__ import annotations

import random
import re

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def snippet(text: str, rng: random.Random) -> str:
    """One to three consecutive sentences from the start or end of the text; the text itself if it is short."""
    sentences = _SENTENCE_END.split(text)
    if len(sentences) < 4:
        return text
    size = rng.randint(1, 3)
    chosen = sentences[:size] if rng.random() < 0.5 else sentences[-size:]
    shortened = " ".join(chosen)
    return shortened if len(shortened.split()) >= 4 else text


MOST_SENTENCES = 8
"""Most sentences that `sentences` returns."""


def sentences(text: str, rng: random.Random) -> list[str]:
    """The sentences of three words or more, at most MOST_SENTENCES drawn at random; the text itself if none."""
    parts = [part for part in re.split(r"(?<=[.!?])\s+|\s*[;\n]\s*", text) if len(part.split()) >= 3]
    if len(parts) > MOST_SENTENCES:
        parts = rng.sample(parts, MOST_SENTENCES)
    return parts or [text]
