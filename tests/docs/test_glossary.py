"""docs/glossary.md gives each thing one word: the synonyms that are easy to fall back into must not appear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
SUFFIXES = {".css", ".html", ".jinja", ".md", ".py", ".tf", ".toml"}
SHOWN = ("backend", "frontend", "docs", "README.md", "DEPLOYMENT.md", "CONTRIBUTING.md", "deploy")
EVERYWHERE = (*SHOWN, "reviewlens", "infra", "sagemaker", "scripts", "sentiment-pipeline")
SYNONYMS = {
    "rejected": (r"\bset(s|ting)? aside\b", EVERYWHERE),
    "log in, log out": (r"(?<!-)\b(signed|signing) (in|out)\b|(?<!-)\bsign-(in|out)\b", EVERYWHERE),
    "job": (r"\b(this|another|finished|failed|earlier|older|newest) (runs?|analys[ie]s)\b", SHOWN),
}


def files(places: tuple[str, ...]) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        candidates = path.rglob("*") if path.is_dir() else [path]
        yield from (file for file in candidates if file.suffix in SUFFIXES and file != GLOSSARY)


def synonyms(text: str, pattern: str) -> list[str]:
    """Matches in prose, also across line breaks and the quotes between the parts of a string."""
    return [match[0] for match in re.finditer(pattern, re.sub(r'["\s]+', " ", text), re.IGNORECASE)]


@pytest.mark.parametrize("term", SYNONYMS)
def test_no_page_message_or_comment_uses_a_synonym(term: str) -> None:
    pattern, places = SYNONYMS[term]
    matches = {
        str(file.relative_to(ROOT)): synonyms(file.read_text(encoding="utf-8"), pattern) for file in files(places)
    }
    assert {name: words for name, words in matches.items() if words} == {}, f"docs/glossary.md says: {term}"


def test_a_synonym_is_seen_across_line_breaks() -> None:
    pattern, _ = SYNONYMS["rejected"]
    assert synonyms('"2 rows were set"\n        " aside."', pattern) == ["set aside"]
    assert synonyms("charset aside, `d.set_aside`", pattern) == []
