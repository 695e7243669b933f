"""Formatting, filters and marked text: the parts that need no backend."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from frontend import charts, filters, words
from frontend.api.labels import STAGES
from frontend.api.models import OverTime, Progress, Review
from frontend.client import expires_at, query
from frontend.intake.detected import read_date
from frontend.intake.progress import fraction
from frontend.sections import reading
from frontend.style import DARK, LIGHT


@pytest.mark.parametrize(
    ("given", "told"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (75, "1 min 15 s"), (3600, "1 h"), (5400, "1 h 30 min"), (None, "")],
)
def test_durations(given: float | None, told: str) -> None:
    assert words.duration(given).replace(words.NBSP, " ") == told


@pytest.mark.parametrize(
    ("given", "told"), [(512, "512 bytes"), (1_536_000, "1.5 MB"), (2_000_000_000, "2 GB"), (137_400, "137 kB")]
)
def test_sizes(given: int, told: str) -> None:
    assert words.size(given).replace(words.NBSP, " ") == told


def test_times_are_told_in_the_readers_zone() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    zone = words.zone("Europe/Berlin")
    assert words.when("2026-03-02T10:30:00+00:00", zone, now=now) == "today, 11:30"
    assert words.when("2026-03-01T22:59:00", zone, now=now) == "yesterday, 23:59"
    assert words.when("2025-12-24T08:00:00+00:00", zone, now=now).replace(words.NBSP, " ") == "24 Dec 2025, 09:00"
    assert words.zone("No/Where") is UTC


def test_a_model_is_never_said_to_be_a_hundred_per_cent_sure() -> None:
    assert "100" not in words.sure(0.99999)
    assert words.sure(0.81).replace(words.NBSP, " ") == "81 % sure"


def test_accounting_reads_as_a_sum() -> None:
    told = words.accounting(420, 396, 14, 10, with_text=410, texts=410).replace(words.NBSP, " ")
    assert told == "420 rows read = 396 scored + 14 duplicates + 10 rejected"
    told = words.accounting(42, 90, 7, 2, with_text=40, texts=97).replace(words.NBSP, " ")
    assert told == "42 rows read = 40 rows with 97 texts + 2 rejected; 97 texts = 90 scored + 7 duplicates"


def test_accounting_names_texts_that_are_not_judged() -> None:
    told = words.accounting(420, 396, 14, 2, 8, with_text=418, texts=418).replace(words.NBSP, " ")
    assert told == "420 rows read = 396 scored + 14 duplicates + 8 not judged + 2 rejected"


def test_equal_labels_are_told_apart() -> None:
    assert words.distinct({1: "a", 2: "a", 3: "b"}) == {1: "a", 2: "a (2)", 3: "b"}


def test_the_bar_only_ever_moves_forward() -> None:
    progress = {
        "rows_total": 10,
        "stages": 6,
        "rows_reused": 0,
        "rows_kept": 0,
        "updated_at": "",
        "attempt_started_at": "",
    }
    seen = [
        fraction(Progress.model_validate({**progress, "stage": stage, "rows_done": done}))
        for stage in STAGES
        for done in (0, 5, 10)
    ]
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == 1
    assert fraction(None) == 0


def test_dates_are_shown_as_they_would_be_read() -> None:
    assert str(read_date("10/3/2017", "month_first")) == "2017-10-03"
    assert str(read_date("10/3/2017", "day_first")) == "2017-03-10"
    assert read_date("31/12/2017", "month_first") is None
    assert str(read_date("3.4.18", "day_first")) == "2018-04-03"


def test_text_of_a_file_cannot_become_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(reading.st, "html", shown.append)
    review = Review(
        row=3, review_id="3", text="<img src=x onerror=alert(1)> & love it", title="<b>t</b>", product="<i>p</i>",
        sentiment="positive", confidence=0.9, positive_score=0.9, date=date(2025, 1, 2), rating=4.5, needs_review=True,
        mixed=False,
    )  # fmt: skip
    reading.reviews([review], mark="love")
    assert "<img" not in shown[0]
    assert "<i>p" not in shown[0]
    assert "&lt;img src=x" in shown[0]
    assert "<mark>love</mark>" in shown[0]
    assert words.escape("[a](b) *c* :red[d]") == r"\[a\]\(b\) \*c\* \:red\[d\]"
    # An invisible sign keeps bare addresses from becoming links.
    addresses = "http://a HTTPS://b www.c.d e@f.g http www"
    broken = "http\u2060://a HTTPS\u2060://b www\u2060.c.d e@\u2060f.g http www"
    assert words.escape(addresses).replace("\\", "") == broken


@pytest.mark.parametrize("sign", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_signs_that_reorder_a_page_are_not_shown(sign: str) -> None:
    hostile = f"{sign}evitisop{sign} <b>"
    assert words.shown(hostile) == "evitisop <b>"
    assert words.html(hostile) == "evitisop &lt;b&gt;"
    assert words.escape(hostile) == r"evitisop \<b\>"
    assert words.cut(hostile, 9) == "evitisop …"
    assert (
        words.shown("\u05e9\u05dc\u05d5\u05dd\u200f!") == "\u05e9\u05dc\u05d5\u05dd\u200f!"
    )  # Hebrew is ordered by its letters


def test_marks_follow_the_word_filter() -> None:
    pattern = reading._pattern('lid "very good"')
    assert pattern
    assert pattern.findall("The LID, not the slider, is very  good") == ["LID", "very  good"]
    assert reading._pattern("") is None


def test_chips_tell_every_filter() -> None:
    told = dict(
        filters.chips(
            {
                "sentiment": "negative",
                "min_confidence": 0.5,
                "max_confidence": 0.7,
                "needs_review": True,
                "mixed": True,
                "language": ["es", "xx"],
                "rating": [5, 1],
                "product": ["Fern Kettle"],
                "segment": ["4:Sales", "4:", "10:", "11:a:b"],
                "question": "What did you like?",
                "date_from": "2025-01-01",
                "date_to": "2025-01-31",
                "words": "lid",
                "agreement": "disagrees",
                "missing": ["date"],
            },
            {"4": "Department", "11": "Code"},
        )
    )
    assert {kind.partition(":")[0] for kind in told} == set(filters.KINDS)
    segments = {kind: label.replace(words.NBSP, " ") for kind, label in told.items() if kind.startswith("segment")}
    assert segments == {
        "segment:4": "Department: 2 values",
        "segment:10": "column 10: (no value)",
        "segment:11": "Code: a:b",
    }
    assert told["rating"] == "1, 5 stars"
    assert told["mixed"] == "Mixed"
    assert told["language"] == "Spanish, xx"
    assert dict(filters.chips({"sentiment": "not_judged"})) == {"sentiment": "Not judged"}
    assert dict(filters.chips({"mixed": False})) == {"mixed": "Not mixed"}
    assert told["confidence"].replace(words.NBSP, " ") == "Confidence 50–70 %"
    assert filters.phrase("very good") == '"very good"'
    assert filters.phrase("lid") == "lid"


def test_a_query_holds_only_what_is_set() -> None:
    given = {"rating": [4, 5], "needs_review": True, "words": "", "product": [], "date_to": None}
    assert query(given) == {"rating": [4, 5], "needs_review": "true"}


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "a.e30.c"])
def test_a_token_that_cannot_be_read_counts_as_ended(token: str) -> None:
    assert expires_at(token) == 0


def test_empty_buckets_are_gaps_and_not_zeros() -> None:
    point = {"needs_review": 0, "mixed": 0}
    empty = {**point, "count": 0, "positive": 0, "negative": 0}
    full = {**point, "count": 4, "positive": 3, "negative": 1, "positive_share": 0.75, "low": 0.3, "high": 0.95}
    points = [
        {**full, "start": "2025-01-01", "end": "2025-01-31", "label": "Jan 2025"},
        {**empty, "start": "2025-02-01", "end": "2025-02-28", "label": "Feb 2025"},
        {**full, "start": "2025-03-01", "end": "2025-03-31", "label": "Mar 2025"},
    ]
    part = OverTime.model_validate({"available": True, "note": "", "bucket": "month", "undated": 0, "points": points})
    for look in (LIGHT, DARK):
        drawn = charts.share_over_time(part, look).to_dict()
        values = next(iter(drawn["datasets"].values())) if "datasets" in drawn else drawn["layer"][0]["data"]["values"]
        assert [row["share"] for row in values] == [0.75, None, 0.75]
        assert charts.count_over_time(part, look).to_dict()["mark"]["type"] == "rect"


def test_positive_and_negative_differ_in_lightness_as_well_as_hue() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for look in (LIGHT, DARK):
        for colour in (look.positive, look.negative, look.quiet):
            brighter, darker = sorted((light(colour), light(look.ground)), reverse=True)
            assert (brighter + 0.05) / (darker + 0.05) >= 3, "graphics stand out from the ground by 3 to 1 at least"


def test_a_border_is_shown_as_it_is() -> None:
    shown = [words.threshold(share).replace(words.NBSP, " ") for share in (0.905, 0.075, 0.756, 0.9, 0.5)]
    assert shown == ["90.5 %", "7.5 %", "75.6 %", "90 %", "50 %"]


def test_scores_of_earlier_runs_are_told_where_there_are_some() -> None:
    assert words.reused(1204) == f"1,204{words.NBSP}scores reused from earlier jobs"
    assert words.reused(1) == f"1{words.NBSP}score reused from earlier jobs"
    assert words.reused(0) == words.reused(None) == ""
