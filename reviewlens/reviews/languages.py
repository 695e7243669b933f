"""Detects the language of a cleaned text from its script, its letters and the languages of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reviewlens.contracts.languages import ENGLISH

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

Floats = NDArray[np.float64]

SAMPLE_TEXTS = 500
"""Texts from which a file's shares are estimated."""
_READ_CHARS = 400  # the start of a text is enough
_SHARPNESS = 2.0  # py3langid is cautious about short texts; with the shares of the file, it need not be
_ELSEWHERE = 0.02  # share of texts that may be in a language that the sample lacks
_FREQUENT = 0.05  # share from which a language is one of the main languages of a file
_LEAST = 0.7  # probability from which a text is in another language than the main ones
_LEAST_LIKELY = 1e-30
_ASSUMED_ENGLISH = 10  # texts added to the sample: a few short ones tell little
_ROUNDS = 3  # of expectation and maximisation; the shares change little after the second

_CODES = {
    "latin": (
        "en es fr de it pt nl pl sv da no fi cs sk hu ro tr id ms tl vi hr sl sq et lv lt ca gl eu az sw af is ga cy"
    ),
    "cyrillic": "ru uk bg sr mk be kk",
    "arabic": "ar fa ur ps",
    "devanagari": "hi mr ne",
}
_GROUPS = {script: codes.split() for script, codes in _CODES.items()}
"""Languages that py3langid tells apart, by script."""
_LANGUAGES = [language for group in _GROUPS.values() for language in group]
_COLUMNS = {script: np.array([_LANGUAGES.index(language) for language in group]) for script, group in _GROUPS.items()}
_USUAL = np.array(
    [
        5.0 if language == group[0] and script != "latin" else 1.0
        for script, group in _GROUPS.items()
        for language in group
    ]
)
_USUAL /= _USUAL.sum()
"""How likely a language is that the sample lacks. Of the other scripts the first one is the usual one."""
_SCRIPTS = {
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "devanagari": "\u0900-\u097f",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "ja": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "ko": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "hy": "\u0530-\u058f",
    "he": "\u0590-\u05ff",
    "bn": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f",
    "gu": "\u0a80-\u0aff",
    "or": "\u0b00-\u0b7f",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "si": "\u0d80-\u0dff",
    "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u109f",
    "ka": "\u10a0-\u10ff",
    "am": "\u1200-\u137f",
    "km": "\u1780-\u17ff",
}
"""Letters beyond the Latin ones, by group or by the one language that they decide for."""
_BEYOND_LATIN = re.compile(f"[{''.join(_SCRIPTS.values())}]")
_LETTERS = {script: re.compile(f"[{letters}]") for script, letters in _SCRIPTS.items()}
_LATIN_LETTER = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_DENSE = {"zh": 3, "ja": 2, "ko": 2}  # Latin letters that one letter of theirs is worth


def detect_language(text: str, shares: Mapping[str, float]) -> str:
    """The code of a cleaned text's language; the likeliest of the file's main ones where the text does not tell.

    `shares`: the file's languages, as `language_shares` estimates them; empty: those of an English file. The language
    depends on nothing else.
    """
    return _detect(text, _Prior.of(tuple(sorted(shares.items()))))


