"""Reviews a second: transformers.pipeline, our scorer bare, our whole job in Spark; one run, the same texts, medians.

    python benchmarks/scoring.py --hf-model FOLDER [--hf-python PYTHON] [--data FILE.csv] [--rows 10000] [--rounds 3]

`--hf-model`: the Hugging Face folder of the same model (training leaves one); without it the pipeline is left out.
`--hf-python`: a Python that has torch and transformers, where this one has not.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SLICE = 1000
BARE_BAR = 5.0
SPARK_BAR = 0.85

_OPENINGS = (
    "I bought this {thing} for my {person}.",
    "The {thing} arrived on {day}.",
    "This is my {number}th {thing}.",
    "We have used the {thing} for {number} weeks now.",
)
_SENTENCES = (
    "The {part} is better than I thought it would be and my {person} likes it too.",
    "Sadly the {part} stopped working after {number} days, and the shop has not answered yet.",
    "It does what it should, no more and no less.",
    "I would not buy it again, because the {part} feels cheap and makes a noise.",
    "For {number} dollars you cannot ask for more, and the {part} looks really nice.",
    "Setting it up took {number} minutes, most of it spent looking for the {part}.",
    "My old {thing} was louder, heavier and cost twice as much.",
    "Great value!",
    "Not recommended.",
    "If you need a {thing} with a good {part}, look no further than this one; mine has been in use every {day}.",
)
_WORDS = {
    "thing": ("kettle", "phone", "tent", "lamp", "blender", "pair of boots", "keyboard", "novel", "suitcase"),
    "person": ("mother", "son", "neighbour", "wife", "office", "best friend"),
    "part": ("battery", "handle", "screen", "lid", "zip", "cover", "manual", "button", "colour"),
    "day": ("Monday", "Friday", "Sunday", "the day before my birthday"),
}


def made_texts(count: int, seed: int = 11) -> list[str]:
    """Distinct review-like texts; lengths log-normal, median about 55 tokens and mean about 78, as real reviews
    have."""
    rng = random.Random(seed)
    texts = []
    for index in range(count):
        wanted = min(400, max(3, round(math.exp(rng.gauss(math.log(48), 0.85)))))
        parts = [_filled(rng.choice(_OPENINGS), rng)]
        while sum(len(part.split()) for part in parts) < wanted:
            parts.append(_filled(rng.choice(_SENTENCES), rng))
        words = " ".join(parts).split()[:wanted]
        texts.append(" ".join([*words, f"#{index}"]))
    return texts


def _filled(sentence: str, rng: random.Random) -> str:
    return sentence.format(number=rng.randint(2, 90), **{name: rng.choice(words) for name, words in _WORDS.items()})


def bare(texts: list[str], workers: int) -> float:
    """Reviews a second of the shipped engine in single-threaded processes, loaded and warm, in slices as a job cuts
    them."""
    context = get_context("spawn")
    barrier = context.Barrier(workers)
    queue = context.Queue()
    parts = [texts[index::workers] for index in range(workers)]
    processes = [context.Process(target=_bare_worker, args=(part, barrier, queue)) for part in parts]
    for process in processes:
        process.start()
    spans = [queue.get(timeout=3600) for _ in processes]
    for process in processes:
        process.join()
    return len(texts) / (max(end for _, end in spans) - min(start for start, _ in spans))


def _bare_worker(texts: list[str], barrier: Barrier, queue: object) -> None:
    from reviewlens.model.loading import load_engine

    engine = load_engine("openvino", threads=1)
    engine.score(texts[:64])
    barrier.wait()
    # Wall-clock time: the one clock that all processes share everywhere.
    start = time.time()
    for first in range(0, len(texts), SLICE):
        engine.score(texts[first : first + SLICE])
    end = time.time()
    queue.put((start, end))  # type: ignore[attr-defined]


def spark(texts: list[str], workers: int) -> tuple[float, float]:
    """Reviews a second of the whole job's inference stage (warm), and of the job from start to end."""
    with tempfile.TemporaryDirectory(prefix="reviewlens-benchmark-") as scratch:
        file = Path(scratch) / "reviews.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text"])
            writer.writerows([text] for text in texts)
        environment = {**os.environ, "REVIEWLENS_WORKERS": str(workers), "PYTHONPATH": str(ROOT)}
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "reviewlens", "analyze", str(file), "--out", str(Path(scratch) / "out")],
            env=environment,
            capture_output=True,
            text=True,
            cwd=scratch,
        )
        seconds = time.perf_counter() - started
        if done.returncode != 0:
            raise SystemExit(f"The job failed with exit code {done.returncode}:\n{done.stdout}\n{done.stderr}")
        summary = json.loads(next((Path(scratch) / "out").rglob("inference_summary.json")).read_text())
    return len(texts) / summary["timings"]["infer_seconds"], len(texts) / seconds


