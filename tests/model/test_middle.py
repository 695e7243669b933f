"""The look at the middle of long texts: what it marks, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reviewlens.model.bundle import Bundle
from reviewlens.model.engines.openvino import OpenVinoEngine
from reviewlens.model.interface import Thresholds
from reviewlens.model.loading import load_scorer
from reviewlens.model.middle import MiddleReader
from reviewlens.model.scorer import Scorer
from tests.model.small_graphs import make_cascade

NGRAMS = {"name": "ngrams", "temperature": 2.0, "answers_below": 0.01, "answers_above": 0.99}
SMALL = {"name": "small", "temperature": 1.0, "answers_below": 0.02, "answers_above": 0.98}
FILLER = "the lamp " * 40
COMPLAINT = f"good {FILLER}{'bad lamp ' * 12}{FILLER}good"
PRAISE_ALL_OVER = f"good {FILLER}{'good lamp ' * 12}{FILLER}good"
COMPLAINT_AT_THE_END = f"good {FILLER * 2}{'bad lamp ' * 12}"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_cascade(tmp_path_factory.mktemp("middle") / "both", [NGRAMS, SMALL], long_texts="ends")


@pytest.fixture(scope="module")
def reader(bundle: Bundle) -> MiddleReader:
    return MiddleReader(bundle)


def test_a_passage_that_says_the_opposite_is_found(reader: MiddleReader) -> None:
    texts = [COMPLAINT, PRAISE_ALL_OVER, FILLER * 3]
    assert reader.contradicts(texts, np.array([0.98, 0.98, 0.98])).tolist() == [True, False, False]
    assert reader.contradicts(texts, np.array([0.02, 0.02, 0.02])).tolist() == [False, True, False]


def test_what_the_engine_reads_itself_is_not_looked_at(reader: MiddleReader) -> None:
    short = "good lamp bad bad bad bad " * 2
    texts = [short, COMPLAINT_AT_THE_END, "x" * 500, ""]
    assert not reader.contradicts(texts, np.array([0.98] * 4)).any()


def test_a_text_is_judged_alone_as_in_company(reader: MiddleReader) -> None:
    texts = [COMPLAINT, FILLER, PRAISE_ALL_OVER, COMPLAINT_AT_THE_END] * 3
    scores = np.linspace(0, 1, len(texts))
    alone = [reader.contradicts([text], scores[[index]])[0] for index, text in enumerate(texts)]
    assert reader.contradicts(texts, scores).tolist() == alone
    assert reader.contradicts([], np.zeros(0)).tolist() == []


def test_a_contradicted_text_needs_review_and_keeps_its_score(bundle: Bundle) -> None:
    engine = OpenVinoEngine(bundle)
    texts = [COMPLAINT, PRAISE_ALL_OVER]
    plain = Scorer(engine, Thresholds(needs_review=0.6)).predict(texts)
    looked = Scorer(engine, Thresholds(needs_review=0.6), MiddleReader(bundle)).predict(texts)
    assert [each.positive_score for each in plain] == [each.positive_score for each in looked]
    assert [each.sentiment for each in looked] == ["positive", "positive"]
    assert [each.needs_review for each in plain] == [False, False]
    assert [each.needs_review for each in looked] == [True, False]


def test_only_engines_that_read_the_ends_have_a_reader(tmp_path: Path) -> None:
    make_cascade(tmp_path / "windows", [NGRAMS, SMALL])
    make_cascade(tmp_path / "small", [SMALL], long_texts="ends")
    assert MiddleReader.open("cascade", tmp_path / "windows.tar.gz", tmp_path) is None
    assert MiddleReader.open("openvino", tmp_path / "small.tar.gz", tmp_path) is None
    assert MiddleReader.open("textblob") is None
    assert load_scorer("textblob").middle is None


def test_the_shipped_model_marks_a_complaint_between_two_kind_ends(cache_dir: Path) -> None:
    reader = MiddleReader.open("cascade", cache_dir=cache_dir)
    assert reader is not None
    kind = "We have had this lamp in the living room for a year now and I love the warm light it gives. " * 10
    complaint = (
        "It is terrible and a complete waste of money. It broke after one day, customer service was rude and useless, "
        "and they refused to refund me. Horrible, awful quality, do not buy this piece of junk. "
    )
    texts = [kind + complaint + kind, kind + kind]
    assert reader.contradicts(texts, np.array([0.98, 0.98])).tolist() == [True, False]


def test_texts_that_need_review_anyway_are_not_looked_at(bundle: Bundle, reader: MiddleReader) -> None:
    scorer = Scorer(OpenVinoEngine(bundle), Thresholds(needs_review=1.01), reader)
    assert [each.needs_review for each in scorer.predict([COMPLAINT, "good lamp"])] == [True, True]
    assert scorer.predict([]) == []
