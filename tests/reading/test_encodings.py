"""Encodings: detection by language, characters that hold the bytes of delimiters, and files of two encodings."""

from __future__ import annotations

import contextlib
import io
import json

import pytest

from reviewlens.contracts.encodings import ENCODING_NAMES
from reviewlens.contracts.tables import Dialect
from reviewlens.errors import InputError
from reviewlens.reading.reader import read_columns, read_records
from tests.reading.reading_help import LIMITS, bad, good, look, read, reader

POLISH = "Świetny czajnik, szybko gotuje wodę i ładnie wygląda. Zepsuł się po dwóch dniach, jestem zawiedziony."
RUSSIAN = "Отличный чайник, быстро кипятит и красиво выглядит. Сломался через два дня, очень разочарован."
FRENCH = "Très joli café, la bouilloire est très belle et fonctionne bien. Cassée après deux jours, très déçu."
JAPANESE = "とても使いやすくて気に入りました。二日で壊れました。がっかりです。ソ表能予十"
CHINESE = "这个水壶很好，烧水很快，外观漂亮。用了两天就坏了，非常失望。"
TRADITIONAL = "這個水壺很好，燒水很快，外觀漂亮。用了兩天就壞了，非常失望。功許蓋"
TEXTS = [
    ("cp1250", POLISH),
    ("cp1250", "Výborná konvice, rychle vaří vodu a hezky vypadá. Po dvou dnech se rozbila, jsem velmi zklamaný."),
    ("cp1250", "Kiváló vízforraló, gyorsan felforralja a vizet és jól néz ki. Két nap után elromlott, őszintén, nőm."),
    ("iso8859-2", POLISH),
    ("cp1251", RUSSIAN),
    ("koi8-r", RUSSIAN),
    ("cp866", RUSSIAN),
    ("mac-cyrillic", RUSSIAN),
    ("cp1252", FRENCH),
    (
        "cp1252",
        "Schöner Wasserkocher, kocht schnell und sieht gut aus. Nach zwei Tagen kaputt, sehr enttäuscht, Grüße.",
    ),
    ("cp1252", "El hervidor es rápido y muy bonito, en mi opinión. Se rompió después de dos días, ¡qué decepción!"),
    ("cp1252", "It’s a “great” kettle – boils fast, and I’m happy with it, the price was £20 only."),
    ("mac-roman", FRENCH),
    ("cp1253", "Εξαιρετικός βραστήρας, βράζει γρήγορα και φαίνεται όμορφος. Χάλασε μετά από δύο μέρες."),
    (
        "cp1254",
        "Harika bir su ısıtıcısı, hızlı kaynıyor ve güzel görünüyor. İki gün sonra bozuldu, çok üzüldüm, şaşkın.",
    ),
    ("cp1255", "קומקום מעולה, מרתיח מהר ונראה יפה. התקלקל אחרי יומיים, אני מאוד מאוכזב."),
    ("cp1256", "غلاية ممتازة، تغلي بسرعة وتبدو جميلة. تعطلت بعد يومين، أنا محبط جدا."),
    ("cp1257", "Puikus virdulys, greitai užverda ir gražiai atrodo. Sugedo po dviejų dienų, esu labai nusivylęs, čia."),
    ("gb18030", CHINESE),
    ("big5", TRADITIONAL),
    ("cp932", JAPANESE),
    ("euc_jp", JAPANESE),
    ("cp949", "주전자가 아주 좋아요. 빨리 끓고 예뻐요. 이틀 만에 고장났어요. 매우 실망입니다."),
    ("cp874", "กาต้มน้ำดีมาก เดือดเร็วและสวยงาม เสียหลังจากสองวัน ผิดหวังมาก"),
]


def table(text: str, delimiter: str = ";", rows: int = 30) -> tuple[str, list[list[str]]]:
    """Return a file of `rows` reviews, a third of them with the text, and its rows."""
    fields = [["Lamp", text if n % 3 == 0 else "Works well and I like it.", str(n % 5 + 1)] for n in range(rows)]
    return "\n".join(delimiter.join(row) for row in [["Product", "Review", "Rating"], *fields]), fields


@pytest.mark.parametrize(("encoding", "text"), TEXTS)
def test_the_encoding_is_detected_and_named(encoding: str, text: str) -> None:
    content, rows = table(text)
    data = content.encode(encoding)
    detected = look(data)
    assert detected.dialect.encoding == encoding
    assert detected.preview == rows[:20]
    name = f"The file is not UTF-8; it is read as {ENCODING_NAMES[encoding]}. Check the preview for wrong letters."
    assert name in detected.warnings
    found = reader(data, **detected.dialect.model_dump())
    assert good(list(found)) == rows
    assert found.ledger.end == len(data)


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-be", "utf-16"])
def test_wide_encodings(encoding: str) -> None:
    content, rows = table(JAPANESE + " 😀", ",")
    data = content.encode(encoding)
    data = b"\x00\x00\xfe\xff" + data if encoding == "utf-32-be" else data
    detected = look(data)
    assert (
        detected.dialect.encoding in {"utf-32": "utf-32-le", "utf-16": "utf-16-le", "utf-32-be": "utf-32-be"}.values()
    )
    assert [warning.code for warning in detected.coded_warnings] == ["other-languages"]
    found = reader(data, **detected.dialect.model_dump())
    assert good(list(found)) == rows
    assert found.ledger.end == len(data)


