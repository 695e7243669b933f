"""Evaluation of a file: intervals, groups, baselines and the page, against figures worked out another way."""

from __future__ import annotations

import csv
import html.parser
import json
import random
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest

from reviewlens.errors import InputError
from reviewlens.evaluation import baselines as baselines_module
from reviewlens.evaluation.baselines import VaderEngine, baselines
from reviewlens.evaluation.bootstrap import Confusion, confusion, intervals, rates
from reviewlens.evaluation.calibration import expected_calibration_error
from reviewlens.evaluation.evaluate import engine_for, temperature_of
from reviewlens.evaluation.groups import groups_of, length_band, pooled, product_column
from reviewlens.evaluation.measures import Comparison, evaluate_file, risk_coverage
from reviewlens.evaluation.report import render_report
from reviewlens.model.engines.textblob import TextBlobEngine
from reviewlens.model.loading import open_bundle

SCRIPT = Path(__file__).parents[2] / "sagemaker" / "evaluate.py"


def _by_hand(pairs: list[tuple[bool, bool]]) -> dict[str, float]:
    """Measures of (called positive, is positive) counted one by one."""
    tp, fp = pairs.count((True, True)), pairs.count((True, False))
    fn, tn = pairs.count((False, True)), pairs.count((False, False))
    return {
        "accuracy": (tp + tn) / len(pairs),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
    }


def test_intervals_agree_with_drawing_the_texts_themselves() -> None:
    counted = Confusion(true_positive=90, false_positive=12, false_negative=8, true_negative=40)
    pairs = [(True, True)] * 90 + [(True, False)] * 12 + [(False, True)] * 8 + [(False, False)] * 40
    draw = random.Random(3)
    slow = [_by_hand(draw.choices(pairs, k=len(pairs))) for _ in range(3000)]
    quick = intervals(counted)
    for name, value in _by_hand(pairs).items():
        expected = np.quantile([one[name] for one in slow], [0.025, 0.975])
        assert quick[name] == pytest.approx(expected, abs=0.012), name
        low, high = quick[name] or [1.0, 0.0]
        assert low < value < high


def test_intervals_are_the_same_each_time_and_narrower_for_more_texts() -> None:
    small, large = Confusion(45, 5, 6, 44), Confusion(4500, 500, 600, 4400)
    assert intervals(small) == intervals(small)
    widths = [np.subtract(*reversed(intervals(each)["accuracy"] or [0, 0])) for each in (small, large)]
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.1), "a hundred times the texts: a tenth of the width"


def test_intervals_of_measures_that_are_not_defined() -> None:
    found = intervals(Confusion(0, 0, 0, 50))
    assert found["accuracy"] == [1.0, 1.0]
    assert found["precision"] is found["recall"] is found["f1"] is found["balanced_accuracy"] is None
    assert set(intervals(Confusion(0, 0, 0, 0)).values()) == {None}
    assert np.isnan(rates(np.array(Confusion(0, 0, 0, 0)))["accuracy"])


def test_confusion_counts() -> None:
    found = confusion(np.array([0.5, 0.49, 0.9, 0.1, 0.2]), np.array([1, 1, 0, 0, 0]))
    assert found == Confusion(true_positive=1, false_positive=1, false_negative=1, true_negative=2)


def test_risk_coverage_by_hand() -> None:
    confidence = np.array([0.6, 0.9, 0.7, 0.8])
    right = np.array([False, True, True, False])
    assert risk_coverage(confidence, right, (1.0, 0.75, 0.5, 0.01)) == [
        {"coverage": 1.0, "accuracy": 0.5, "least_confidence": 0.6},
        {"coverage": 0.75, "accuracy": round(2 / 3, 5), "least_confidence": 0.7},
        {"coverage": 0.5, "accuracy": 0.5, "least_confidence": 0.8},
        {"coverage": 0.01, "accuracy": 1.0, "least_confidence": 0.9},
    ]


