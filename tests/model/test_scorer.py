"""From a score to a prediction, and from raw texts to predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reviewlens.errors import InputError
from reviewlens.model.calibration import sigmoid
from reviewlens.model.engines.textblob import TextBlobEngine
from reviewlens.model.interface import Prediction, Thresholds, decide
from reviewlens.model.scorer import Scorer

THRESHOLDS = Thresholds(needs_review=0.8)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.5, Prediction("positive", 0.5, 0.5, True)),
        (0.4999999, Prediction("positive", 0.5, 0.5, True)),
        (0.499999, Prediction("negative", 0.500001, 0.499999, True)),
        (0.8, Prediction("positive", 0.8, 0.8, False)),
        (0.799999, Prediction("positive", 0.799999, 0.799999, True)),
        (0.2, Prediction("negative", 0.8, 0.2, False)),
        (1.0, Prediction("positive", 1.0, 1.0, False)),
        (0.0, Prediction("negative", 1.0, 0.0, False)),
        (0.1234567, Prediction("negative", 0.876543, 0.123457, False)),
    ],
)
def test_decide(score: float, expected: Prediction) -> None:
    assert decide(score, THRESHOLDS) == expected


@given(st.floats(0, 1))
def test_a_prediction_is_consistent_with_its_own_written_score(score: float) -> None:
    prediction = decide(score, THRESHOLDS)
    assert decide(prediction.positive_score, THRESHOLDS) == prediction
    assert (prediction.sentiment == "positive") == (prediction.positive_score >= 0.5)
    assert 0.5 <= prediction.confidence <= 1
    assert prediction.needs_review == (prediction.confidence < 0.8)


@pytest.mark.parametrize(
    ("score", "mixed"),
    [(0.3, True), (0.299999, False), (0.2999996, True), (0.5, True), (0.7, True), (0.7000004, True), (0.700001, False)],
)
def test_mixed_is_the_band_with_both_ends_on_the_rounded_score(score: float, mixed: bool) -> None:
    prediction = decide(score, Thresholds(needs_review=0.8, mixed=(0.3, 0.7)))
    assert prediction.mixed == mixed
    assert prediction.sentiment == ("positive" if score >= 0.5 else "negative"), "mixed still leans to a side"


@given(st.floats(0, 1))
def test_without_a_band_nothing_is_mixed(score: float) -> None:
    assert not decide(score, THRESHOLDS).mixed


def test_scorer_cleans_scores_and_decides_in_order() -> None:
    scorer = Scorer(TextBlobEngine())
    good, bad = scorer.predict(["An <b>excellent</b>, wonderful lamp", "A terrible, horrible &amp; awful lamp"])
    assert (good.sentiment, bad.sentiment) == ("positive", "negative")
    assert scorer.predict(["An excellent, wonderful lamp"]) == [good]


def test_scorer_uses_the_engines_threshold_unless_told_otherwise() -> None:
    text = ["It is a good lamp"]
    own = Scorer(TextBlobEngine()).predict(text)[0]
    assert own.needs_review == (own.confidence < TextBlobEngine.thresholds.needs_review)
    assert Scorer(TextBlobEngine(), Thresholds(needs_review=1.0)).predict(text)[0].needs_review
    assert not Scorer(TextBlobEngine(), Thresholds(needs_review=0.5)).predict(text)[0].needs_review


def test_scorer_names_the_text_that_is_empty() -> None:
    with pytest.raises(InputError) as caught:
        Scorer(TextBlobEngine()).predict(["fine", "<br/>&nbsp;"])
    assert (caught.value.code, caught.value.details) == ("empty-text", {"index": 1})


def test_scorer_scores_nothing_for_nothing() -> None:
    assert Scorer(TextBlobEngine()).predict([]) == []


def test_textblob_agrees_with_plain_words() -> None:
    engine = TextBlobEngine()
    scores = engine.score(["excellent, wonderful, perfect", "terrible, awful, horrible", "the box is on the table"])
    assert scores[0] > 0.9
    assert scores[1] < 0.1
    assert 0.3 < scores[2] < 0.5, "no opinion at all: near the middle, and marked for review"
    assert engine.describe()["engine"] == "textblob"


def test_textblob_score_does_not_depend_on_neighbours() -> None:
    texts = ["good", "bad lamp", "I do not like it", "ok"]
    together: NDArray[np.float64] = TextBlobEngine().score(texts)
    alone: Sequence[float] = [float(TextBlobEngine().score([text])[0]) for text in texts]
    assert together.tolist() == alone


def test_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e5, 0.0, 1e5])).tolist() == [0.0, 0.5, 1.0]
