"""Counting operations: against sums done by hand, the shipped graph, and a graph whose attention is plain products."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op

from benchmarks.peak import int8_peak
from benchmarks.work import Work, work_of_config, work_of_graph
from reviewlens.model.loading import open_bundle


def test_a_window_costs_its_tokens_their_square_and_the_head() -> None:
    work = Work(per_token=10, per_window=5, per_square=2)
    assert work.operations([3]) == 5 + 30 + 18
    assert work.operations([3, 1]) == 53 + 17
    assert work.operations([]) == 0


def test_configurations_of_both_spellings_are_counted_alike(tmp_path: Path) -> None:
    spellings = {
        "bert": {"hidden_size": 4, "num_hidden_layers": 3, "intermediate_size": 8},
        "distilbert": {"dim": 4, "n_layers": 3, "hidden_dim": 8},
    }
    counted = set()
    for name, config in spellings.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        counted.add(work_of_config(tmp_path / name))
    # Per layer: four products of 4 x 4 and two of 4 x 8, two operations each; attention twice 2 x 4 a pair of tokens.
    assert counted == {
        Work(per_token=3 * (4 * 32 + 2 * 64), per_window=2 * 16 + 2 * 8, per_square=3 * 16),
    }


def test_a_graph_is_counted_by_its_products(tmp_path: Path) -> None:
    hidden = op.parameter([-1, -1, 8], ov.Type.f32)
    weights = op.constant(np.ones((16, 8), dtype=np.float32))
    wide = op.matmul(hidden, weights, False, True)
    heads = op.transpose(op.reshape(wide, np.array([0, 0, 2, 8]), True), np.array([0, 2, 1, 3]))
    shares = op.softmax(op.matmul(heads, heads, False, True), 3)
    mixed = op.matmul(shares, heads, False, False)
    first = op.squeeze(
        op.gather(op.reduce_mean(mixed, np.array([1]), False), np.array([0]), np.array(1)), np.array([1])
    )
    head = op.matmul(first, op.constant(np.ones((8, 2), dtype=np.float32)), False, False)
    graph = ov.Model([op.result(head)], [hidden])
    assert work_of_graph(graph) == Work(
        per_token=2 * 8 * 16,
        per_window=2 * 8 * 2,
        per_square=2 * (2 * 2 * 8),
    )


def test_the_shipped_graph_is_counted_as_its_configuration_says(tmp_path: Path) -> None:
    bundle = open_bundle(None, tmp_path)
    counted = work_of_graph(ov.Core().read_model(bundle.dir / "model.xml"))
    assert counted == work_of_config(bundle.dir)


def test_the_peak_runs_a_quantised_product_and_says_in_what() -> None:
    peak = int8_peak(1, seconds=0.01, shapes=((32, 64, 64),))
    assert peak.gops > 0
    assert peak.precision in {"i8", "u8", "f32", "unknown"}
