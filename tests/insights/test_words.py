"""What is counted as a word or phrase is what a search for it finds."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reviewlens.insights.models import Filters
from reviewlens.insights.terms import find_terms
from reviewlens.insights.words import NEGATIONS, NUMBERS, STOP_WORDS, mentions, split_search

PIECES = [
    "good",
    "not",
    "the",
    "battery",
    "life",
    "don't",
    "dogs'",
    "'quoted'",
    "it",
    "7",
    "two",
    ".",
    ", ",
    " ",
    "  ",
    "-",
    "!",
    "é",
    "Über",
]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join), min_size=1, max_size=8)


def holds(term: str, text: str) -> bool:
    frame = pl.DataFrame({"_text": [text], "_title": [None]}, schema={"_text": pl.String, "_title": pl.String})
    return bool(frame.select(mentions(term)).item())


def expected_terms(text: str) -> set[str]:
    """Terms of one text, the plain way: sentence pieces, then runs of one to three words."""
    found = set()
    for piece in re.split(r"[.,!?;:…()\[\]{}\"“”—–|/\\]", text.lower().replace("’", "'")):
        words = re.findall(r"\w+(?:'\w+)*", piece)
        for size in (1, 2, 3):
            for start in range(len(words) - size + 1):
                term = words[start : start + size]
                hollow = all(word in NEGATIONS or word in NUMBERS or word.isdigit() for word in term)
                if term[0] in STOP_WORDS or term[-1] in STOP_WORDS or term[-1] in NEGATIONS or hollow:
                    continue
                found.add(" ".join(term))
    return found


@given(TEXTS)
@settings(max_examples=150)
def test_terms_are_counted_as_a_plain_reading_and_a_search_count_them(texts: list[str]) -> None:
    found = find_terms(pl.Series(texts, dtype=pl.String), least=1)
    counted = {(int(doc), found.terms[term]) for doc, term in zip(found.doc, found.term, strict=True)}
    assert counted == {(doc, term) for doc, text in enumerate(texts) for term in expected_terms(text)}
    assert len(counted) == len(found.doc)
    for term in set(found.terms):
        assert [holds(term, text) for text in texts] == [(doc, term) in counted for doc in range(len(texts))]


def test_least_and_missing_texts() -> None:
    found = find_terms(pl.Series(["good lamp", None, "good kettle", ""], dtype=pl.String), least=2)
    assert found.terms == ["good"]
    assert find_terms(pl.Series([], dtype=pl.String), least=1).terms == []


def test_whole_words_in_any_case() -> None:
    assert holds("CAT", "My cat, asleep.")
    assert not holds("cat", "concatenate the cats")
    assert not holds("don", "I don't")
    assert holds("don't", "I DON’T know")
    assert holds("dogs", "the dogs' bowl")
    assert holds("quoted", "a 'quoted' word")
    assert holds("a.b", "is a.b here")
    assert holds("c++", "I like c, really")  # letters and digits decide


def test_phrases_do_not_cross_sentences_unless_they_say_so() -> None:
    assert holds("battery life", "Battery   life is poor")
    assert not holds("battery life", "Bad battery. Life goes on")
    assert not holds("don t", "I don't")
    assert holds("cheap, but good", "Cheap but good")
    assert holds("cheap, but good", "cheap - but good")
    assert holds("cheap, but", "it is cheap, but ok")


def test_search_is_split_into_words_and_phrases() -> None:
    assert split_search('battery "two hours" “not good”  ...') == ["battery", "two hours", "not good"]
    assert split_search('open "quote') == ["open", "quote"]
    assert split_search("") == []
    assert not Filters(words="  ").active
    assert Filters(words="a " * 12).active
    with pytest.raises(ValidationError, match="at most 12"):
        Filters(words="a " * 13)
    with pytest.raises(ValidationError, match="letter or a digit"):
        Filters(words="?! 👍")