def test_small_groups_are_pooled() -> None:
    names = ["a"] * 29 + ["b"] * 30 + ["c"] * 40 + ["others"] * 35
    groups = pooled(names)
    assert [(name, int(mask.sum())) for name, mask in groups] == [("c", 40), ("b", 30), ("others", 64)]
    assert np.sum([mask for _, mask in groups], axis=0).tolist() == [1] * len(names), "each text in one group"
    assert [name for name, _ in pooled(names, order="bc".index)] == ["b", "c", "others"]
    assert [name for name, _ in pooled(["a"] * 30)] == ["a"]
    many = [f"p{index}" for index in range(25) for _ in range(30 + index)]
    assert [name for name, _ in pooled(many)] == [f"p{index}" for index in range(24, 4, -1)] + ["others"]


def test_groups_follow_the_columns_there_are() -> None:
    texts = ["word"] * 40 + ["word " * 30] * 31 + ["word " * 300]
    frame = pl.DataFrame(
        {
            "rating": ["5"] * 40 + ["1"] * 30 + ["none", None],
            "source": ["shop"] * 72,
            "productTitle": ["Lamp"] * 36 + [None] * 36,
        }
    )
    found = {kind: [name for name, _ in members] for kind, members in groups_of(frame, texts).items()}
    assert found == {
        "source": ["shop"],
        "length": ["1 to 10 words", "26 to 50", "others"],
        "rating": ["1 star", "5 stars", "others"],
        "product": ["Lamp", "not given"],
    }
    assert list(groups_of(frame.select("source").rename({"source": "shade"}), texts)) == ["length"]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["text", "label"], None),
        (["text", "label", "ASIN"], "ASIN"),
        (["text", "product_id", "Product Name"], "Product Name"),
        (["text", "rating", "source", "licence", "id"], None),
    ],
)
def test_product_column(columns: list[str], found: str | None) -> None:
    assert product_column(columns) == found


def test_length_bands_begin_and_end_where_they_say() -> None:
    bands = {count: length_band("w " * count) for count in (1, 10, 11, 25, 26, 200, 201)}
    assert bands[1] == bands[10] == "1 to 10 words"
    assert bands[11] == bands[25] == "11 to 25"
    assert (bands[26], bands[200], bands[201]) == ("26 to 50", "101 to 200", "over 200")


def test_vader_reads_plain_words() -> None:
    pytest.importorskip("vaderSentiment", reason="VADER is in the training extra")
    engine = VaderEngine()
    good, bad, none = engine.score(["excellent, wonderful", "terrible, awful", "the box is on the table"])
    assert good > 0.7
    assert bad < 0.2
    assert 0.3 < none < 0.5, "no opinion at all leans to complaint, as for TextBlob"
    assert engine.describe()["engine"] == "vader"


def _write(path: Path) -> Path:
    """Sixty clear reviews and six of three stars, with names that a page must not take for its own markup."""
    good = "Excellent {0}, it works perfectly and I love it, number {1}."
    bad = "Terrible {0}, it broke at once and I want my money back, number {1}."
    rows = [
        {
            "text": (good if index % 2 else bad).format("lamp" if index < 32 else "tent", index),
            "rating": 5 if index % 2 else 1,
            "product": "Lamp <b>&\"'" if index < 32 else "Tent",
        }
        for index in range(60)
    ]
    rows += [{"text": f"It is okay, neither good nor bad, {i}.", "rating": 3, "product": "Tent"} for i in range(6)]
    pl.DataFrame(rows).write_csv(path)
    return path


