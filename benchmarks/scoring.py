"""Reviews per second, accuracy and share of the int8 peak: transformers.pipeline, word lists, our engines, Spark job.

    python benchmarks/scoring.py --hf-model FOLDER --hf-python PYTHON --data LABELLED.csv [--markdown PAGE]

All contenders score the same texts, round by round; rates are medians. Run it on an idle machine. `--hf-model`: the
Hugging Face folder of the model, as training writes it; without it that pipeline is left out. `--hf-python`: a Python
with torch and transformers, if this one lacks them; without them the pipelines and their thresholds are left out. A
slow contender is timed on fewer texts with the same distribution of lengths (`--seconds`). Exit code 1 if a threshold
is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import openvino as ov

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import contenders, cost, judgement, report  # noqa: E402
from benchmarks.contenders import JobRun, Run  # noqa: E402
from benchmarks.judgement import DISTILBERT, ENGINES, MODES, OWN, TWO_PROCESSES, TWO_THREADS, WORD_LISTS  # noqa: E402
from benchmarks.peak import Peak, int8_peak  # noqa: E402
from benchmarks.report import Measured  # noqa: E402
from benchmarks.texts import Texts, made_texts, read_texts  # noqa: E402
from benchmarks.work import Work, work_of_config, work_of_graph  # noqa: E402
from reviewlens.errors import ReviewLensError  # noqa: E402
from reviewlens.model.bundle import Bundle  # noqa: E402
from reviewlens.model.encoder import TextEncoder  # noqa: E402
from reviewlens.model.loading import load_scorer, open_bundle  # noqa: E402

LEAST = 200
"""Fewest texts that a contender is timed on, if there are so many."""


@dataclass(frozen=True)
class Contender:
    """What is timed.

    `operations`: of each of its graphs for all texts, the most expensive last; `threads`: of the peak that it is
    compared with; `judged`: whether its accuracy is shown.
    """

    row: Measured
    texts: Texts
    run: Callable[[Texts], Run]
    threads: int = 2
    operations: tuple[int, ...] = ()
    judged: bool = True


def graphs(bundle: Bundle, engine: str) -> list[tuple[Work, TextEncoder]]:
    """Operations and encoder of each graph of an engine, the most expensive last; none for a word list."""
    own, small = ("model.xml", "tokenizer.json"), ("small.xml", "small.tokenizer.json")
    files = {"cascade": (small, own), "openvino-small": (small,)}.get(engine, (own,))
    return [
        (
            work_of_graph(ov.Core().read_model(bundle.dir / graph)),
            TextEncoder(bundle.dir / tokenizer, bundle.metadata.max_length, bundle.metadata.long_texts),
        )
        for graph, tokenizer in files
        if engine in ENGINES and (bundle.dir / graph).is_file()
    ]


def pipeline_operations(folder: Path, texts: Texts) -> int:
    """Operations of the pipeline for all texts, each truncated as the pipeline does."""
    pieces, _ = TextEncoder(folder / "tokenizer.json", 1 << 30).encode(texts.texts)
    return work_of_config(folder).operations(min(len(ids), contenders.PIPELINE_TOKENS) for ids in pieces)


def enough(texts: Texts, seconds: float, run: Callable[[Texts], Run]) -> Texts:
    """As many texts as a contender scores in about this time, at least LEAST."""
    if len(texts) <= LEAST:
        return texts
    few = texts.like(64)
    return texts.like(max(LEAST, int(seconds * len(few) / run(few).seconds)))


def pipelines(options: argparse.Namespace, texts: Texts, scratch: Path, bundle: Bundle) -> list[Contender]:
    """The pipelines of both models, one text at a time and in batches of 32; none without transformers."""
    if subprocess.run([options.hf_python, "-c", "import torch, transformers"], capture_output=True).returncode != 0:
        print(f"left out: transformers.pipeline: {options.hf_python} has no torch and transformers (--hf-python)")
        return []
    tokenizer = (options.hf_model or bundle.dir) / "tokenizer.json"
    folders = {DISTILBERT: options.distilbert or contenders.distilbert_sized(options.hf_python, tokenizer, scratch)}
    if options.hf_model:
        folders[OWN] = options.hf_model
    else:
        print(f"left out: {OWN}: no --hf-model")
    entries = []
    for name, folder in folders.items():
        for batch in (1, 32):
            run = partial(contenders.pipeline, model=folder, python=options.hf_python, batch=batch)
            part = enough(texts, options.seconds, run)
            row = Measured(name, f"batch {batch}, two threads", len(part))
            judged = folder is not scratch
            entries.append(Contender(row, part, run, 2, (pipeline_operations(folder, part),), judged))
    return entries


def engines(options: argparse.Namespace, texts: Texts, bundle: Bundle) -> list[Contender]:
    """Word lists and our engines in every mode; prints which are left out, and why."""
    entries = []
    for name in (*WORD_LISTS, *options.engines):
        try:
            contenders.ready_engine(name, options.bundle, 1)
        except (ImportError, ReviewLensError) as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "vaderSentiment"
            print(f"left out: {name}: {'not installed' if missing else error}")
            continue
        counted = graphs(bundle, name)
        for how, (processes, threads) in MODES.items():
            if name in WORD_LISTS and how == TWO_THREADS:
                continue
            run = partial(contenders.in_processes, name, options.bundle, processes=processes, threads=threads)
            part = enough(texts, options.seconds, run)
            operations = tuple(
                work.operations(len(ids) for ids in encoder.encode(part.texts)[0]) for work, encoder in counted
            )
            entries.append(Contender(Measured(name, how, len(part)), part, run, processes * threads, operations))
    return entries


def spent(contender: Contender, run: Run) -> float:
    """Operations of a run; for a cascade, those of each graph for the share of texts that reached it.

    Which texts these were is unknown: they count with the mean length.
    """
    if not run.answered:
        return contender.operations[-1]
    last = run.answered["last"]
    reached = (last + run.answered.get("small", 0), last)[-len(contender.operations) :]
    return sum(
        all_texts * share / len(contender.texts) for all_texts, share in zip(contender.operations, reached, strict=True)
    )


def note(contender: Contender, run: Run, peaks: dict[int, Peak]) -> None:
    """Add a round to the contender's row."""
    row = contender.row
    row.rates.append(len(contender.texts) / run.seconds)
    if contender.operations:
        row.shares.append(spent(contender, run) / run.seconds / 1e9 / peaks[contender.threads].gops)
    if run.answered:
        row.note = ", ".join(f"{stage} {count / row.texts:.0%}" for stage, count in run.answered.items())
    if contender.judged:
        row.accuracy = contender.texts.accuracy(run.positive)
    print(f"  {row.name}, {row.how}: {row.rates[-1]:,.1f} reviews/s on {row.texts:,} texts", flush=True)


