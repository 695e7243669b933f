"""The cost of an installation: sums done by hand, and a page that holds what the command writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import deployment
from benchmarks.deployment import ALWAYS, MARKS, MONTHS, Month, Part, jobs, markdown, total, write_into

PAGE = Path(__file__).resolve().parents[2] / "DEPLOYMENT.md"


def test_a_sum_in_words_has_the_value_that_it_says() -> None:
    assert Part("x", "2 x 730 x $0.5 + $1", "p").dollars == pytest.approx(731)
    assert ALWAYS[0].dollars == pytest.approx(2 * 730 * (0.04048 + 4 * 0.004445))


def test_a_small_file_is_one_small_task() -> None:
    found = jobs(Month(1000, 1), rate=100, spot=False)
    assert (found.vcpu, found.gb, found.seconds) == (1, 4, 190)
    assert found.dollars == pytest.approx(190 / 3600 * (0.04048 + 4 * 0.004445 + 0.000111))


def test_spot_takes_its_share_of_processor_and_memory_alone() -> None:
    spot, full = (jobs(Month(100_000, 20), rate=50, spot=spot) for spot in (True, False))
    assert full.vcpu == 2
    assert full.seconds == 180 + 5000 / 100
    ratio = (0.3 * 0.11652 + 0.000111) / (0.11652 + 0.000111)
    assert spot.dollars / full.dollars == pytest.approx(ratio)


def test_a_faster_engine_costs_less() -> None:
    assert jobs(MONTHS[2], 400).dollars < jobs(MONTHS[2], 100).dollars


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_that_never_ends_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        jobs(MONTHS[0], rate)


def test_the_table_adds_up() -> None:
    text = markdown(100)
    rows = re.findall(r"\| ([\d.]+) \| [A-Z]", text)
    assert sum(map(float, rows)) == pytest.approx(total(ALWAYS), abs=0.05)
    for month in MONTHS:
        assert f"| {month.reviews:,} |" in text


def test_it_is_written_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    write_into(page, "new\n")
    assert page.read_text() == f"before\n{MARKS[0]}\n\nnew\n\n{MARKS[1]}\nafter\n"
    page.write_text("none")
    with pytest.raises(ValueError, match="needs the marks"):
        write_into(page, "new\n")


def test_the_page_holds_what_the_command_writes() -> None:
    between = PAGE.read_text().split(MARKS[0])[1].split(MARKS[1])[0].strip()
    rate = re.match(r"Reckoned with ([\d.]+) reviews", between)
    assert rate
    assert between == markdown(float(rate[1])).strip()


def test_the_command_prints_or_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert deployment.main(["--rate", "100"]) == 0
    assert capsys.readouterr().out == markdown(100)
    page = tmp_path / "page.md"
    page.write_text("".join(MARKS))
    assert deployment.main(["--rate", "100", "--markdown", str(page)]) == 0
    assert markdown(100) in page.read_text()
