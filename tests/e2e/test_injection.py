"""A hostile file in a real browser: nothing of it runs, formats a page, asks another machine or reorders our words."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_browser import BROWSER, PATIENCE, RunningProduct, page, product

__all__ = ["page", "product"]  # fixtures

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed on this machine"),
]

OVERRIDE, ISOLATE = "\u202e", "\u2067"
PAYLOADS = {
    "script": "<script>window.ran='script'</script>",
    "image": "<img src=x onerror=\"window.ran='image'\">",
    "svg": "<svg onload=\"window.ran='svg'\"></svg>",
    "frame": "<iframe srcdoc=\"<script>parent.ran='frame'</script>\"></iframe>",
    "tag": "</div></td></style><marquee class=hostile>tag</marquee>",
    "link": "[link](javascript:window.ran='link') <javascript:window.ran=1>",
    "picture": "![picture](https://hostile.invalid/p.png)",
    "address": "see https://hostile.invalid/a www.hostile.invalid or a@hostile.invalid",
    "markdown": "**hostile** _hostile_ ~~hostile~~ `hostile` :red[hostile] :material/delete: :smile:",
    "latex": "$\\frac{hostile}{2}$ $$\\href{javascript:window.ran=1}{x}$$",
    "vega": "{\"signal\": \"window.ran='vega'\"} datum['x'] + (window.ran='vega')",
    "template": "{{ 7*7 }} ${7*7} {% raw %} &lt;b&gt;hostile&lt;/b&gt;",
    "bidi": f"{OVERRIDE}evitisop{ISOLATE} 99",
}
HEADER = ["Day", "Stars", f"Product {PAYLOADS['image']}{OVERRIDE}", f"Review **hostile** {PAYLOADS['tag']}", "Title"]
FILENAME = f"www.hostile.invalid {OVERRIDE}fdp <img src=x onerror=window.ran=1> **hostile** $x$.csv"

# Elements that only a text of the file can have made, and links that lead or look elsewhere.
PROBE = """() => {
  const texts = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode())
    if (!walk.currentNode.parentElement.closest('textarea')) texts.push(walk.currentNode.data);
  const formatted = [...document.querySelectorAll('strong, em, del, code, b, i, h1 *, marquee, .hostile, mark')];
  return {
    ran: window.ran ?? null,
    formatted: formatted.filter(e => e.matches('marquee, .hostile') || e.textContent.trim() === 'hostile')
      .map(e => e.outerHTML.slice(0, 200)),
    formulas: document.querySelectorAll('.katex, math').length,
    links: [...document.querySelectorAll('a, area, form, base')]
      .map(e => e.getAttribute('href') || e.getAttribute('action') || '').filter(href => !href.startsWith('#'))
      .filter(href => /hostile|javascript:|data:/i.test(href)),
    foreign: [...document.querySelectorAll('img, iframe, script, object, embed, video, audio')]
      .map(e => e.src || e.srcdoc || e.data || '').filter(source => /hostile|ran=|^x$|\\/x$/.test(source)),
    handlers: [...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => /^on/.test(a.name)))
      .map(e => e.outerHTML.slice(0, 200)),
    reordered: texts.filter(text => /[\\u202a-\\u202e\\u2066-\\u2069]/.test(text)).map(text => text.slice(0, 200)),
    icons: [...document.querySelectorAll('[data-testid="stIconMaterial"]')].filter(e => e.textContent === 'delete'
      && e.closest('[data-testid="stMarkdownContainer"]')).length,
  };
}"""
CLEAN = {
    "ran": None,
    "formatted": [],
    "formulas": 0,
    "links": [],
    "foreign": [],
    "handlers": [],
    "reordered": [],
    "icons": 0,
}


def hostile_file() -> bytes:
    """Reviews whose texts, titles and products are the payloads, with dates and stars; some rows are rejected."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    payloads = list(PAYLOADS.values())
    for number in range(10 * len(payloads)):
        payload = payloads[number % len(payloads)]
        late = number >= 5 * len(payloads)
        good = (number // len(payloads)) % 2 == 0 if late else number % len(payloads) != 1
        opinion = "Lovely, works great, hostile excellent" if good else "Terrible, it broke, awful hostile noise"
        day = f"202{5 + late}-{1 + number % 12:02d}-{1 + number % 27:02d}"
        review = f"{opinion} {payload} number {number}"
        writer.writerow([day, "5" if good else "1", payload, review, f"{payload} title"])
    for payload in payloads:
        writer.writerow(["2025-01-01", "3", payload, " ", payload])
        writer.writerow(["2025-01-01", "3", payload, "too", "many", payload, "fields"])
    return out.getvalue().encode()


class Probe:
    """Looks at a page once it shows what it should, and remembers where."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.places: list[str] = []
        self.found: list[tuple[str, dict[str, Any]]] = []

    def look(self, place: str) -> None:
        from playwright.sync_api import expect

        expect(self.page.get_by_test_id("stStatusWidget")).to_be_hidden(timeout=PATIENCE)
        seen = self.page.evaluate(PROBE)
        self.places.append(place)
        if seen != CLEAN:
            self.found.append((place, {name: value for name, value in seen.items() if value != CLEAN[name]}))


def test_nothing_in_a_hostile_file_runs_formats_or_reorders_a_page(
    product: RunningProduct, page: Any, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.set_viewport_size({"width": 1440, "height": 6000})  # every chart and card is drawn
    probe = Probe(page)

    page.goto(product.link)
    expect(page.get_by_role("heading", name="reviews.csv")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Analyse").click()
    upload = tmp_path / "hostile.csv"
    upload.write_bytes(hostile_file())
    payload = {"name": FILENAME, "mimeType": "text/csv", "buffer": hostile_file()}
    page.locator('input[type="file"]').set_input_files(payload)
    expect(page.get_by_text("Which column is what?")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("The first rows")).to_be_visible()
    probe.look("detected columns and the first rows")

    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_text("Saving the results")).to_be_visible(timeout=PATIENCE)
    probe.look("progress")
    page.get_by_role("button", name="Open the dashboard").click(timeout=6 * PATIENCE)
    expect(page.get_by_role("heading", name="Rejected rows")).to_be_visible(timeout=PATIENCE)
    probe.look("dashboard")
    job = re.search(r"[?&]job=([^&]+)", page.url)
    assert job

    for expander in page.get_by_test_id("stExpander").all():
        expander.locator("summary").click()
    expect(page.get_by_test_id("stCode").first).to_be_visible(timeout=PATIENCE)
    probe.look("rejected rows and facts")
    page.get_by_text("Read", exact=True).first.click()
    expect(page.get_by_role("button", name="Why?").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Why?").first.click()
    expect(page.get_by_role("button", name="Hide why").first).to_be_visible(timeout=PATIENCE)
    probe.look("cards with an explanation")
    _hover_over_the_charts(page)
    probe.look("tooltips of charts")

    for kind in ("image", "link", "address", "markdown", "latex", "bidi"):
        payload_ = PAYLOADS[kind]
        shown = json.dumps({"words": payload_[:60]} if kind != "bidi" else {"product": [payload_]})
        page.goto(f"{product.frontend}/dashboard?{_query(job=job[1], show=shown)}")
        expect(page.locator(".st-key-selection")).to_be_visible(timeout=PATIENCE)
        probe.look(f"filter by {kind}")

    page.goto(f"{product.frontend}/runs")
    expect(page.get_by_role("button", name="Open").first).to_be_visible(timeout=PATIENCE)
    probe.look("jobs")

    page.goto(f"{product.frontend}/try")
    page.get_by_role("textbox").first.fill("\n".join(PAYLOADS.values()) + "\nTerrible, it broke.")
    page.get_by_role("button", name="Score it").click()
    expect(page.get_by_text("Model:")).to_be_visible(timeout=PATIENCE)
    probe.look("one review")

    report = page.context.request.get(f"{product.backend}/jobs/{job[1]}/export?what=report&format=html")
    saved = tmp_path / "report.html"
    saved.write_bytes(report.body())
    page.goto(saved.as_uri())
    expect(page.locator("h1")).to_be_visible()
    probe.look("report")

    assert probe.found == []
    assert len(probe.places) == 15
    assert dialogs == []
    assert not {place for place in page.asked_for if "hostile" in place}


def _hover_over_the_charts(page: Any) -> None:
    for chart in page.locator('[class*="st-key-chart-"]').all():
        box = chart.bounding_box()
        if box:
            page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
            page.wait_for_timeout(100)


def _query(**parameters: str) -> str:
    from urllib.parse import urlencode

    return urlencode(parameters)