class _Outside(html.parser.HTMLParser):
    """Collects whatever a page would fetch, run or leave open."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        if tag in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}:
            self.found.append(tag)
        self.found += [f"{name}={value}" for name, value in attrs if name in {"src", "href", "srcset", "xlink:href"}]
        self.found += [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    result = evaluate_file(
        TextBlobEngine(), _write(tmp_path / "data.csv"), tmp_path / "out", comparison=Comparison({"vader": None})
    )
    page = (tmp_path / "out" / "model_evaluation.html").read_text(encoding="utf-8")
    outside = _Outside()
    outside.feed(page)
    assert outside.found == []
    assert outside.open == []
    assert not re.search(r"https?://|url\(|@import|//[a-z]", page)
    assert "Lamp &lt;b&gt;&amp;" in page, "what came from the file is text"
    assert "Lamp <b>" not in page
    assert "prefers-color-scheme: dark" in page
    assert "not installed" in page
    assert page.count("<svg") == 3 + len(result["groups"])  # type: ignore[arg-type]
    assert render_report(result) == page


def test_a_page_of_one_class_and_one_text_is_drawn_as_well(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("text,label\nfine,1\n")
    result = evaluate_file(TextBlobEngine(), tmp_path / "data.csv", tmp_path / "out")
    assert result["roc_auc"] is None
    assert "<svg" in (tmp_path / "out" / "model_evaluation.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content", ["text,label\ngood,1\nbad,2\n", "text,label\ngood,yes\n", "text,rating\ngood,many\n"]
)
def test_labels_of_another_kind_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "data.csv").write_text(content)
    with pytest.raises(InputError):
        evaluate_file(TextBlobEngine(), tmp_path / "data.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_temperature_is_that_of_the_graph_that_scores(cache_dir: Path, tmp_path: Path) -> None:
    facts = open_bundle(None, cache_dir).metadata
    assert temperature_of("openvino", None) == temperature_of("openvino-fp32", None) == facts.temperature
    assert temperature_of("textblob", None) is None
    assert temperature_of("cascade", None) is None
    assert temperature_of("transformers", tmp_path) is None, "a plain model was never calibrated"
    assert engine_for("auto", tmp_path) == "transformers"
    assert engine_for("textblob", tmp_path) == "textblob"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """The script's `main`."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # the script changes it
    return cast(Callable[[list[str]], int], runpy.run_path(str(SCRIPT))["main"])


def test_the_script_measures_the_bundle_that_ships(
    tmp_path: Path, cache_dir: Path, script: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    data, bundle = _write(tmp_path / "data.csv"), open_bundle(None, cache_dir)
    assert script([str(bundle.dir), str(data), "--output", str(tmp_path / "out"), "--engine", "openvino"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "model_evaluation.json",
        "model_evaluation.html",
        "tested.csv",
    }
    result = json.loads((tmp_path / "out" / "model_evaluation.json").read_text())
    assert (result["accuracy"], result["texts"], result["three_stars"]["texts"]) == (1.0, 60, 6)
    assert result["temperature"] == bundle.metadata.temperature
    assert len(result["risk_coverage"]) == 100
    assert [(row["group"], row["texts"]) for row in result["groups"]["rating"]] == [("1 star", 30), ("5 stars", 30)]
    assert [row["texts"] for row in result["groups"]["product"]] == [32, 28]
    assert list(result["comparison"]) == ["openvino", "textblob", "vader"]
    rates_found = result["behaviour"]["pass_rate"]
    assert rates_found["openvino"] > rates_found["textblob"]
    assert json.loads(capsys.readouterr().out)["behaviour"]["pass_rate"] == rates_found
    with (tmp_path / "out" / "tested.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 66
    assert list(rows[0])[-5:] == ["sentiment", "confidence", "positive_score", "needs_review", "mixed"]
    assert [row["sentiment"] for row in rows[:4]] == ["negative", "positive", "negative", "positive"]
    scores = np.array([float(row["positive_score"]) for row in rows[:60]])
    labels = np.array([int(row["label"]) for row in rows[:60]])
    error = expected_calibration_error(scores, labels)
    assert result["expected_calibration_error"] == pytest.approx(error, abs=1e-5)
    margins = np.log(scores / (1 - scores)) * bundle.metadata.temperature
    before = expected_calibration_error(1 / (1 + np.exp(-margins)), labels)
    assert result["expected_calibration_error_before_scaling"] == pytest.approx(before, abs=1e-5)
    assert before != pytest.approx(error, abs=1e-5)


def test_the_script_takes_each_argument_once(
    script: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, told in (
        (["model", "data.csv", "--data", "other.csv"], "named twice"),
        (["model"], "the data is required"),
    ):
        with pytest.raises(SystemExit) as ended:
            script(arguments)
        assert ended.value.code == 2
        assert told in capsys.readouterr().err


def test_a_baseline_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    found = baselines()
    assert found["vader"] is None
    result = evaluate_file(
        TextBlobEngine(), _write(tmp_path / "data.csv"), tmp_path / "out", comparison=Comparison(found)
    )
    comparison = result["comparison"]
    assert isinstance(comparison, dict)
    assert comparison["vader"] == baselines_module.NOT_INSTALLED
    assert list(comparison) == ["textblob", "vader"]