def language_shares(texts: Sequence[str]) -> dict[str, float]:
    """Share of the texts by language, most frequent first, from up to SAMPLE_TEXTS of them, evenly spread."""
    step = max(1, -(-len(texts) // SAMPLE_TEXTS))
    sample = [text for text in texts[::step] if text]
    if not sample:
        return {}
    prior = _Prior.estimate(sample)
    counts: dict[str, int] = {}
    for text in sample:
        language = _detect(text, prior)
        counts[language] = counts.get(language, 0) + 1
    return {
        language: round(count / len(sample), 4)
        for language, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    }


def load() -> None:
    """Load py3langid's model, which needs to write a temporary file."""
    _identifier()


def release() -> None:
    """Free the memory of py3langid's model (about 60 MB); the next detection loads it again."""
    _identifier.cache_clear()


class _Prior:
    """The expected shares of a file: `log` of those that py3langid tells apart, `frequent`: which are frequent, and
    `main`: the most frequent language.
    """

    def __init__(self, shares: Mapping[str, float]) -> None:
        known = np.array([shares.get(language, 0.0) for language in _LANGUAGES])
        total = known.sum()
        self.log: Floats = np.log((1 - _ELSEWHERE) * (known / total if total else known) + _ELSEWHERE * _USUAL)
        self.frequent = known >= _FREQUENT
        self.main = max(shares, key=lambda language: (shares[language], language == ENGLISH), default=ENGLISH)
        self.japanese = shares.get("ja", 0.0) > shares.get("zh", 0.0)

    @classmethod
    @lru_cache(maxsize=4)
    def of(cls, shares: tuple[tuple[str, float], ...]) -> _Prior:
        return cls(dict(shares) or {ENGLISH: 1.0})

    @classmethod
    def estimate(cls, texts: Iterable[str]) -> _Prior:
        """The prior under which the texts are likeliest (expectation and maximisation from equal shares)."""
        scripts = [_script(text) for text in texts]
        evidence = [
            (script, _evidence(text, script)) for text, script in zip(texts, scripts, strict=True) if script in _COLUMNS
        ]
        alone = {script: scripts.count(script) / len(scripts) for script in set(scripts) - _COLUMNS.keys() if script}
        prior = cls({})
        for _ in range(_ROUNDS):
            sums = np.zeros(len(_LANGUAGES))
            sums[_LANGUAGES.index(ENGLISH)] = _ASSUMED_ENGLISH
            for script, scores in evidence:
                sums[_COLUMNS[script]] += _probabilities(scores + prior.log[_COLUMNS[script]])
            prior = cls({**dict(zip(_LANGUAGES, (sums / len(scripts)).tolist(), strict=True)), **alone})
        return prior


def _detect(text: str, prior: _Prior) -> str:
    script = _script(text)
    if script == "zh" and prior.japanese:
        return "ja"
    if script not in _COLUMNS:
        return script or prior.main
    columns = _COLUMNS[script]
    probabilities = _probabilities(_evidence(text, script) + prior.log[columns])
    frequent = probabilities * prior.frequent[columns]
    best = int(probabilities.argmax())
    if probabilities[best] < _LEAST and frequent.any():
        best = int(frequent.argmax())
    return _GROUPS[script][best]


def _script(text: str) -> str:
    """The group that a text's letters belong to, or the one language that they decide for; '' without letters."""
    text = text[:_READ_CHARS]
    latin = len(_LATIN_LETTER.findall(text))
    if text.isascii() or not (beyond := len(_BEYOND_LATIN.findall(text))):
        return "latin" if latin else ""
    counts = {
        script: count * _DENSE.get(script, 1)
        for script, letters in _LETTERS.items()
        if (count := len(letters.findall(text)))
    }
    if latin >= sum(counts.values()):
        return "latin"
    # Japanese mixes Han characters with its own.
    if "ja" in counts and "zh" in counts and counts["ja"] >= 0.1 * beyond:
        return "ja"
    return max(counts, key=lambda script: counts[script])


def _evidence(text: str, script: str) -> Floats:
    """The log-likelihood of each language of a script, up to a constant."""
    found = dict(_identifier().rank(text[:_READ_CHARS]))
    probabilities = np.array([found[language] for language in _GROUPS[script]])
    scores: Floats = _SHARPNESS * np.log(np.maximum(probabilities, _LEAST_LIKELY))
    return scores


def _probabilities(scores: Floats) -> Floats:
    powers: Floats = np.exp(scores - scores.max())
    powers /= powers.sum()
    return powers


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    """py3langid's model, cut to our languages. It takes half a second to load."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    whole = LanguageIdentifier.from_model_file(MODEL_FILE)
    columns = [whole.nb_classes.index(language) for language in _LANGUAGES]
    return LanguageIdentifier(
        np.ascontiguousarray(whole.nb_ptc[:, columns], dtype=np.float32),
        np.asarray(whole.nb_pc[columns], dtype=np.float32),
        list(_LANGUAGES),
        whole.tk_nextmove,
        whole.tk_output,
        norm_probs=True,
        tk_row=whole.tk_row,
    )