@pytest.mark.parametrize(("encoding", "text"), [("cp932", JAPANESE), ("gb18030", CHINESE), ("big5", TRADITIONAL)])
@pytest.mark.parametrize("delimiter", ["|", "~", "^", ","])
@pytest.mark.parametrize("quoting", ["double", "backslash"])
def test_characters_that_hold_the_bytes_of_delimiters(encoding: str, text: str, delimiter: str, quoting: str) -> None:
    """The second bytes of some characters are those of a backslash, a pipe, a tilde or a caret."""
    pairs = [bytes([lead, trail]) for lead in range(0x88, 0xFE) for trail in (0x5C, 0x5E, 0x7C, 0x7E)]
    every = "".join(letter for pair in pairs if (letter := pair.decode(encoding, "ignore")).isalpha())
    every = "".join(letter for letter in every if letter > "\u2fff" and not ord(letter) >= 0xFF00)
    assert len(every) > 80
    content, rows = table(f'"{text} {every}, end"', delimiter)
    data = content.encode(encoding)
    expected = [[cell.strip('"') for cell in row] for row in rows]
    dialect = {"encoding": encoding, "delimiter": delimiter, "quoting": quoting}
    found = reader(data, **dialect)
    records = list(found)
    assert good(records) == expected
    assert found.ledger.end == len(data)
    start = reader(data, **dialect)
    for _ in range(10):
        next(start)
    rest = read_records(io.BytesIO(data), Dialect(**dialect), 3, LIMITS, resume_at=start.position)
    assert list(rest) == records[10:]


def test_bytes_that_an_encoding_cannot_decode_reject_their_row() -> None:
    content, _ = table(JAPANESE, ",")
    lines = content.encode("cp932").splitlines(keepends=True)
    lines[3] = b"Lamp,broken \x81\x20 and \xfd\xff\x85,1\n"
    lines[-1] = b"Lamp,cut off \x81"
    found = reader(b"".join(lines), encoding="cp932")
    rejected = bad(list(found))
    assert [(row.row, row.reason) for row in rejected if row.row < 30][:1] == [(3, "undecodable-bytes")]
    assert found.ledger.end == len(b"".join(lines))


@pytest.mark.parametrize(("encoding", "text"), [("cp1252", FRENCH), ("cp1251", RUSSIAN), ("cp932", JAPANESE)])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_two_encodings_in_one_file(encoding: str, text: str, delimiter: str) -> None:
    content, rows = table(f'"{text}"', delimiter)
    lines = content.encode().splitlines(keepends=True)
    lines[1::6] = [line.decode().encode(encoding) for line in lines[1::6]]
    lines[4::6] = [line.replace(b'"', b"") if delimiter == "\t" else line for line in lines[4::6]]
    data = b"".join(lines)
    detected = look(data)
    assert (detected.dialect.encoding, detected.dialect.fallback_encoding) == ("utf-8", encoding)
    expected = [[cell.strip('"') for cell in row] for row in rows]
    assert good(read(data, **detected.dialect.model_dump())) == expected
    label = ENCODING_NAMES[encoding]
    warned = [warning for warning in detected.warnings if f"lines that are not UTF-8 are read as {label}" in warning]
    assert len(warned) == 1 and not any("rejected" in warning for warning in detected.warnings)
    assert look(data, encoding="utf-8").dialect.fallback_encoding is None


def test_two_encodings_in_json() -> None:
    objects = [json.dumps({"text": f"{FRENCH} {n}", "stars": 5}, ensure_ascii=False) for n in range(20)]
    lines = [text.encode("cp1252" if n % 4 == 0 else "utf-8") for n, text in enumerate(objects)]
    expected = [[f"{FRENCH} {n}", "5"] for n in range(20)]
    for data, filename in ((b"\n".join(lines), "a.jsonl"), (b"[" + b",\n".join(lines) + b"]", "a.json")):
        detected = look(data, filename)
        assert detected.dialect.fallback_encoding == "cp1252"
        columns = len(read_columns(io.BytesIO(data), detected.dialect, LIMITS))
        assert good(list(read_records(io.BytesIO(data), detected.dialect, columns, LIMITS))) == expected


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("latin-1", "cp1252"),
        ("GBK", "gb18030"),
        ("shift_jis", "cp932"),
        ("windows-1251", "cp1251"),
        ("KOI8-R", "koi8-r"),
    ],
)
def test_any_encoding_can_be_chosen_by_its_usual_names(given: str, used: str) -> None:
    assert look(table("Fine.")[0].encode(), encoding=given).dialect.encoding == used


@pytest.mark.parametrize("given", ["rot13", "base64", "idna", "utf-7", "no such", "punycode", "\x00", ""])
def test_other_codecs_cannot_be_chosen(given: str) -> None:
    with pytest.raises(InputError) as caught:
        look(table("Fine.")[0].encode(), encoding=given)
    assert caught.value.code == "invalid-override"


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "cp932", "euc_jp", "cp949"])
def test_characters_keep_their_size_when_encoded_again(encoding: str) -> None:
    """The byte ledger depends on it."""
    for lead in range(0x80, 0x100):
        for trail in range(0x30, 0x100):
            with contextlib.suppress(UnicodeDecodeError):
                assert len(bytes([lead, trail]).decode(encoding).encode(encoding)) == 2
