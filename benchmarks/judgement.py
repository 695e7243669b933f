"""Ratios of rates against their thresholds, and the cost of a million reviews."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks import cost
from benchmarks.report import Bar, Measured, ratio
from benchmarks.texts import Texts

ENGINES = ("cascade", "openvino", "openvino-small", "openvino-bf16", "openvino-fp32")
WORD_LISTS = ("textblob", "vader")
ONE, TWO_THREADS, TWO_PROCESSES = "one thread", "one process, two threads", "two processes"
MODES = {ONE: (1, 1), TWO_THREADS: (1, 2), TWO_PROCESSES: (2, 1)}
DISTILBERT = "pipeline, DistilBERT's size"
OWN = "pipeline, this model"

# Thresholds against transformers.pipeline, one text at a time, with a model of DistilBERT's size.
MINILM_ONE_PROCESS, MINILM_TWO_PROCESSES, CASCADE = 12.0, 17.0, 40.0
TWO_WORKERS_OVER_ONE = 1.8
OVER_OWN_PIPELINE = 5.0
SPARK_OVER_BARE = 0.85


def bars(rows: Sequence[Measured], minilm: str, spark_engine: str) -> list[Bar]:
    """Every ratio that these rows allow; `minilm`: the engine whose graph is MiniLM, '' for none."""
    by_key = {(row.name, row.how): row for row in rows}
    pairs = [
        ((minilm, TWO_THREADS), (DISTILBERT, "batch 1, two threads"), MINILM_ONE_PROCESS),
        ((minilm, TWO_PROCESSES), (DISTILBERT, "batch 1, two threads"), MINILM_TWO_PROCESSES),
        (("cascade", TWO_PROCESSES), (DISTILBERT, "batch 1, two threads"), CASCADE),
        *(((name, TWO_PROCESSES), (name, ONE), TWO_WORKERS_OVER_ONE) for name in ENGINES),
        (("cascade", TWO_PROCESSES), ("openvino", TWO_PROCESSES), 3.0),
        (("openvino", TWO_PROCESSES), (OWN, "batch 1, two threads"), OVER_OWN_PIPELINE),
        (("openvino", TWO_PROCESSES), (OWN, "batch 32, two threads"), None),
        (("Spark job, inference", TWO_PROCESSES), (spark_engine, TWO_PROCESSES), SPARK_OVER_BARE),
    ]
    return [
        Bar(f"{over[0]}, {over[1]} / {under[0]}, {under[1]}", ratio(by_key[over], by_key[under]), least)
        for over, under, least in pairs
        if over in by_key and under in by_key
    ]


def costs(rows: Sequence[Measured], texts: Texts, task: cost.Task) -> list[str]:
    """The cost of a million reviews, line by line, compared with Comprehend's list price."""
    per_million = cost.comprehend_per_million(len(text) for text in texts.texts)
    shortest = cost.comprehend_per_million([1])
    lines = [
        f"Amazon Comprehend: 1,000,000 x {cost.LEAST_UNITS} units x ${cost.COMPREHEND_UNIT} = ${shortest:,.0f} for "
        f"texts of up to 300 characters; ${per_million:,.0f} for texts as long as these "
        f"({statistics.mean(len(text) for text in texts.texts):.0f} characters in the mean)"
    ]
    for row in rows:
        if row.how == TWO_PROCESSES and (row.name in ENGINES or row.name == "Spark job, all stages"):
            bill = cost.fargate(row.rate, task)
            times = f"Comprehend's ${shortest:,.0f} is {shortest / bill.dollars:,.0f} times as much"
            lines.append(f"{cost.arithmetic(row.name, row.rate, task)}; {times}")
    lines.append(
        f"List prices of {cost.PRICES_OF}, US East (N. Virginia), Linux/x86: {cost.FARGATE_PAGE}; "
        f"{cost.COMPREHEND_PAGE}. Not counted: data transfer, logs, a public IPv4 address."
    )
    return lines
