"""The languages of a file before the job starts."""

from __future__ import annotations

import io

from reviewlens.contracts.tables import Sniffed
from reviewlens.reading.sniff import sniff
from tests.reading.reading_help import LIMITS, look

ENGLISH = "The battery lasts for {} days and I would buy it again."
SPANISH = "El hotel estaba muy limpio y el personal fue amable durante {} días."
GERMAN = "Die Lieferung kam {} Tage zu spät, und der Kundendienst antwortet nicht."


def a_file(*parts: tuple[str, int]) -> bytes:
    texts = [text.format(number) for text, times in parts for number in range(2, times + 2)]
    return ("review\n" + "".join(f'"{text}"\n' for text in texts)).encode()


def other_languages(sniffed: Sniffed) -> list[tuple[str, list[str]]]:
    found = [(each.message, each.examples) for each in sniffed.coded_warnings if each.code == "other-languages"]
    assert [message for message, _ in found] == [each for each in sniffed.warnings if "the model reads" in each.lower()]
    return found


def test_an_english_file_has_no_warning() -> None:
    sniffed = look(a_file((ENGLISH, 40)))
    assert sniffed.mapping is not None
    assert sniffed.mapping.language_shares == {"en": 1.0}
    assert other_languages(sniffed) == []


def test_another_language_is_reported_with_its_share_and_examples() -> None:
    sniffed = look(a_file((ENGLISH, 43), (SPANISH, 7)))
    assert sniffed.mapping is not None
    assert sniffed.mapping.language_shares == {"en": 0.86, "es": 0.14}
    ((message, examples),) = other_languages(sniffed)
    assert message == (
        "About 14 % of the texts are in Spanish. The model reads English, so they get no sentiment unless you choose "
        "to judge all languages."
    )
    assert examples == [SPANISH.format(number) for number in (2, 3, 4)]


def test_several_languages_are_listed() -> None:
    ((message, _),) = other_languages(look(a_file((ENGLISH, 80), (SPANISH, 15), (GERMAN, 5))))
    assert message.startswith("About 20 % of the texts are in other languages: Spanish (15 %), German (5 %).")
    ((message, _),) = other_languages(look(a_file((SPANISH, 40))))
    assert message.startswith("All of the texts are in Spanish.")


def test_whoever_asks_for_all_languages_is_warned() -> None:
    sniffed = look(a_file((ENGLISH, 43), (SPANISH, 7)), mapping={"all_languages": True})
    assert sniffed.mapping is not None
    assert sniffed.mapping.all_languages
    ((message, _),) = other_languages(sniffed)
    assert message.endswith("you chose to have them judged all the same. Do not rely on their sentiment.")


def test_the_languages_that_the_model_reads_are_not_reported() -> None:
    data = a_file((ENGLISH, 40), (SPANISH, 10), (GERMAN, 5))
    sniffed = sniff(lambda: io.BytesIO(data), "a.csv", len(data), LIMITS, languages=("en", "es"))
    ((message, _),) = other_languages(sniffed)
    assert message.startswith("About 9 % of the texts are in German. The model reads English and Spanish, so")


def test_emoji_and_placeholders_do_not_count() -> None:
    data = ("review\n" + "".join(f"좋아요 {n} 😍😍\n" for n in range(20)) + "N/A\n" * 20).encode()
    sniffed = look(data, mapping={"text": 0})
    assert sniffed.mapping is not None
    assert sniffed.mapping.language_shares == {"ko": 1.0}
