"""Scales of words, such as 'Very satisfied' to 'Very dissatisfied': which one a column uses, and its numbers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

# Each scale from worst to best; steps are separated by "|", synonyms by ",".
_SCALES = """
    bad, poor, schlecht | good, gut

    negative, negativ | positive, positiv

    not recommended, do not recommend, would not recommend, don't recommend, does not recommend, not recommend,
    doesn't recommend, i would not recommend, i do not recommend, wouldn't recommend, nicht empfohlen,
    non recommandé, no recomendado
    | recommended, recommend, recommends, would recommend, i would recommend, i recommend, empfohlen, recommandé,
    recomendado

    thumbs down, thumb down, 👎, down, downvote, thumbs_down | thumbs up, thumb up, 👍, up, upvote, thumbs_up

    dislike, disliked, dislikes | like, liked, likes

    unhappy | happy

    dissatisfied, unsatisfied, not satisfied | satisfied

    disappointed | not disappointed

    bad, poor, schlecht | ok, okay, average, fair, neutral, mittel | good, gut

    negative, negativ, négatif, negativo | neutral, mixed, neutre, neutro | positive, positiv, positif, positivo

    does not meet expectations, below expectations | meets expectations | exceeds expectations, above expectations

    sad, 😞, ☹, 🙁, 😡 | neutral, 😐 | happy, 😊, 🙂, 😀, 😃

    detractor | passive | promoter

    poor | fair, average, ok, okay | good | excellent

    very dissatisfied, extremely dissatisfied, completely dissatisfied, highly dissatisfied, strongly dissatisfied,
    very unsatisfied, extremely unsatisfied, sehr unzufrieden, très insatisfait, très mécontent, muy insatisfecho,
    molto insoddisfatto,
    muito insatisfeito, zeer ontevreden
    | dissatisfied, somewhat dissatisfied, unsatisfied, not satisfied, slightly dissatisfied, mostly dissatisfied,
    unzufrieden, eher unzufrieden, insatisfait, mécontent, insatisfecho, insoddisfatto, insatisfeito, ontevreden
    | neither satisfied nor dissatisfied, neutral, neither, ok, okay, indifferent, average, weder noch,
    teils teils, weder zufrieden noch unzufrieden, neutre, ni satisfait ni insatisfait, ni satisfecho ni insatisfecho,
    neutrale, neutro, neutraal
    | satisfied, somewhat satisfied, slightly satisfied, mostly satisfied, zufrieden, eher zufrieden, satisfait,
    satisfecho, soddisfatto, satisfeito, tevreden
    | very satisfied, extremely satisfied, completely satisfied, highly satisfied, sehr zufrieden, très satisfait,
    muy satisfecho, molto soddisfatto, muito satisfeito, zeer tevreden

    strongly disagree, completely disagree, totally disagree, stimme überhaupt nicht zu, pas du tout d'accord,
    totalmente en desacuerdo
    | disagree, somewhat disagree, slightly disagree, stimme nicht zu, stimme eher nicht zu, pas d'accord,
    en desacuerdo
    | neither agree nor disagree, neutral, neither, undecided, weder noch, teils teils, neutre
    | agree, somewhat agree, slightly agree, stimme zu, stimme eher zu, d'accord, de acuerdo
    | strongly agree, completely agree, totally agree, stimme voll zu, stimme voll und ganz zu, tout à fait d'accord,
    totalmente de acuerdo

    very unlikely, extremely unlikely, not at all likely | unlikely, somewhat unlikely, not likely
    | neutral, neither likely nor unlikely, neither, maybe | likely, somewhat likely
    | very likely, extremely likely

    very unhappy | unhappy | neutral, ok, okay | happy | very happy

    terrible | poor | average | very good | excellent

    mangelhaft | ausreichend | befriedigend | gut | sehr gut

    poor | fair | good | very good | excellent, outstanding

    bad, poor | average, fair, ok, okay, neutral | good | very good | excellent, outstanding, great

    very poor, very bad, terrible, awful, horrible, worst, extremely poor, sehr schlecht, très mauvais, muy malo,
    pessimo, péssimo
    | poor, bad, below average, schlecht, mauvais, malo, ruim, cattivo
    | average, fair, ok, okay, neutral, acceptable, so so, medium, mediocre, mittel, mittelmäßig, durchschnittlich,
    moyen, regular, medio
    | good, above average, gut, bon, bueno, buono, bom
    | very good, excellent, great, outstanding, amazing, best, perfect, extremely good, sehr gut, ausgezeichnet,
    très bon, muy bueno, ottimo, ótimo, excelente, eccellente
