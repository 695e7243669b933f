"""The report: complete, offline, and deaf to what a file tries to say to a browser."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from html.parser import HTMLParser

from reviewlens.insights import svg
from reviewlens.insights.dashboard import build_dashboard
from reviewlens.insights.export import export_rows
from reviewlens.insights.models import Bin, ConfidenceHistogram, Filters, OverTime, Tally, TimePoint
from reviewlens.insights.proportions import tally
from reviewlens.insights.report import describe_filters, render_report
from reviewlens.insights.results import Results
from tests.insights.make_results import make_row

EVIL = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>'&amp;</style></title>"
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Every tag with its attributes, the visible text, and whether tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_offline(page: str) -> Page:
    parsed = Page(page)
    assert parsed.open == []
    names = {tag for tag, _ in parsed.tags}
    assert not names & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "a",
        "use",
        "image",
        "foreignobject",
    }
    for _, attributes in parsed.tags:
        assert not any(name.startswith("on") or name in {"src", "href", "srcset", "xlink:href"} for name in attributes)
    assert "default-src 'none'" in page
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    assert "prefers-color-scheme: dark" in style[1] and "@media print" in style[1]
    return parsed


def test_a_full_report(story: Results) -> None:
    d = build_dashboard(story, Filters())
    page = assert_offline(render_report(d))
    for line in d.headline:
        assert line in page.text
    assert "2,003 rows read = 1,962 scored + 38 duplicates + 3 rejected" in page.text
    assert sum(tag == "circle" for tag, _ in page.tags) >= len(d.over_time.points) + len(d.by_product.rows)
    assert d.agreement.disagreements[0].text in page.text
    assert '=HYPERLINK(""http://example.test"")' in page.text


def test_what_a_file_holds_stays_text(results_of: Callable[..., Results]) -> None:
    rows = [
        make_row(
            i,
            f"{EVIL} lamp {i}",
            0.9 if i % 3 else 0.1,
            title=EVIL,
            product=EVIL,
            rating=float(i % 5 + 1),
            date=dt.date(2026, 1, 1) + dt.timedelta(days=7 * i),
        )
        for i in range(1, 41)
    ]
    results = results_of(rows, [(50, EVIL, EVIL, EVIL)])
    results.summary.filename = EVIL
    results.summary.warnings = [EVIL]
    results.summary.model.name = EVIL
    filters = Filters(words="lamp", product=EVIL)
    page = assert_offline(b"".join(export_rows(results, "report", "html", filters)).decode())
    assert page.text.count("<script>alert(1)</script>") > 10
    assert f"product: {EVIL}" in page.text


def test_signs_that_reorder_are_not_in_the_report(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Fine \u202eevitisop number {i}", product="\u2067Lamp\u202e") for i in range(1, 40)]
    page = render_report(build_dashboard(results_of(rows), Filters(product=["\u2067Lamp\u202e"])))
    assert "Lamp" in page and "evitisop" in page
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page)


def test_little_to_say(results_of: Callable[..., Results]) -> None:
    lone = [make_row(1, "x" * 900, 0.9, date=dt.date(2026, 1, 1), rating=3.5)]
    lone.append(make_row(2, "Later", 0.2, date=dt.date(2026, 1, 9)))
    results = results_of(lone)
    page = assert_offline(render_report(build_dashboard(results, Filters())))
    assert "too few for firm conclusions" in page.text and "x" * 700 + "…" in page.text
    assert "No row was rejected" in page.text
    none = assert_offline(render_report(build_dashboard(results, Filters(words="zebra"))))
    assert "No reviews match the filters." in none.text and "words: zebra" in none.text


def test_mixed_reviews_are_counted_and_marked_where_the_model_can_tell(results_of: Callable[..., Results]) -> None:
    rows = [make_row(i, f"Text {i}", 0.6 if i % 10 == 0 else 0.9) for i in range(1, 41)]
    page = assert_offline(render_report(build_dashboard(results_of(rows, band=(0.4, 0.6)), Filters())))
    assert "4 mixed: praise and blame together, or neither clearly (10 %)" in page.text
    assert "60.0 % sure · mixed" in page.text and "90.0 % sure · mixed" not in page.text
    assert "mixed" not in assert_offline(render_report(build_dashboard(results_of(rows), Filters()))).text


def test_charts_of_nothing_and_of_one() -> None:
    assert svg.interval_chart(Tally(), 0.5) == ""
    assert 'class="mark"' not in svg.interval_chart(tally(3, 4), None)
    bins = [Bin(low=0.95, high=1.0, count=2, positive=1, negative=1)]
    assert 'class="mark"' not in svg.histogram_chart(ConfidenceHistogram(bins=bins))
    assert svg.histogram_chart(ConfidenceHistogram(bins=bins, needs_review_below=0.97)).count("<line") == 2
    day = dt.date(2026, 1, 1)
    points = [TimePoint(start=day, end=day, label="<b>", **tally(n, 4 * bool(n)).model_dump()) for n in (1, 0, 3, 4)]
    drawn = svg.time_chart(OverTime(points=points))
    assert (drawn.count("<polyline"), drawn.count("whisker"), drawn.count("<circle")) == (1, 1, 3)
    assert "<b>" not in drawn and "&lt;b&gt;" in drawn


def test_filters_in_words() -> None:
    filters = Filters(
        rating=[4, 5], needs_review=True, date_from=dt.date(2026, 1, 2), min_confidence=0.0, missing=["date"]
    )
    assert describe_filters(filters) == [
        "confidence from: 0.0",
        "needs review: yes",
        "stars: 4, 5",
        "from: 2026-01-02",
        "without: date",
    ]
    assert describe_filters(Filters(needs_review=False, mixed=True)) == ["needs review: no", "mixed: yes"]
    assert describe_filters(Filters()) == []
