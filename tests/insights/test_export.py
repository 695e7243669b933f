"""Downloads: the same values, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewlens.errors import InputError, LimitError
from reviewlens.insights.export import MEDIA_TYPES, defused, export_name, export_rows
from reviewlens.insights.models import Filters, Format, What
from reviewlens.insights.results import Results
from tests.insights.make_results import REJECTIONS, make_row, synthetic_rows


def download(results: Results, what: What, format: Format, filters: Filters | None = None) -> bytes:
    return b"".join(export_rows(results, what, format, filters or Filters()))


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_served_csv_has_every_row_in_order_and_nothing_of_ours_inside(story: Results) -> None:
    rows = table(download(story, "served", "csv", Filters(words="ignored here")))
    ours = ["review_id", "sentiment", "confidence", "positive_score", "needs_review", "mixed", "language", "not_judged"]
    assert list(rows[0]) == story.served_columns == [*story.original_columns, *ours]
    made = synthetic_rows(2000)
    assert [row["review_id"] for row in rows] == [row["review_id"] for row in made]
    assert [row["Text"] for row in rows] == [row["Text"] for row in made]
    assert rows[0]["confidence"] == f"{made[0]['confidence']:.6f}"
    assert {row["needs_review"] for row in rows} == {"true", "false"}


def test_filtered_rows_only(story: Results) -> None:
    filters = Filters(sentiment="negative", product=["Hale Earbuds"])
    rows = table(download(story, "filtered", "csv", filters))
    frame = pl.read_parquet(io.BytesIO(download(story, "filtered", "parquet", filters)))
    wanted = [
        r["review_id"] for r in synthetic_rows(2000) if r["sentiment"] == "negative" and r["_product"] == "Hale Earbuds"
    ]
    assert [row["review_id"] for row in rows] == frame["review_id"].to_list() == wanted
    assert frame.columns == story.served_columns and frame.schema["confidence"] == pl.Float64
    nothing = download(story, "filtered", "csv", Filters(words="zebra"))
    assert nothing.decode("utf-8-sig").splitlines()[0].startswith('"Text"') and table(nothing) == []
    assert pl.read_parquet(io.BytesIO(download(story, "filtered", "parquet", Filters(words="zebra")))).height == 0


def test_rejected_rows(story: Results) -> None:
    rows = table(download(story, "rejected", "csv"))
    as_exported = [(reason, raw.replace('"=', "\"'=")) for reason, _, raw in REJECTIONS]
    assert [(row["reason"], row["raw"]) for row in rows] == as_exported
    assert as_exported[1][1] != REJECTIONS[1][2]  # one of them holds a formula after a comma
    frame = pl.read_parquet(io.BytesIO(download(story, "rejected", "parquet")))
    assert frame["raw"].to_list() == [raw for _, _, raw in REJECTIONS]


def test_huge_rejected_rows_come_in_pieces(results_of: Callable[..., Results]) -> None:
    huge = [(i, "field-too-long", "Too long.", f"{i}" + "x" * 3_000_000) for i in range(1, 9)]
    results = results_of([make_row(100, "Fine")], huge)
    blocks = list(export_rows(results, "rejected", "csv", Filters()))
    assert len(blocks) == 1 + 3 and max(map(len, blocks)) < 10_000_000
    csv.field_size_limit(10_000_000)
    assert [row["raw"][:1] for row in table(b"".join(blocks))] == [str(i) for i in range(1, 9)]


DANGEROUS = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1+1",
    "-",
    "--5",
    "+1",
    "+3.25",
    "+1E-3",
    "+1 555",
    '"=1+1"',
    "\u2066=1+1",
    "=",
    "-1e5x",
]
HARMLESS = [
    "-5",
    "-.5",
    "-1e5",
    "5 stars",
    "a=b",
    "",
    "'=1",
    "Ünïcode",
    'say "hi"',
    "two\nlines",
    "a,b;c",
]


def test_formulas_are_defused_in_every_text_cell_and_in_names(results_of: Callable[..., Results]) -> None:
    texts = [*DANGEROUS, *HARMLESS]
    rows = [make_row(i, text, **{"=cmd()": text}) for i, text in enumerate(texts, 1)]
    results = results_of(rows, [(99, "too-many-fields", "Too many.", "=1+1")])
    found = table(download(results, "served", "csv"))
    assert "'=cmd()" in found[0]
    for row, text in zip(found, texts, strict=True):
        safe = f"'{text}" if text in DANGEROUS else text
        safe = re.sub(r"([\t\r\n])=", r"\1'=", safe)  # also for a reader that splits there
        assert (row["Text"], row["'=cmd()"]) == (safe, safe)
    assert table(download(results, "rejected", "csv"))[0]["raw"] == "'=1+1"
    # Parquet is for programs: values as they came.
    assert pl.read_parquet(io.BytesIO(download(results, "served", "parquet")))["Text"].to_list() == texts


INNER = {
    "fine;=1+1": "fine;'=1+1",
    "fine\t+1": "fine\t'+1",
    "fine, @SUM(A1)": "fine, '@SUM(A1)",
    "fine;-2+3": "fine;'-2+3",
    "two\n=1": "two\n'=1",
    "two\r\n =1": "two\r\n '=1",
    'say;"=1"': 'say;"\'=1"',
    "a;;=1;=2": "a;;'=1;'=2",
    "=1;=2": "'=1;'=2",
    "fine;\u200b＝1": "fine;\u200b'＝1",
    "well-made, non-stick; 5-star": "well-made, non-stick; 5-star",
    "a=b; c": "a=b; c",
}


def test_what_follows_a_separator_inside_a_cell_is_defused_too() -> None:
    frame = pl.DataFrame({"a": list(INNER), "b;=cmd()": ["x"] * len(INNER)})
    safe = defused(frame)
    assert safe["a"].to_list() == list(INNER.values())
    assert safe.columns == ["a", "b;'=cmd()"]


def runs(piece: str) -> bool:
    """Whether a careless spreadsheet would run this piece of a line: written apart from the code that is tested."""
    shown = "".join(c for c in piece if c != '"' and not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf"))
    if not shown or shown[0] not in "=+-@＝＋－＠":
        return False
    # A whole cell that is a negative number stays; after it comes nothing, or the comma before the next cell.
    return re.match(r"-[\d.]+([eE][+-]?\d+)?(,|$)", shown) is None


@given(st.lists(st.text("=+-@＝;,\t\r\n\"' 1a\u200b\ufeff", max_size=12), min_size=1, max_size=4))
def test_no_reader_finds_a_formula_whichever_separator_it_splits_at(texts: list[str]) -> None:
    frame = pl.DataFrame({f"c{place}": [text] for place, text in enumerate(texts)})
    safe = defused(frame)
    data = safe.write_csv(include_header=False, quote_style="non_numeric")
    for separator in (";", "\t", ","):
        for line in re.split(r"[\r\n]", data):  # a reader that ignores quotation marks
            assert not [piece for piece in line.split(separator) if runs(piece)]
        cells = [cell for row in csv.reader(io.StringIO(data, newline=""), delimiter=separator) for cell in row]
        assert not [cell for cell in cells if runs(cell)]
    assert [value.replace("'", "") for value in safe.row(0)] == [text.replace("'", "") for text in texts]


@given(st.text(max_size=30))
def test_no_cell_starts_like_a_formula_unless_it_is_a_number(text: str) -> None:
    cell = defused(pl.DataFrame({"a": [text]}))["a"].item()
    assert cell.replace("'", "") == text.replace("'", "")
    if cell.lstrip()[:1] in {"=", "+", "-", "@", "＝"}:
        float(cell)
    assert not cell.startswith(("\t", "\r", "\n"))


def test_the_wrong_form_and_too_many_rows_are_refused_at_once(story: Results) -> None:
    for what, format in (("report", "csv"), ("served", "html")):
        with pytest.raises(InputError, match="available as html"):
            export_rows(story, what, format, Filters())  # type: ignore[arg-type]
    with pytest.raises(LimitError, match="2,000 rows") as caught:
        export_rows(story, "served", "csv", Filters(), max_rows=1999)
    assert caught.value.details == {"limit": "max_export_rows", "allowed": 1999, "actual": 2000}
    export_rows(story, "served", "csv", Filters(), max_rows=2000)
    with pytest.raises(LimitError):
        export_rows(story, "rejected", "csv", Filters(), max_rows=2)


def test_names_and_types(story: Results) -> None:
    assert export_name(story, "served", "csv") == "reviews-more-served.csv"
    for filename, name in (('../../"x\r\n.csv.gz', "x-.csv-report.html"), ("", "reviews-report.html")):
        odd = replace(story, summary=story.summary.model_copy(update={"filename": filename}))
        assert export_name(odd, "report", "html") == name
    assert set(MEDIA_TYPES) == {"csv", "parquet", "html"}


@pytest.mark.parametrize("unseen", ["\ufeff", "\u200b", "\x00", "\x1b", "\u00ad \u2060", "\u202e"])
def test_signs_that_cannot_be_seen_hide_no_formula(unseen: str) -> None:
    safe = defused(pl.DataFrame({"a": [f"{unseen}=1+1", f"{unseen}fine"], f"{unseen}@b": ["x", "y"]}))
    assert safe["a"].to_list() == [f"'{unseen}=1+1", f"{unseen}fine"]
    assert safe.columns == ["a", f"'{unseen}@b"]


def test_names_stay_different_when_they_are_defused() -> None:
    frame = pl.DataFrame({"'=a": ["1"], "=a": ["2"], "''=a": ["3"]})
    assert defused(frame).columns == ["'=a", "'''=a", "''=a"]