def single(engine: str, bundle: Path | None, texts: Texts) -> float:
    """Median milliseconds for one text with two threads, loaded and warm."""
    scorer = load_scorer(engine, bundle, threads=2)
    scorer.predict(texts.texts[:64])
    milliseconds = []
    for text in texts.like(300).texts:
        started = time.perf_counter()
        scorer.predict([text])
        milliseconds.append(1000 * (time.perf_counter() - started))
    return statistics.median(milliseconds)


def spark_rows(options: argparse.Namespace, texts: Texts, rows: dict[str, Measured]) -> JobRun:
    """Run the whole job once and add it to its three rows."""
    run = contenders.spark_job(texts, 2, options.bundle, options.spark_engine)
    for name, seconds in (
        ("Spark job, inference", run.infer_seconds),
        ("Spark job, all stages", run.stage_seconds),
        ("Spark job, start to end", run.seconds),
    ):
        row = rows.setdefault(name, Measured(name, TWO_PROCESSES, len(texts), note=run.engine))
        row.rates.append(len(texts) / seconds)
        row.accuracy = texts.accuracy(run.positive)
        print(f"  {name}: {row.rates[-1]:,.1f} reviews/s", flush=True)
    return run


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hf-model", type=Path, help="the same model as a Hugging Face folder")
    parser.add_argument("--distilbert", type=Path, help="a DistilBERT-sized classifier; default: random weights")
    parser.add_argument("--hf-python", default=sys.executable, help="a Python with torch and transformers")
    parser.add_argument("--bundle", type=Path, help="model.tar.gz or its folder; default: the shipped model")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--data", type=Path, help="CSV or Parquet file with text (and label); default: generated texts")
    parser.add_argument("--split", default="", help="only rows with this value in the split column, for example test")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=30, help="approximate time of each contender in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-spark", action="store_true")
    parser.add_argument("--spark-engine", default="", help="engine of the Spark job; default: the product's default")
    parser.add_argument("--startup-minutes", type=float, default=3, help="of a Fargate task, for the cost")
    parser.add_argument("--markdown", type=Path, help="page to write the tables into, between its scoring marks")
    return parser.parse_args()


