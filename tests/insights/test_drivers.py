"""Drivers: the formula recomputed with plain numbers, samples that are even and steady, lists without echoes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.drivers import build_drivers, weighted_log_odds
from reviewlens.insights.models import Filters
from reviewlens.insights.results import Results
from reviewlens.insights.terms import find_terms, take_sample, without_echoes
from tests.insights.make_results import make_row


def test_log_odds_by_hand() -> None:
    positive, negative = [30, 2, 8, 0], [5, 20, 8, 4]
    log_odds, z = weighted_log_odds(np.array(positive), np.array(negative))
    total = sum(positive) + sum(negative)
    prior = 0.05 * total
    for i, (y_p, y_n) in enumerate(zip(positive, negative, strict=True)):
        a = prior * (y_p + y_n) / total
        n_p, n_n = sum(positive) + prior, sum(negative) + prior
        delta = math.log((y_p + a) / (n_p - y_p - a)) - math.log((y_n + a) / (n_n - y_n - a))
        assert log_odds[i] == pytest.approx(delta)
        assert z[i] == pytest.approx(delta / math.sqrt(1 / (y_p + a) + 1 / (y_n + a)))
    assert z[0] > 1.96 and z[1] < -1.96 and z[3] < 0


def test_a_large_corpus_has_a_bounded_prior() -> None:
    counts = np.array([40_000, 10_000]), np.array([30_000, 20_000])
    _, z = weighted_log_odds(*counts)
    a = 500 * np.array([0.7, 0.3])
    n = 50_500
    delta = np.log((counts[0] + a) / (n - counts[0] - a)) - np.log((counts[1] + a) / (n - counts[1] - a))
    assert z == pytest.approx(delta / np.sqrt(1 / (counts[0] + a) + 1 / (counts[1] + a)))


def test_drivers_on_small_data(results_of: Callable[..., Results]) -> None:
    good = ["Lovely soft light", "A lovely lamp", "Lovely, and bright", "So lovely and warm", "lovely thing"]
    bad = ["Not good at all", "It is not good", "Sadly not good", "Cheap and not good", "not good, flickers"]
    rows = [make_row(i, f"{text} {i}x", 0.9) for i, text in enumerate(good * 5, 1)]
    rows += [make_row(100 + i, f"{text} {i}y", 0.1) for i, text in enumerate(bad * 5, 1)]
    rows += [make_row(200 + i, rows[-1]["_text"], 0.1, duplicate_of=125) for i in range(7)]
    drivers = build_dashboard(results_of(rows), Filters()).drivers
    first = drivers.negative[0]
    assert (first.term, first.words, first.reviews, first.negative_reviews) == ("not good", 2, 32, 32)
    assert drivers.positive[0].term == "lovely" and drivers.positive[0].reviews == 25
    listed = [term.term for term in [*drivers.positive, *drivers.negative]]
    assert "not" not in listed and "good" not in listed and "and" not in listed


def test_identical_texts_weigh_once_in_the_comparison(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Plain text {i}", 0.9 if i % 2 else 0.1) for i in range(1, 41)]
    rows += [make_row(40 + i, "Spam spam spam", 0.9, duplicate_of=None if i == 1 else 41) for i in range(1, 300)]
    drivers = build_dashboard(results_of(rows), Filters()).drivers
    assert "spam" not in [term.term for term in drivers.positive]
    assert (drivers.based_on, drivers.sampled) == (339, False)


def test_too_little_of_one_side(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Fine lamp {i}", 0.9 if i > 2 else 0.1) for i in range(1, 60)]
    drivers = build_dashboard(results_of(rows), Filters()).drivers
    assert not drivers.available and "at least three of each sentiment" in drivers.note


def test_samples_are_even_and_steady(story: Results) -> None:
    sample = take_sample(story.scan(), 2000, size=400)
    again = take_sample(story.scan(), 2000, size=400)
    assert sample.sampled and sample.frame.equals(again.frame)
    assert 320 < sample.rows < 480
    assert abs(sample.frame["positive"].mean() - 0.71) < 0.08
    months = sample.frame["date"].drop_nulls().dt.truncate("1mo").n_unique()
    assert months == 13
    drivers = build_drivers(sample, find_terms(sample.frame["text"], 3))
    assert drivers.sampled and f"even sample of {sample.rows}" in drivers.note
    whole = take_sample(story.scan(), 2000)
    assert not whole.sampled and whole.rows == 2000 and whole.frame.height < 2000


def test_echoes_are_left_out() -> None:
    texts = ["waste of money"] * 6 + [
        "great sound",
        "great sound",
        "great fit",
        "great price",
        "great feel",
        "deep bass",
    ]
    found = find_terms(pl.Series(texts), 1)
    index = {term: i for i, term in enumerate(found.terms)}

    def kept(*order: str, limit: int = 9) -> list[str]:
        return [found.terms[i] for i in without_echoes([index[term] for term in order], found, limit)]

    assert kept("waste", "waste of money", "money") == ["waste of money"]
    assert kept("waste", "money", "waste of money") == ["waste of money"]
    assert kept("great", "great sound") == ["great"]  # two of five: the longer phrase adds little
    assert kept("great sound", "great") == ["great sound"]
    assert kept("waste", "money") == ["waste"]  # always in the same reviews
    assert kept("great", "waste", "deep bass", limit=2) == ["great", "waste"]
