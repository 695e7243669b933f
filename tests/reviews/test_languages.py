"""The language of a text, and the languages of a file."""

from __future__ import annotations

import pytest

from reviewlens.reviews.cleaning import clean_text, own_words
from reviewlens.reviews.languages import detect_language, language_shares, release

ENGLISH = [
    "The battery lasts for days and I would buy it again.",
    "It broke after a week, and nobody answers the phone.",
    "Great!",
    "Nice product",
    "Super",
    "ok",
    "Lovely colour, but the zip is stuck.",
    "Not bad",
    "Excellent",
    "5/5",
]
SPANISH = [
    "El hotel estaba muy limpio y el personal fue amable.",
    "No funciona, lo devolví al día siguiente.",
    "La habitación era pequeña y hacía mucho ruido.",
    "Muy bueno",
]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Продукт очень хороший, рекомендую", "ru"),
        ("Дуже гарний товар, рекомендую всім", "uk"),
        ("منتج جيد جدا", "ar"),
        ("محصول خیلی خوبی است و پیشنهاد می‌کنم", "fa"),
        ("यह फोन बहुत अच्छा है", "hi"),
        ("πολύ καλό προϊόν", "el"),
        ("מוצר מצוין", "he"),
        ("좋아요", "ko"),
        ("とても良い", "ja"),
        ("很好用", "zh"),
        ("สินค้าดีมาก", "th"),
    ],
)
def test_a_script_decides_even_a_short_text(text: str, language: str) -> None:
    assert detect_language(text, {}) == language


@pytest.mark.parametrize("text", ENGLISH)
def test_short_english_texts_are_english_in_an_english_file(text: str) -> None:
    assert detect_language(text, {"en": 1.0}) == detect_language(text, {}) == "en"


@pytest.mark.parametrize("text", ["bahut accha phone hai paisa vasool", "mast hai bhai", "bekar", "Superb mobile"])
def test_romanised_hindi_and_jargon_count_as_the_language_of_the_file(text: str) -> None:
    assert detect_language(text, {"en": 1.0}) == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("El hotel estaba muy limpio y el personal fue amable.", "es"),
        ("Die Lieferung kam zwei Wochen zu spät, nie wieder.", "de"),
        ("Le produit est arrivé cassé et le service ne répond pas.", "fr"),
        ("Ürün çok kötü, parama yazık oldu.", "tr"),
        ("Barangnya bagus sekali dan pengirimannya cepat.", "id"),
    ],
)
def test_a_clear_text_stands_out_in_an_english_file(text: str, language: str) -> None:
    assert detect_language(text, {"en": 1.0}) == language


def test_an_unclear_text_has_the_language_of_most_of_the_file() -> None:
    assert detect_language("Muy bueno", {"en": 1.0}) == "en"
    assert detect_language("Muy bueno", {"en": 0.5, "es": 0.5}) == "es"
    assert detect_language("ok", {"es": 0.9, "en": 0.1}) == "es"
    assert detect_language("5/5", {"ko": 1.0}) == "ko"


def test_foreign_names_in_an_english_text_do_not_decide() -> None:
    assert detect_language("The 抹茶 latte and the 寿司 were excellent, and so was the service.", {}) == "en"


def test_han_characters_are_japanese_in_a_japanese_file() -> None:
    assert detect_language("最高", {"ja": 0.9, "zh": 0.1}) == "ja"
    assert detect_language("最高", {"en": 1.0}) == "zh"
    assert detect_language("商品最高です、また買います", {"en": 1.0}) == "ja"


def test_emoji_do_not_make_a_text_english() -> None:
    raw = "좋아요 😍😍👍 :)"
    cleaned = clean_text(raw)
    assert "smiling face" in cleaned
    assert own_words(raw, cleaned) == "좋아요"
    assert own_words("plain text", "plain text") == "plain text"
    assert detect_language(own_words(raw, cleaned), {}) == "ko"


def test_shares_of_a_file() -> None:
    assert language_shares([]) == {}
    assert language_shares(ENGLISH * 30) == {"en": 1.0}
    assert language_shares(SPANISH * 30) == {"es": 1.0}
    shares = language_shares((ENGLISH[:2] * 4 + SPANISH[:2]) * 20)
    assert list(shares) == ["en", "es"]
    assert shares["es"] == pytest.approx(0.2, abs=0.02)


def test_a_few_short_texts_are_taken_for_english() -> None:
    assert language_shares(["awful and late", "dreadful answer", "a terrible mess"]) == {"en": 1.0}
    assert language_shares(SPANISH[:3]) == {"es": 1.0}


def test_shares_come_from_a_sample_of_the_whole_file() -> None:
    shares = language_shares(ENGLISH[:1] * 6000 + SPANISH[:1] * 2000)
    assert shares == pytest.approx({"en": 0.75, "es": 0.25}, abs=0.01)


def test_the_same_text_has_the_same_language_after_the_model_is_freed() -> None:
    before = [detect_language(text, {"en": 0.9, "es": 0.1}) for text in SPANISH]
    release()
    assert [detect_language(text, {"en": 0.9, "es": 0.1}) for text in SPANISH] == before
