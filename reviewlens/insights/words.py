"""The definition of words and phrases, shared by search and counting so that a count and its search agree."""

from __future__ import annotations

import re

import polars as pl

# A phrase does not contain these.
BREAKS = r".,!?;:…()\[\]{}\"“”—–|/\\"
WORD = r"\w+(?:['’]\w+)*"
WORD_OR_BREAK = rf"[{BREAKS}]|{WORD}"

# An apostrophe belongs to a word only between two of its letters.
_LEFT = r"(?:^|[^\w'’]|(?:^|\W)['’])"
_RIGHT = r"(?:$|[^\w'’]|['’](?:\W|$))"
_GAP = rf"(?:[^\w{BREAKS}'’][^\w{BREAKS}]*|['’][^\w{BREAKS}]+)"
_ANY_GAP = r"(?:[^\w'’]\W*|['’]\W+)"
_QUOTED_OR_WORD = re.compile(r"\"([^\"]*)\"|“([^”]*)”|([^\s\"“”]+)")
_PY_WORD = re.compile(WORD)

_NEGATIONS = """
no not never none nothing without cannot hardly barely neither nor isn't wasn't aren't weren't don't doesn't didn't
won't wouldn't can't couldn't shouldn't hasn't haven't hadn't ain't dont doesnt didnt wont cant couldnt isnt wasnt n't
"""
NEGATIONS = frozenset(_NEGATIONS.split())
_STOP_WORDS = """
a about after again all also although always am an and any are as at be because been before being both but by came can
come could did do does doing done down each even ever every few for from further get gets getting go goes going got
had has have having he he'd he's her here hers herself him himself his how however i i'd i'll i'm i've if in into is
it it'd it'll it's its itself just let let's like lot lots many may maybe me might mine more most much must my myself
now of off often on once one ones only onto or other others otherwise our ours out over own quite rather really s same
say said see seem seems seen several shall she she's should since so some something still such t than that that's the
their theirs them themselves then there there's these they they'd they'll they're they've thing things this those
though through thru to too under until up upon us use used using very via was way we we'd we'll we're we've well went
were what when where whether which while who whom whose why will with within would yes yet you you'd you'll you're
you've your yours yourself ive im
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words without a meaning of their own; negations are not among them."""
_NUMBERS = "one two three four five six seven eight nine ten first second third half"
NUMBERS = frozenset(_NUMBERS.split())


def split_search(words: str) -> list[str]:
    """The words and quoted phrases of a search, each with at least one letter or digit."""
    terms = ["".join(match.groups(default="")) for match in _QUOTED_OR_WORD.finditer(words)]
    return [term for term in terms if _PY_WORD.search(term)]


def term_pattern(term: str) -> str:
    """A regular expression (for Polars) that finds the term as whole words, in any case.

    Between the words of a phrase are spaces, or punctuation too if the term has it ("cheap, but good").
    """
    pattern = _LEFT
    end: int | None = None
    for match in _PY_WORD.finditer(term):
        if end is not None:
            pattern += _ANY_GAP if re.search(rf"[{BREAKS}]", term[end : match.start()]) else _GAP
        pattern += re.sub("['’]", "['’]", re.escape(match[0]))
        end = match.end()
    return f"(?i){pattern}{_RIGHT}"


def mentions(term: str) -> pl.Expr:
    """Whether a row's title or text contains the term."""
    pattern = term_pattern(term)
    return pl.any_horizontal(pl.col(name).str.contains(pattern).fill_null(value=False) for name in ("_text", "_title"))


def full_text() -> pl.Expr:
    """Title and text as one, with a break between them."""
    return pl.concat_str([pl.col("_title"), pl.col("_text")], separator=" . ", ignore_nulls=True)
