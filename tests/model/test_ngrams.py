"""The first stage: its numbers are a text's own, it learns, and it knows what it never saw."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewlens.errors import ConfigurationError
from reviewlens.model.calibration import sigmoid
from reviewlens.model.ngrams import BUCKETS, UNIT, NgramModel, hashed

TOKENS = st.lists(st.lists(st.integers(0, 30_521), max_size=12), max_size=8)


@pytest.fixture(scope="module")
def model() -> NgramModel:
    weights = np.random.default_rng(3).integers(-900, 900, BUCKETS + 1).astype(np.int16)
    weights[np.random.default_rng(4).random(BUCKETS + 1) < 0.5] = 0
    return NgramModel(weights)


def _by_hand(model: NgramModel, ids: list[int]) -> tuple[float, float]:
    """One text's margin and known share, n-gram by n-gram."""
    total, known, count, longer = 0, 0, 0, 0
    texts = hashed([ids])
    for order, (buckets, _) in enumerate(texts.orders, start=1):
        for place in range(len(ids) + 2 - order + 1):
            weight = int(model.weights[buckets[place]])
            total, count = total + weight, count + 1
            if order > 1:
                known, longer = known + (weight != 0), longer + 1
    return (total / np.sqrt(count) + int(model.weights[BUCKETS])) / UNIT, known / longer


@settings(max_examples=60)
@given(tokens=TOKENS)
def test_a_text_scores_the_same_alone_in_company_and_by_hand(model: NgramModel, tokens: list[list[int]]) -> None:
    together = model.read(tokens)
    margins, known, plain = together.margins, together.known, together.plain
    assert margins.shape == known.shape == plain.shape == (len(tokens),)
    for index, ids in enumerate(tokens):
        alone = model.read([ids])
        values = (margins[index], known[index], plain[index])
        assert values == (alone.margins[0], alone.known[0], alone.plain[0]), "equal to the last bit"
        assert (margins[index], known[index]) == pytest.approx(_by_hand(model, ids), abs=1e-12)


def test_order_of_words_and_place_in_the_text_matter() -> None:
    found = [set(np.concatenate([b[i] for b, i in hashed([ids]).orders]).tolist()) for ids in ([5, 6], [6, 5])]
    assert len(found[0] & found[1]) == 3, "the two words and the boundary"
    assert hashed([[5, 6]]).sizes().tolist() == [4 + 3 + 2]


def _leaning(*words: tuple[int, int]) -> NgramModel:
    """A model that has a weight for some words, and none for longer n-grams."""
    weights = np.zeros(BUCKETS + 1, dtype=np.int16)
    for word, weight in words:
        weights[hashed([[word]]).orders[0][0][1]] = weight
    return NgramModel(weights)


def test_a_text_that_repeats_itself_is_not_plain(model: NgramModel) -> None:
    words = list(range(100, 160))
    texts = [words, [*words, *[7] * 16], words[:20] * 2, [7] * 8, [7, 7], [*words, words[0], words[1], 9]]
    assert _leaning((100, 500)).read(texts).plain.tolist() == [True, False, False, False, True, True]


def test_a_text_whose_parts_disagree_is_not_plain() -> None:
    complaint, praise = [2, *range(100, 130)], [*range(200, 215), 1, 3, 4]
    leaning = _leaning((1, 900), (2, -400), (3, 700), (4, 800))
    reading = leaning.read([complaint, praise, complaint + praise])
    assert reading.plain.tolist() == [True, True, False]
    assert reading.margins[2] > 0, "the sum alone calls the complaint positive"
    assert reading.may_answer(0.0).tolist() == [True, True, False]


def test_buckets_are_spread_evenly() -> None:
    rng = random.Random(1)
    tokens = [[rng.randrange(30_522) for _ in range(100)] for _ in range(500)]
    buckets, inside = hashed(tokens).orders[2]
    distinct = len(set(buckets[inside].tolist())) / inside.sum()
    assert 0.96 < distinct < 1, "as many collisions as chance makes of 50,000 in a million"


def test_it_is_read_as_it_was_written(model: NgramModel, tmp_path: Path) -> None:
    model.save(tmp_path / "ngrams.npy")
    assert np.array_equal(NgramModel.open(tmp_path / "ngrams.npy").weights, model.weights)
    np.save(tmp_path / "object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "short.npy", np.zeros(10, dtype=np.int16))
    np.save(tmp_path / "float.npy", np.zeros(BUCKETS + 1, dtype=np.float32))
    (tmp_path / "empty.npy").touch()
    (tmp_path / "text.npy").write_text("weights")
    for name in ("object", "short", "float", "empty", "text", "absent"):
        with pytest.raises(ConfigurationError) as caught:
            NgramModel.open(tmp_path / f"{name}.npy")
        assert caught.value.code == "bad-bundle"


def _made(count: int, seed: int) -> tuple[list[list[int]], np.ndarray]:
    """Word 1 is positive, word 2 negative, and 9 before either turns it round."""
    rng = random.Random(seed)
    tokens, scores = [], []
    for _ in range(count):
        word, turned = rng.choice([1, 2]), rng.random() < 0.4
        ids = [rng.randrange(20, 60) for _ in range(rng.randrange(12))]
        place = rng.randrange(len(ids) + 1)
        ids[place:place] = [9, word] if turned else [word]
        tokens.append(ids)
        scores.append(0.97 if (word == 1) != turned else 0.03)
    return tokens, np.array(scores)


def test_it_learns_a_teachers_scores() -> None:
    pytest.importorskip("scipy")
    from reviewlens.release.ngram_training import fit_ngrams

    tokens, scores = _made(1500, 1)
    model = fit_ngrams(tokens, scores)
    assert np.array_equal(fit_ngrams(tokens, scores).weights, model.weights), "the same data, the same model"
    others, wanted = _made(300, 2)
    margins, known = model.read(others).margins, model.read(others).known
    assert np.mean((margins >= 0) == (wanted >= 0.5)) > 0.98
    assert abs(np.mean(np.abs(sigmoid(margins) - 0.5)) - 0.47) < 0.06, "as sure as the teacher"
    strange = model.read([[7000 + n for n in range(10)]]).known[0]
    assert strange < 0.1
    assert known.mean() > 0.3


def test_what_counts_for_nothing_teaches_nothing() -> None:
    pytest.importorskip("scipy")
    from reviewlens.release.ngram_training import fit_ngrams, out_of_source

    tokens, scores = _made(800, 1)
    both = fit_ngrams([*tokens, *tokens], np.concatenate([scores, 1 - scores]), np.repeat([1.0, 0.0], len(tokens)))
    margins = both.read(tokens).margins
    assert np.mean((margins >= 0) == (scores >= 0.5)) > 0.97
    assert out_of_source(["a"] * 5 + ["b"] * 9 + ["c"] + ["d"] * 2) == {"b": 0, "a": 1, "d": 2, "c": 0}