def main() -> int:
    """Measure and print; exit code 1 if a threshold is missed."""
    options = arguments()
    texts = read_texts(options.data, options.rows, options.split) if options.data else made_texts(options.rows)
    bundle = open_bundle(options.bundle)
    words = [len(text.split()) for text in texts.texts]
    head = (
        f"{len(texts):,} texts{f' of {options.data.name}' if options.data else ', generated'}, "
        f"{statistics.median(words):.0f} words in the median, {statistics.mean(words):.0f} in the mean; "
        f"model {bundle.version}; {report.machine()}"
    )
    print(head)
    spark: dict[str, Measured] = {}
    spark_engine = ""
    peaks_seen: dict[int, list[Peak]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="reviewlens-benchmark-") as scratch:
        timed = [*pipelines(options, texts, Path(scratch), bundle), *engines(options, texts, bundle)]
        # Round by round, so that a change of the machine's load affects all.
        for turn in range(options.rounds):
            print(f"round {turn + 1} of {options.rounds}", flush=True)
            peaks = {threads: int8_peak(threads) for threads in peaks_seen}
            for threads, peak in peaks.items():
                peaks_seen[threads].append(peak)
            for contender in timed:
                note(contender, contender.run(contender.texts), peaks)
            if not options.without_spark:
                spark_engine = spark_rows(options, texts, spark).engine
    rows = [*(contender.row for contender in timed), *spark.values()]
    reference = next((row for row in rows if row.name == DISTILBERT), None)
    # MiniLM is the small graph of a cascade.
    minilm = next((name for name in ("openvino-small", "openvino") if any(row.name == name for row in rows)), "")
    bars = judgement.bars(rows, minilm, spark_engine)
    peak_line = "; ".join(
        f"{threads} thread{'s' if threads > 1 else ''} {statistics.median(peak.gops for peak in seen):,.0f} GOP/s "
        f"in {seen[0].precision}"
        for threads, seen in peaks_seen.items()
    )
    lines = [f"Measured peak of int8 matrix products: {peak_line}."]
    lines += [
        f"One text, two threads: {single(name, options.bundle, texts):.1f} ms in the median ({name})."
        for name in dict.fromkeys(row.name for row in rows if row.name in ENGINES[:2])
    ]
    cells = report.rows(rows, reference)
    bills = judgement.costs(rows, texts, cost.Task(startup_minutes=options.startup_minutes))
    print(f"\nmedians of {options.rounds} rounds; times: of {DISTILBERT}, batch 1")
    print(report.as_text(report.HEADER, cells))
    print("\n".join(["", *lines, "", *(bar.line() for bar in bars), "", *bills]))
    if options.markdown:
        text = [head + ".", "", report.as_markdown(report.HEADER, cells), "", *(f"- {line}" for line in lines), ""]
        text += ["Ratios, each the median of the rounds' ratios:", "", *(f"- {bar.line()}" for bar in bars), ""]
        text += ["Cost of a million reviews:", "", *(f"- {line}" for line in bills)]
        report.put_section(options.markdown, "scoring", "\n".join(text))
    return 0 if all(bar.met for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
