"""What a benchmark prints: ratios, bars met and not met, tables in line, sections of a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report import (
    HEADER,
    Bar,
    Measured,
    as_markdown,
    as_text,
    machine,
    put_section,
    ratio,
    rows,
)


def _measured(name: str, *rates: float, **more: object) -> Measured:
    return Measured(name, "one thread", 100, list(rates), **more)  # type: ignore[arg-type]


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # In the second round the machine was at half speed: it takes nothing from the ratio.
    assert ratio(_measured("a", 20, 10, 30), _measured("b", 10, 5, 10)) == 2.0


def test_ratios_of_unequal_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio(_measured("a", 1, 2), _measured("b", 1))


def test_a_bar_is_met_from_its_ratio_up() -> None:
    assert Bar("x / y", 12.0, 12).line() == "x / y: 12.00 (bar 12: met)"
    assert Bar("x / y", 11.99, 12).line() == "x / y: 11.99 (bar 12: NOT MET)"
    assert Bar("x / y", 3.0).line() == "x / y: 3.00"
    assert Bar("x / y", 3.0).met
    assert not Bar("x / y", 3.0, 4).met


def test_what_is_not_known_is_left_empty() -> None:
    full = _measured("full", 10, 30, 20, shares=[0.5, 0.25, 0.4], accuracy=0.9386, note="why")
    empty = _measured("empty", 5, 5, 5)
    cells = rows([full, empty], empty)
    assert cells[0] == ("full", "one thread (why)", "20.0", "4.0", "93.86 %", "100", "40.0 %")
    assert cells[1] == ("empty", "one thread", "5.0", "1.0", "", "100", "")
    assert rows([empty], None)[0][3] == ""


def test_tables_are_in_line_and_in_markdown() -> None:
    cells = rows([_measured("a", 1234.56), _measured("longer", 1)], None)
    lines = as_text(HEADER, cells).splitlines()
    assert lines[0].index("reviews/s") + len("reviews/s") == lines[1].index("1,234.6") + len("1,234.6")
    markdown = as_markdown(HEADER, cells).splitlines()
    assert markdown[1].count("---") == len(HEADER) == markdown[2].count("|") - 1
    assert "| 1,234.6 |" in markdown[2]


def test_a_section_is_replaced_and_the_rest_of_the_page_kept(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("# Page\n\n<!-- speed -->\nold\n<!-- /speed -->\n\nend\n")
    put_section(page, "speed", "new\n")
    put_section(page, "speed", "newer")
    assert page.read_text() == "# Page\n\n<!-- speed -->\n\nnewer\n\n<!-- /speed -->\n\nend\n"


def test_a_page_without_the_marks_is_written_with_them(tmp_path: Path) -> None:
    page = tmp_path / "out" / "table.md"
    put_section(page, "speed", "table")
    assert page.read_text() == "<!-- speed -->\n\ntable\n\n<!-- /speed -->\n"


def test_the_machine_is_named_with_its_cores_and_the_day() -> None:
    assert "cores, 20" in machine()
