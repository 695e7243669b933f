"""Which ratios are held against which bars, what a million reviews cost, and what a cascade's work comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contenders import Run
from benchmarks.cost import Task
from benchmarks.judgement import DISTILBERT, ONE, TWO_PROCESSES, TWO_THREADS, bars, costs
from benchmarks.peak import Peak
from benchmarks.report import Measured
from benchmarks.scoring import Contender, enough, graphs, note, spent
from benchmarks.texts import Texts
from reviewlens.model.loading import open_bundle


def _row(name: str, how: str, *rates: float) -> Measured:
    return Measured(name, how, 100, list(rates))


def _rows() -> list[Measured]:
    return [
        _row(DISTILBERT, "batch 1, two threads", 10, 20),
        _row("openvino-small", ONE, 90, 180),
        _row("openvino-small", TWO_THREADS, 120, 240),
        _row("openvino-small", TWO_PROCESSES, 160, 320),
        _row("cascade", TWO_PROCESSES, 500, 1000),
        _row("openvino", TWO_PROCESSES, 100, 200),
        _row("Spark job, inference", TWO_PROCESSES, 450, 900),
        _row("Spark job, all stages", TWO_PROCESSES, 400, 800),
    ]


def test_every_bar_that_can_be_told_is_told() -> None:
    told = {bar.what: (bar.ratio, bar.least, bar.met) for bar in bars(_rows(), "openvino-small", "cascade")}
    assert told == {
        f"openvino-small, {TWO_THREADS} / {DISTILBERT}, batch 1, two threads": (12, 12, True),
        f"openvino-small, {TWO_PROCESSES} / {DISTILBERT}, batch 1, two threads": (16, 17, False),
        f"cascade, {TWO_PROCESSES} / {DISTILBERT}, batch 1, two threads": (50, 40, True),
        f"openvino-small, {TWO_PROCESSES} / openvino-small, {ONE}": (pytest.approx(1.78, abs=0.01), 1.8, False),
        f"cascade, {TWO_PROCESSES} / openvino, {TWO_PROCESSES}": (5, 3, True),
        f"Spark job, inference, {TWO_PROCESSES} / cascade, {TWO_PROCESSES}": (0.9, 0.85, True),
    }


def test_bars_of_what_was_not_measured_are_not_told() -> None:
    assert bars([_row("openvino", ONE, 1)], "openvino", "") == []


def test_costs_name_comprehend_every_engine_in_two_processes_and_the_job() -> None:
    lines = costs(_rows(), Texts(("x" * 300, "x" * 500)), Task(startup_minutes=3))
    assert "= $300 for texts of up to 300 characters; $400 for texts as long as these" in lines[0]
    assert [line.split(":")[0] for line in lines[1:-1]] == [
        "openvino-small",
        "cascade",
        "openvino",
        "Spark job, all stages",
    ]
    # 1,000,000 / 750 a second and three minutes: 1,514 s, five cents.
    cascade = next(line for line in lines if line.startswith("cascade"))
    assert "1,514 s" in cascade
    assert "= $0.049;" in cascade
    assert "6,122 times" in cascade
    assert "aws.amazon.com/fargate/pricing" in lines[-1]


def _contender(*operations: int) -> Contender:
    texts = Texts(("a", "b", "c", "d"), (1, 0, 1, 0))
    return Contender(Measured("x", ONE, len(texts)), texts, lambda _: Run(1.0, []), 1, operations)


def test_a_graph_spends_its_operations_on_all_texts_and_a_cascade_on_those_that_come_to_it() -> None:
    assert spent(_contender(1000), Run(1.0, [])) == 1000
    run = Run(1.0, [], {"ngrams": 2, "small": 1, "last": 1})
    assert spent(_contender(400, 1000), run) == 400 * 2 / 4 + 1000 / 4
    assert spent(_contender(1000), Run(1.0, [], {"ngrams": 3, "last": 1})) == 250


def test_a_round_adds_its_rate_share_accuracy_and_what_the_stages_answered() -> None:
    contender = _contender(400_000_000, 1_000_000_000)
    run = Run(2.0, [True, True, True, False], {"ngrams": 2, "small": 1, "last": 1})
    note(contender, run, {1: Peak(10.0, "i8"), 2: Peak(20.0, "i8")})
    assert contender.row.rates == [2.0]
    assert contender.row.shares == [pytest.approx(0.45 / 2 / 10)]
    assert contender.row.accuracy == 0.75
    assert contender.row.note == "ngrams 50%, small 25%, last 25%"


def test_verdicts_of_random_weights_are_not_called_accuracy() -> None:
    texts = Texts(("a", "b"), (1, 0))
    contender = Contender(Measured("x", ONE, 2), texts, lambda _: Run(1.0, []), 1, (), judged=False)
    note(contender, Run(1.0, [True, False]), {})
    assert contender.row.accuracy is None


def test_a_slow_contender_is_timed_on_fewer_texts() -> None:
    texts = Texts(tuple(str(number) for number in range(2000)))
    assert len(enough(texts, 10, lambda few: Run(len(few) / 50, []))) == 500
    assert len(enough(texts, 10, lambda few: Run(len(few) / 5, []))) == 200
    assert enough(texts, 10, lambda few: Run(len(few) / 5000, [])) is texts


def test_the_graphs_of_an_engine_are_those_that_the_bundle_has(tmp_path: Path) -> None:
    bundle = open_bundle(None, tmp_path)
    small = (bundle.dir / "small.xml").is_file()
    assert len(graphs(bundle, "openvino")) == len(graphs(bundle, "openvino-bf16")) == 1
    assert len(graphs(bundle, "openvino-small")) == int(small)
    assert len(graphs(bundle, "cascade")) == 1 + int(small)
    assert graphs(bundle, "textblob") == []