"""
_ANSWERS = """
    no, n, false, 0, 0.0, nein, non, não, nee, 0.00
    | yes, y, true, 1, 1.0, ja, oui, sí, si, sim

    no | maybe, not sure, unsure | yes

    definitely not | probably not | not sure, maybe, might or might not | probably, probably yes | definitely,
    definitely yes
"""
_GRADES = [letter + sign for letter in "ABCDE" for sign in ("", "+", "-")]
_UNWANTED = re.compile('[\ufe0f\U0001f3fb-\U0001f3ff"“”]|[.!]+$|\\s+')


def plain_word(raw: str) -> str:
    """A value without case, skin tones, quotation marks and repeated white space."""
    text = unicodedata.normalize("NFC", raw).replace("’", "'").replace("/", " ").strip()
    return " ".join(_UNWANTED.sub(lambda match: " " if match[0].isspace() else "", text).casefold().split())


def _parse(listed: str) -> list[dict[str, float]]:
    scales = []
    for block in re.split(r"\n\s*\n", listed.strip()):
        steps = " ".join(block.split()).split("|")
        words = {
            plain_word(word): float(step)
            for step, synonyms in enumerate(steps, start=1)
            for word in synonyms.split(",")
        }
        scales.append(words)
    return scales


_WORD_SCALES = _parse(_SCALES)
_ANSWER_SCALES = _parse(_ANSWERS)
_QUALITY = next(scale for scale in _WORD_SCALES if "below average" in scale)
_MOST_WORDS = 24
_ENOUGH = 20
_LETTERS = {plain_word(letter) for letter in [*_GRADES, "F"]}


def word_scale(values: Iterable[str], *, answers: bool = False) -> dict[str, float]:
    """Return the scale that has at least four fifths of a column's values, as word -> step (1 is the worst), or {}.

    At least two different words are needed: 'Good' alone does not say what else could be chosen. The scale that has the
    most values wins; of equal ones the one with the fewest steps. `answers`: 'yes' and 'no' count as well.
    """
    counts = Counter(map(plain_word, values))
    counts.pop("", None)
    if not 2 <= len(counts) <= _MOST_WORDS:
        return {}
    letters = {word for word in counts if word in _LETTERS}
    candidates = [*_WORD_SCALES, *(_ANSWER_SCALES if answers else []), *([_letter_scale(letters)] if letters else [])]
    best: dict[str, float] = {}
    best_count = 0.8 * counts.total() - 1e-9
    for scale in candidates:
        count = sum(number for word, number in counts.items() if word in scale)
        steps = {scale[word] for word in counts if word in scale}
        if len(steps) > 1 and count > best_count:
            best, best_count = scale, count
    if best is _QUALITY and counts.total() >= _ENOUGH:
        # Many forms offer only part of these steps: if nobody chose 'Very poor', 'Poor' is the worst.
        steps = {best[word] for word in counts if word in best}
        best = {word: step for word, step in best.items() if min(steps) <= step <= max(steps)}
    return best


def _letter_scale(words: set[str]) -> dict[str, float]:
    """Grades: A to F without E, A to E, or A to F; '+' and '-' are a third of a step."""
    bases = {word[0] for word in words}
    letters = "abcdef" if {"e", "f"} <= bases else "abcde" if "e" in bases else "abcdf"
    worst_first = {letter: float(step) for step, letter in enumerate(reversed(letters), start=1)}
    best = len(letters)
    scale: dict[str, float] = {}
    for letter, step in worst_first.items():
        for sign, offset in (("", 0.0), ("+", 1 / 3), ("-", -1 / 3)):
            scale[letter + sign] = round(min(float(best), max(1.0, step + offset)), 3)
    return scale
