"""Words, units and passages of a raw text, and the text without some of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviewlens.model.spans import hide, passages, words
from reviewlens.reviews.cleaning import clean_text

ODD = st.one_of(
    st.text(max_size=200),
    st.text("ab .,!?;:()'\"<>&/#=x:)-😡👍🏽é\u0301\u200d\u200b\n好ไม่", max_size=120),
    st.lists(
        st.sampled_from(
            [
                "good",
                "bad,",
                "not",
                "<br/>",
                "&amp;",
                "&lt;3",
                ":(",
                "😡😡",
                "e.g.",
                "3,5",
                "(",
                ")",
                "\n\n",
                "...",
                "很好",
                "—",
            ]
        ),
        max_size=60,
    ).map(" ".join),
)


def told(raw: str) -> list[str]:
    return [raw[word.start : word.end] for word in words(raw)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", []),
        ("... !! -- ,", []),
        ("Great", ["Great"]),
        ('"Terrible", he said (twice)!', ["Terrible", "he", "said", "twice"]),
        ("don't well-made 3.5 1,000", ["don't", "well-made", "3.5", "1,000"]),
        ("good,but...loud/heavy", ["good", "but", "loud", "heavy"]),
        ("see http://a.example/b,c.", ["see", "http://a.example/b,c"]),
        ("Nice:) but :( and <3", ["Nice", ":)", "but", ":(", "and", "<3"]),
        ("so bad😡😡😡 👍🏽!", ["so", "bad", "😡😡😡", "👍🏽"]),
        ("<b class='x'>bold</b><br>new &amp; old", ["bold", "new", "old"]),
        ("don&#39;t &quot;buy&quot;", ["don&#39;t", "buy"]),
        ("a < b and c > d", ["a", "b", "and", "c", "d"]),
        ("非常好用，但是太贵", ["非常", "好用", "但是", "太贵"]),
        ("очень хорошо", ["очень", "хорошо"]),
        ("cafe\u0301 naï\u200bve", ["cafe\u0301", "naï\u200bve"]),
        ("© 2026", ["2026"]),
    ],
)
def test_words(raw: str, expected: list[str]) -> None:
    assert told(raw) == expected


@pytest.mark.parametrize(
    ("raw", "part", "expected"),
    [
        ("a terrible lamp", "terrible", "a lamp"),
        ("It is terrible.", "terrible", "It is."),
        ("Terrible, loud.", "Terrible", "loud."),
        ("loud, ugly, heavy.", "loud", "ugly, heavy."),
        ("loud, ugly, heavy.", "ugly", "loud, heavy."),
        ("loud, ugly, heavy.", "heavy", "loud, ugly."),
        ("Fine. Terrible! Then it broke.", "Terrible", "Fine. Then it broke."),
        ("a (terrible) lamp", "terrible", "a lamp"),
        ('a "terrible" lamp', "terrible", "a lamp"),
        ("great:( lamp", "great", ":( lamp"),
        ("great :D", "great", ":D"),
        ("Terrible", "Terrible", ""),
        ("First one. Second one. Third.", "Second one.", "First one. Third."),
    ],
)
def test_what_remains_reads_like_a_text(raw: str, part: str, expected: str) -> None:
    start = raw.index(part)
    assert " ".join(hide(raw, start, start + len(part)).split()) == expected


@settings(max_examples=300)
@given(ODD)
@example("<b")
@example("&amp;amp;quot;x")
@example("a\u0301" * 40)
def test_words_are_stretches_of_the_raw_text_in_order(raw: str) -> None:
    found = words(raw)
    at = 0
    for word in found:
        assert at <= word.start < word.end <= len(raw)
        assert word.size >= 1
        assert raw[word.start : word.end].strip() == raw[word.start : word.end]
        at = word.end
    left = [char for char in hide(raw, found[0].start, found[0].end) if not char.isspace()] if found else []
    rest = iter(raw)
    assert all(char in rest for char in left), "hiding only takes away"


@settings(max_examples=200)
@given(ODD, st.integers(1, 40))
def test_every_word_is_in_one_unit_and_units_follow_one_another(raw: str, most: int) -> None:
    found = words(raw)
    cut = passages(raw, found, most)
    assert [word for passage in cut for unit in passage.units for word in unit.words] == found
    at = 0
    for passage in cut:
        assert len(passage.units) <= 6
        for unit in passage.units:
            assert at == unit.start < unit.end
            at = unit.end
    assert at == len(raw) or not cut


def test_sentences_stay_whole_and_passages_are_alike() -> None:
    raw = " ".join(f"Sentence number {n} says that the kettle is fine, but slow." for n in range(400))
    cut = passages(raw, words(raw), 160)
    assert len(cut) > 20
    for passage in cut:
        assert raw[passage.start :].lstrip().startswith("Sentence")
        assert 80 < passage.size < 200


def test_a_hostile_text_is_cut_in_linear_time() -> None:
    for raw in (
        "a. " * 33_000,
        "<a" * 50_000,
        "<!--" * 25_000,
        "&" * 100_000,
        "x" * 100_000,
        "a," * 50_000,
        "😡." * 30_000,
        "good " + "." * 100_000 + "x",
        "good" + "," * 100_000 + "x",
        "good " * 40 + " " * 100_000 + "bad",
    ):
        # With work that grows with the square of a run, each of the last three takes minutes.
        cut = passages(raw, words(raw), 160)
        assert cut == [] or cut[-1].end == len(raw)


def test_an_emoticon_hidden_is_gone_from_the_cleaned_text() -> None:
    raw = "Broke again :("
    assert clean_text(hide(raw, 12, 14)) == "Broke again"
