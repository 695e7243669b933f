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
