"""The shipped cascade on texts made to mislead it: it differs from its last stage no more often than on clean text."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from reviewlens.model.engines.cascade import LAST, CascadeEngine
from reviewlens.model.loading import default_bundle_path, open_bundle
from reviewlens.reviews.cleaning import clean_text

MOST_DIFFERING = 0.005
"""Share of clean texts whose sentiment may differ between the cascade and its last stage (docs/MODEL_CARD.md)."""

REVIEWS = (
    "Terrible product, broke after one day.",
    "The kettle leaked on the first morning and the shop never answered my letters.",
    "I sent it back. The zip was stuck and the seam had come apart.",
    "Too small, too stiff, and the colour washed out at once.",
    "Good idea, but it stopped charging after two weeks.",
    "The speaker crackles at every volume and the app does not find it.",
    "Lovely lamp, bright and easy to put together.",
    "My daughter reads with it every night and has not complained once.",
    "Does what it says, arrived early, and the battery lasts for days.",
    "A sturdy bag with room for everything. I would buy it again.",
    "Soft, warm and true to size; we ordered a second one.",
    "The blades are sharp and it is quick to clean.",
)

CHANGES: dict[str, Callable[[str], str]] = {
    "question marks": lambda text: text + "?" * 32,
    "spaced question marks": lambda text: text + " ?" * 32,
    "exclamation marks": lambda text: text + "!" * 24,
    "dots": lambda text: text + " ." * 16,
    "one word again and again": lambda text: text + " LUL" * 16,
    "praise again and again": lambda text: text + " great" * 8,
    "praise again and again before": lambda text: "good " * 8 + text,
    "blame again and again": lambda text: text + " bad" * 8,
    "emoji": lambda text: text + " \U0001f602" * 12,
    "pasted praise": lambda text: text + " best quality great love excellent amazing",
    "pasted blame": lambda text: text + " worst refund broken waste terrible",
    "padding": lambda text: text + " The parcel was delivered on Tuesday by the courier." * 6,
    "itself again": lambda text: f"{text} {text}",
    "long drawn": lambda text: text.replace("o", "oooooo", 1) + " soooooooo",
    "zero-width spaces": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "capitals": str.upper,
    "spaced letters": " ".join,
}


@pytest.fixture(scope="module")
def cascade(tmp_path_factory: pytest.TempPathFactory) -> CascadeEngine:
    cache: Path = tmp_path_factory.mktemp("bundle")
    return CascadeEngine(open_bundle(default_bundle_path(), cache))


def test_the_cascade_judges_misleading_texts_as_its_last_stage_does(cascade: CascadeEngine) -> None:
    cases = [(name, clean_text(change(text))) for (name, change), text in product(CHANGES.items(), REVIEWS)]
    texts = [text for _, text in cases]
    scores, last = cascade.score(texts), cascade.last_scores(texts)
    differ = [cases[index] for index in np.flatnonzero((scores >= 0.5) != (last >= 0.5))]
    assert len(differ) <= MOST_DIFFERING * len(cases), differ
    assert 0 < cascade.answered[LAST] < len(texts), "cheaper stages answer some of them"


def test_no_stage_answers_a_complaint_with_a_row_of_question_marks_as_praise(cascade: CascadeEngine) -> None:
    score = cascade.score([clean_text(REVIEWS[0] + "?" * 32)])[0]
    assert score < 0.1
