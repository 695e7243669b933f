"""Languages that texts can be detected in, by ISO 639-1 code, and their English names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

ENGLISH = "en"
MODEL_LANGUAGES = (ENGLISH,)
"""The languages of a model that does not list any."""

NAMES = {
    "af": "Afrikaans",
    "am": "Amharic",
    "ar": "Arabic",
    "az": "Azerbaijani",
    "be": "Belarusian",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "cs": "Czech",
    "cy": "Welsh",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "eu": "Basque",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "ga": "Irish",
    "gl": "Galician",
    "gu": "Gujarati",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "hy": "Armenian",
    "id": "Indonesian",
    "is": "Icelandic",
    "it": "Italian",
    "ja": "Japanese",
    "ka": "Georgian",
    "kk": "Kazakh",
    "km": "Khmer",
    "kn": "Kannada",
    "ko": "Korean",
    "lo": "Lao",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "mk": "Macedonian",
    "ml": "Malayalam",
    "mr": "Marathi",
    "ms": "Malay",
    "my": "Burmese",
    "ne": "Nepali",
    "nl": "Dutch",
    "no": "Norwegian",
    "or": "Odia",
    "pa": "Punjabi",
    "pl": "Polish",
    "ps": "Pashto",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "si": "Sinhala",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sq": "Albanian",
    "sr": "Serbian",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
    "tl": "Tagalog",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}


def language_name(code: str) -> str:
    """The English name of a language; the code itself if it has none here."""
    return NAMES.get(code, code)


def name_languages(codes: Sequence[str]) -> str:
    """Names as one phrase: 'English', 'English and Spanish'."""
    names = [language_name(code) for code in codes]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def not_judged_reason(language: str, languages: Sequence[str]) -> str:
    """Why a text has no sentiment: 'Spanish; the model reads English'. `languages`: those that the model reads."""
    return f"{language_name(language)}; the model reads {name_languages(languages)}"


def unread_languages(counts: dict[str, int], languages: Collection[str]) -> dict[str, int]:
    """The counts of the languages that the model does not read, most frequent first."""
    unread = {code: count for code, count in counts.items() if code not in languages and count}
    return dict(sorted(unread.items(), key=lambda item: (-item[1], item[0])))


def most_frequent(counts: dict[str, int]) -> str:
    """Languages in words, the two most frequent by name: 'Spanish', 'other languages (mostly Spanish and French)'."""
    codes = list(counts)
    if len(codes) <= 2:
        return name_languages(codes)
    return f"other languages (mostly {name_languages(codes[:2])})"
