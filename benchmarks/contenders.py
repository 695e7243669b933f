"""What is timed, each in new processes: engines, word lists, transformers.pipeline and the whole job."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from benchmarks.texts import Texts
from reviewlens.model.interface import Engine

ROOT = Path(__file__).resolve().parents[1]
SLICE = 1000
"""Texts passed to an engine at once, as in a job."""
PIPELINE_TOKENS = 256


@dataclass(frozen=True)
class Run:
    """`positive`: the prediction for each text, in order; `answered`: texts by the stage of a cascade that answered."""

    seconds: float
    positive: Sequence[bool]
    answered: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class JobRun:
    """The whole Spark job.

    `seconds`: of the command; `infer_seconds`: of scoring; `stage_seconds`: of all stages, without the start of the
    command, of Spark and of the model; `engine`: the engine that it chose.
    """

    seconds: float
    infer_seconds: float
    stage_seconds: float
    positive: Sequence[bool]
    engine: str


def ready_engine(name: str, bundle: Path | None, threads: int) -> Engine:
    """An engine or the VADER word list.

    Raises ImportError if VADER is not installed, ReviewLensError for an engine that the bundle does not support.
    """
    if name == "vader":
        from reviewlens.evaluation.baselines import VaderEngine

        return VaderEngine()
    from reviewlens.model.loading import load_engine

    return load_engine(name, bundle, threads=threads)


def in_processes(name: str, bundle: Path | None, texts: Texts, processes: int, threads: int) -> Run:
    """Time an engine in several processes and threads, loaded and warm, in slices as in a job."""
    context = get_context("spawn")
    barrier = context.Barrier(processes)
    queue = context.Queue()
    parts = [texts.texts[index::processes] for index in range(processes)]
    workers = [
        context.Process(target=_work, args=(index, name, bundle, threads, part, barrier, queue))
        for index, part in enumerate(parts)
    ]
    for worker in workers:
        worker.start()
    reports = [queue.get(timeout=7200) for _ in workers]
    for worker in workers:
        worker.join()
    positive = [False] * len(texts)
    answered: Counter[str] = Counter()
    for index, problem, _, _, verdicts, stages in reports:
        if problem:
            raise SystemExit(f"{name} failed:\n{problem}")
        positive[index::processes] = verdicts
        answered.update(stages)
    return Run(max(report[3] for report in reports) - min(report[2] for report in reports), positive, answered)


def _work(
    index: int, name: str, bundle: Path | None, threads: int, texts: Sequence[str], barrier: Barrier, queue: Any
) -> None:
    try:
        engine = ready_engine(name, bundle, threads)
        engine.score(texts[:64])
        before = Counter(getattr(engine, "answered", {}))
        barrier.wait(timeout=600)
        # Wall-clock time: the clock that all processes share.
        start = time.time()
        scores = [engine.score(texts[first : first + SLICE]) for first in range(0, len(texts), SLICE)]
        end = time.time()
        stages = Counter(getattr(engine, "answered", {})) - before
        queue.put((index, "", start, end, [bool(score >= 0.5) for part in scores for score in part], stages))
    except Exception:  # noqa: BLE001 - reported to the parent, which ends the benchmark
        barrier.abort()
        queue.put((index, traceback.format_exc(), 0.0, 0.0, [], {}))


def pipeline(texts: Texts, model: Path, python: str, batch: int, threads: int = 2) -> Run:
    """transformers.pipeline on texts in their order; a long text is truncated."""
    answer = _ask(python, _PIPELINE, [str(model), str(batch), str(threads), str(PIPELINE_TOKENS)], list(texts.texts))
    return Run(float(answer["seconds"]), answer["positive"])


def distilbert_sized(python: str, tokenizer: Path, into: Path, seed: int = 7) -> Path:
    """A classifier of DistilBERT's size with random weights and this tokenizer.json, for timing only."""
    _ask(python, _DISTILBERT, [str(tokenizer), str(into), str(seed)], [])
    return into


def spark_job(texts: Texts, workers: int, bundle: Path | None, engine: str = "") -> JobRun:
    """`reviewlens analyze` on a CSV file of these texts; an empty `engine` stands for the default."""
    with tempfile.TemporaryDirectory(prefix="reviewlens-benchmark-") as scratch:
        file = Path(scratch) / "reviews.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text"])
            writer.writerows([text] for text in texts.texts)
        environment = {**os.environ, "REVIEWLENS_WORKERS": str(workers), "PYTHONPATH": str(ROOT)}
        if bundle:
            environment["REVIEWLENS_MODEL"] = str(bundle.resolve())
        out = Path(scratch) / "out"
        started = time.perf_counter()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "reviewlens", "analyze", str(file), "--out", str(out)),
                *(("--engine", engine) if engine else ()),
            ],
            env=environment,
            capture_output=True,
            text=True,
            cwd=scratch,
        )
        seconds = time.perf_counter() - started
        if done.returncode != 0:
            raise SystemExit(f"The job failed with exit code {done.returncode}:\n{done.stdout}\n{done.stderr}")
        summary = json.loads(next(out.rglob("inference_summary.json")).read_text(encoding="utf-8"))
        with next(out.rglob("served.csv")).open(newline="", encoding="utf-8-sig") as stream:
            positive = [row["sentiment"] == "positive" for row in csv.DictReader(stream)]
    timings = summary["timings"]
    return JobRun(
        seconds=seconds,
        infer_seconds=float(timings["infer_seconds"]),
        stage_seconds=float(timings["total_seconds"]) - float(timings.get("start_seconds", 0)),
        positive=positive,
        engine=str(summary["model"]["engine"]),
    )


def _ask(python: str, code: str, arguments: list[str], data: object) -> Any:
    done = subprocess.run(
        [python, "-c", code, *arguments],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
    )
    if done.returncode != 0:
        raise SystemExit(f"{python} with transformers failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


_PIPELINE = """
import json, sys, time
import torch
from transformers import pipeline
model, batch, threads, tokens = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(threads)
texts = json.load(sys.stdin)
classify = pipeline("text-classification", model=model, device="cpu")
options = {"batch_size": batch, "truncation": True, "max_length": tokens}
classify(texts[:8], **options)
started = time.perf_counter()
answers = classify(texts, **options)
seconds = time.perf_counter() - started
good = {"positive", "pos", "label_1", "1"}
print(json.dumps({"seconds": seconds, "positive": [answer["label"].lower() in good for answer in answers]}))
"""

_DISTILBERT = """
import json, sys
import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast
tokenizer_file, into, seed = sys.argv[1:]
kept = json.load(open(tokenizer_file, encoding="utf-8"))
names = {token["content"] for token in kept["added_tokens"]}
def named(*choices):
    return next(name for name in choices if name in names)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_file=tokenizer_file,
    pad_token=named("[PAD]", "<pad>"), unk_token=named("[UNK]", "<unk>"),
    cls_token=named("[CLS]", "<s>"), sep_token=named("[SEP]", "</s>"),
    model_input_names=["input_ids", "attention_mask"],
)
torch.manual_seed(int(seed))
config = DistilBertConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id)
DistilBertForSequenceClassification(config).save_pretrained(into)
tokenizer.save_pretrained(into)
print("{}")
"""