def pipeline(texts: list[str], model: Path, python: str, batch: int) -> float:
    """Reviews a second of transformers.pipeline with two threads, texts in the order they come."""
    done = subprocess.run(
        [python, "-c", _PIPELINE, str(model), str(batch)], input=json.dumps(texts), capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"transformers.pipeline failed:\n{done.stderr[-2000:]}")
    return len(texts) / float(done.stdout.strip().splitlines()[-1])


_PIPELINE = """
import json, sys, time
import torch
from transformers import pipeline
torch.set_num_threads(2)
texts = json.load(sys.stdin)
classify = pipeline("text-classification", model=sys.argv[1], device="cpu")
options = {"batch_size": int(sys.argv[2]), "truncation": True, "max_length": 256}
classify(texts[:8], **options)
started = time.perf_counter()
classify(texts, **options)
print(time.perf_counter() - started)
"""


def single(texts: list[str]) -> float:
    """Median milliseconds for one text, two threads, loaded and warm."""
    from reviewlens.model.loading import load_scorer

    scorer = load_scorer("openvino", threads=2)
    scorer.predict(texts[:64])
    taken = []
    for text in texts[:300]:
        started = time.perf_counter()
        scorer.predict([text])
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


def read_texts(path: Path, rows: int) -> list[str]:
    """Distinct cleaned texts of a CSV's `text` column, drawn at random."""
    from reviewlens.reviews.cleaning import clean_text

    csv.field_size_limit(sys.maxsize)
    with path.open(newline="", encoding="utf-8") as stream:
        texts = list(dict.fromkeys(text for row in csv.DictReader(stream) if (text := clean_text(row["text"]))))
    random.Random(11).shuffle(texts)
    return texts[:rows]


def main() -> int:
    """Measure and print; exit 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hf-model", type=Path)
    parser.add_argument("--hf-python", default=sys.executable)
    parser.add_argument("--data", type=Path, help="CSV with a text column; default: generated texts")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--pipeline-rows", type=int, default=400, help="texts for transformers.pipeline, which is slow")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without-spark", action="store_true")
    given = parser.parse_args()
    texts = read_texts(given.data, given.rows) if given.data else made_texts(given.rows)
    words = [len(text.split()) for text in texts]
    median, mean = statistics.median(words), statistics.mean(words)
    print(f"{len(texts)} texts, {median:.0f} words in the median, {mean:.0f} in the mean")

    rates: dict[str, list[float]] = {}

    def note(name: str, rate: float) -> None:
        rates.setdefault(name, []).append(rate)
        print(f"  {name}: {rate:.1f} reviews/s", flush=True)

    # Round by round, so that a machine that gets busier or hotter does so for everyone.
    for turn in range(given.rounds):
        print(f"round {turn + 1} of {given.rounds}", flush=True)
        if given.hf_model:
            part = texts[: given.pipeline_rows]
            note("transformers.pipeline, batch 1", pipeline(part, given.hf_model, given.hf_python, 1))
            note("transformers.pipeline, batch 32", pipeline(part, given.hf_model, given.hf_python, 32))
        note("our scorer, bare", bare(texts, given.workers))
        if not given.without_spark:
            warm, whole = spark(texts, given.workers)
            note("our job in Spark, inference stage", warm)
            note("our job in Spark, start to end", whole)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    print(f"\nmedians of {given.rounds} rounds, {given.workers} single-threaded workers")
    for name, rate in medians.items():
        print(f"  {name:38s} {rate:8.1f} reviews/s")
    print(f"  {'one text through the scorer':38s} {single(texts):8.1f} ms (median)")
    missed = False
    for name, over, bar in (
        ("our scorer, bare", "transformers.pipeline, batch 1", BARE_BAR),
        ("our scorer, bare", "transformers.pipeline, batch 32", 0.0),
        ("our job in Spark, inference stage", "our scorer, bare", SPARK_BAR),
    ):
        if name in medians and over in medians:
            ratio = medians[name] / medians[over]
            missed |= ratio < bar
            wanted = f" (bar {bar:g}: {'met' if ratio >= bar else 'MISSED'})" if bar else ""
            print(f"  {name} / {over}: {ratio:.2f}{wanted}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
