"""Cleaning: what is removed, kept or turned into words, and that hostile texts take linear time."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewlens.reviews import cleaning
from reviewlens.reviews.cleaning import clean_text, join_title

EXAMPLES = {
    # entities, once, twice and thrice escaped, and things that only look like them
    "Don&#39;t buy &amp; don&#x27;t look": "Don't buy & don't look",
    "fish &amp;amp; chips, it&amp;#39;s &amp;quot;ok&amp;quot;": 'fish & chips, it\'s "ok"',
    "&amp;amp;amp;amp;amp;amp;amp;amp;amp;amp;lt;br&gt;fine": "fine",
    "AT&T and black&parasol": "AT&T and black&parasol",
    "one&nbsp;two": "one two",
    # tags
    "Good.<br /><br />Bad.<BR>": "Good. Bad.",
    '<p class="x">It <b>works</b>': "It works",
    "a < b and c > d": "a < b and c > d",
    "if a <b and c> d": "if a <b and c> d",
    "<my order number>": "<my order number>",
    "x<script>var a = '<b>';</script>y<style>p {}</style>z<!-- note -->!": "x y z !",
    "open <script> stays": "open stays",
    "<!DOCTYPE html><html>Nice</html>": "Nice",
    "it&lt;br&gt;works": "it works",
    # Unicode
    "Cafe\u0301": "Café",
    "a\u200bb\ufeffc\u00add": "abcd",
    "nul\x00 and bell\x07": "nul and bell",
    "tab\there\r\nnew\u2003line\u00a0end": "tab here new line end",
    "half \ud83d done": "half done",
    "pair \ud83d\ude00": "pair grinning face",
    # emoji
    "Love it 😍😍😍": "Love it smiling face with heart-eyes",
    "👍🏽 and 👎": "thumbs up and thumbs down",
    "ok❤️": "ok red heart",
    "Kindle™ ©": "Kindle™ ©",
    # emoticons, and what only looks like them
    "great:) :-))) :D": "great smiling face smiling face grinning face",
    "bad :( :'( :/": "bad sad face crying face confused face",
    "I <3 this": "I love this",
    "came in <3 days": "came in <3 days",
    "http://shop.example/a at 10:30, ratio 5:3, note:(a)": "http://shop.example/a at 10:30, ratio 5:3, note:(a)",
    # left alone
    "NOT Running the Runs": "NOT Running the Runs",
    "!!!": "!!!",
}


@pytest.mark.parametrize(("raw", "expected"), EXAMPLES.items())
def test_examples(raw: str, expected: str) -> None:
    assert clean_text(raw) == expected


@pytest.mark.parametrize(
    "raw", [None, "", "  \n\t ", "\u200b\ufeff\u00ad", "<br/>", "&nbsp;&#8203;", "\x00\x01", "\ud800"]
)
def test_nothing_remains(raw: str | None) -> None:
    assert clean_text(raw) == ""


@given(st.text())
def test_any_text_comes_out_clean(raw: str) -> None:
    text = clean_text(raw)
    assert unicodedata.is_normalized("NFC", text)
    assert text == " ".join(text.split())
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Co"} for char in text)
    assert text.encode("utf-8").decode("utf-8") == text


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&<:;=^-_xXDT()[]")))
def test_plain_ascii_only_loses_white_space(raw: str) -> None:
    assert clean_text(raw) == " ".join(raw.split())


@given(
    st.lists(
        st.sampled_from(["Great", "<br>", "&amp;", "😀", ":)", "é", " ", ".", "<3", "bad", "&lt;b&gt;"]), max_size=20
    )
)
def test_cleaning_twice_changes_nothing(parts: list[str]) -> None:
    once = clean_text(" ".join(parts))
    assert clean_text(once) == once


@settings(max_examples=30)
@given(st.text(alphabet="<>&;b script/!-:)=", max_size=400))
def test_markup_soup_never_raises_and_keeps_no_tags(raw: str) -> None:
    assert "<br>" not in clean_text(raw + "<br>")


@pytest.mark.parametrize(
    "piece",
    ["<script>", "<b ", "&amp;", "&", "<!--", "<", ":-", "(:", "^", "-_", ":)", "&lt;", "<b =", "e\u0301\u200d", "😂"],
)
def test_hostile_repetition_takes_linear_time(piece: str) -> None:
    short, long = (piece * (length // len(piece)) for length in (10_000, 80_000))
    # Eight times the text takes eight times the processor's time if the work is linear, 64 times if it is quadratic.
    assert _processor_seconds(long) < 24 * _processor_seconds(short)


def _processor_seconds(text: str) -> float:
    """The least time of this thread's own, over several tries, that cleaning takes; other processes do not count."""
    times = []
    for _ in range(5):
        started = time.thread_time()
        clean_text(text)
        times.append(time.thread_time() - started)
    return min(times)


def test_plain_texts_skip_the_costly_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(text: str) -> str:
        raise AssertionError(f"a costly step ran for {text!r}")

    for step in ("_unescape", "strip_markup", "_emoji_to_words"):
        monkeypatch.setattr(cleaning, step, unexpected)
    assert clean_text("Good product,  it works: 10/10 and (mostly) on time!\n") == (
        "Good product, it works: 10/10 and (mostly) on time!"
    )


@pytest.mark.parametrize(
    ("title", "body", "joined"),
    [
        ("Great", "Works well", "Great. Works well"),
        ("Great!", "Works well", "Great! Works well"),
        ("Really?", "Works", "Really? Works"),
        (" Great ", " Works ", "Great. Works"),
        ("", "Works", "Works"),
        (None, "Works", "Works"),
        ("Great", "", "Great"),
        ("Great", None, "Great"),
        (None, None, ""),
        ("Good phone", "Good phone, bad battery", "Good phone, bad battery"),
        ("GOOD PHONE", "Good phone. Bad battery", "Good phone. Bad battery"),
        ("Good phone but the...", "Good phone but the battery is bad", "Good phone but the battery is bad"),
        ("Good", "Goodness, what a phone", "Good. Goodness, what a phone"),
        ("...", "Works", "Works"),
    ],
)
def test_join_title(title: str | None, body: str | None, joined: str) -> None:
    assert join_title(title, body) == joined


@given(st.text(), st.text())
def test_joining_loses_no_body(title: str, body: str) -> None:
    assert body.strip() in join_title(title, body)
