"""The languages of a file's texts, from a sample, and a warning about those that the model does not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reviewlens.contracts.languages import language_name, name_languages, unread_languages
from reviewlens.contracts.tables import Mapping, Warned
from reviewlens.reviews.cleaning import clean_text, own_words
from reviewlens.reviews.languages import SAMPLE_TEXTS, detect_language, language_shares
from reviewlens.reviews.placeholders import is_placeholder

_MOST_NAMED = 3
_MOST_EXAMPLES = 3
_EXAMPLE_CHARS = 80


def with_languages(
    mapping: Mapping, rows: Sequence[Sequence[str]], languages: Sequence[str], *, chosen: bool = False
) -> tuple[Mapping, list[str]]:
    """The mapping with the languages of its texts in the sampled `rows`, and warnings.

    `languages`: those that the model reads. `chosen`: the mapping's own shares are the user's and stay.
    """
    texts = _sample(mapping, rows)
    if not chosen:
        mapping = mapping.model_copy(update={"language_shares": language_shares(texts)})
    return mapping, _warnings(mapping, texts, languages)


def _sample(mapping: Mapping, rows: Sequence[Sequence[str]]) -> list[str]:
    raws = [raw for row in rows for column in mapping.texts if (raw := row[column]) and not is_placeholder(raw)]
    step = max(1, -(-len(raws) // SAMPLE_TEXTS))
    cleaned = (own_words(raw, clean_text(raw)) for raw in raws[::step])
    return [text for text in cleaned if text]


def _warnings(mapping: Mapping, texts: Sequence[str], languages: Sequence[str]) -> list[str]:
    unread = [code for code in mapping.language_shares if code not in languages]
    detected = [(text, detect_language(text, mapping.language_shares)) for text in texts] if unread else []
    counts = unread_languages(Counter(code for _, code in detected), languages)
    if not counts:
        return []
    share = _about(sum(counts.values()), len(texts))
    if len(counts) == 1:
        sentence = f"{share} of the texts are in {language_name(next(iter(counts)))}."
    else:
        named = [
            f"{language_name(code)} ({_percent(count, len(texts))})"
            for code, count in list(counts.items())[:_MOST_NAMED]
        ]
        more = " and others" if len(counts) > _MOST_NAMED else ""
        sentence = f"{share} of the texts are in other languages: {', '.join(named)}{more}."
    consequence = (
        "; you chose to have them judged all the same. Do not rely on their sentiment."
        if mapping.all_languages
        else ", so they get no sentiment unless you choose to judge all languages."
    )
    examples = [text[:_EXAMPLE_CHARS] for text, code in detected if code in counts][:_MOST_EXAMPLES]
    return [
        Warned("other-languages", f"{sentence} The model reads {name_languages(languages)}{consequence}", *examples)
    ]


def _about(part: int, whole: int) -> str:
    if part == whole:
        return "All"
    return f"About {_percent(part, whole)}" if part >= 0.01 * whole else "Less than 1 %"


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return "under 1 %" if share < 1 else f"{share:.0f} %"
