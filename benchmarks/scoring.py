"""Reviews a second, accuracy and share of the int8 peak: transformers.pipeline, word lists, our engines, the Spark job.

    python benchmarks/scoring.py --hf-model FOLDER --hf-python PYTHON --data LABELLED.csv [--markdown PAGE]

One run, the same texts, round by round, medians. Run it on an idle machine. `--hf-model`: the Hugging Face folder of
the model (training leaves one); without it that pipeline is left out. `--hf-python`: a Python that has torch and
transformers, where this one has not; without either the pipelines are left out, and the bars with them. A slow
contender is timed on fewer texts with the same spread of lengths (`--seconds`). Exit code 1 when a bar is not met.
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
"""Fewest texts that anything is timed on, where there are so many."""


@dataclass(frozen=True)
class Contender:
    """`operations`: what each graph that it has would spend on all of these texts, dearest last; `threads`: of the peak
    that it is held against; `judged`: whether its verdicts mean anything."""

    row: Measured
    texts: Texts
    run: Callable[[Texts], Run]
    threads: int = 2
    operations: tuple[int, ...] = ()
    judged: bool = True


def graphs(bundle: Bundle, engine: str) -> list[tuple[Work, TextEncoder]]:
    """What each graph of an engine spends, and how it cuts texts into tokens, dearest last; none for a word list."""
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
    """For whole texts, each cut as the pipeline cuts it."""
    pieces, _ = TextEncoder(folder / "tokenizer.json", 1 << 30).encode(texts.texts)
    return work_of_config(folder).operations(min(len(ids), contenders.PIPELINE_TOKENS) for ids in pieces)


def enough(texts: Texts, seconds: float, run: Callable[[Texts], Run]) -> Texts:
    """As many texts as a contender gets through in about so many seconds, LEAST at least."""
    if len(texts) <= LEAST:
        return texts
    few = texts.like(64)
    return texts.like(max(LEAST, int(seconds * len(few) / run(few).seconds)))


def pipelines(given: argparse.Namespace, texts: Texts, scratch: Path, bundle: Bundle) -> list[Contender]:
    """Of both models, one by one and in batches of 32; none where transformers is not at hand."""
    if subprocess.run([given.hf_python, "-c", "import torch, transformers"], capture_output=True).returncode != 0:
        print(f"left out: transformers.pipeline: {given.hf_python} has no torch and transformers (--hf-python)")
        return []
    tokenizer = (given.hf_model or bundle.dir) / "tokenizer.json"
    folders = {DISTILBERT: given.distilbert or contenders.distilbert_sized(given.hf_python, tokenizer, scratch)}
    if given.hf_model:
        folders[OWN] = given.hf_model
    else:
        print(f"left out: {OWN}: no --hf-model")
    found = []
    for name, folder in folders.items():
        for batch in (1, 32):
            run = partial(contenders.pipeline, model=folder, python=given.hf_python, batch=batch)
            part = enough(texts, given.seconds, run)
            row = Measured(name, f"batch {batch}, two threads", len(part))
            judged = folder is not scratch
            found.append(Contender(row, part, run, 2, (pipeline_operations(folder, part),), judged))
    return found


def engines(given: argparse.Namespace, texts: Texts, bundle: Bundle) -> list[Contender]:
    """Word lists and our engines in every mode; says which are left out, and why."""
    found = []
    for name in (*WORD_LISTS, *given.engines):
        try:
            contenders.ready_engine(name, given.bundle, 1)
        except (ImportError, ReviewLensError) as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "vaderSentiment"
            print(f"left out: {name}: {'not installed' if missing else error}")
            continue
        counted = graphs(bundle, name)
        for how, (processes, threads) in MODES.items():
            if name in WORD_LISTS and how == TWO_THREADS:
                continue
            run = partial(contenders.in_processes, name, given.bundle, processes=processes, threads=threads)
            part = enough(texts, given.seconds, run)
            operations = tuple(
                work.operations(len(ids) for ids in encoder.encode(part.texts)[0]) for work, encoder in counted
            )
            found.append(Contender(Measured(name, how, len(part)), part, run, processes * threads, operations))
    return found


def spent(contender: Contender, run: Run) -> float:
    """Operations of a run. Of a cascade those of the graphs for the share of texts that came to each: it is not known
    which texts these were, so they count as long as the others."""
    if not run.answered:
        return contender.operations[-1]
    last = run.answered["last"]
    reached = (last + run.answered.get("small", 0), last)[-len(contender.operations) :]
    return sum(
        all_texts * share / len(contender.texts) for all_texts, share in zip(contender.operations, reached, strict=True)
    )


def note(contender: Contender, run: Run, peaks: dict[int, Peak]) -> None:
    """Add a round."""
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
    """Median milliseconds for one text, two threads, loaded and warm."""
    scorer = load_scorer(engine, bundle, threads=2)
    scorer.predict(texts.texts[:64])
    taken = []
    for text in texts.like(300).texts:
        started = time.perf_counter()
        scorer.predict([text])
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


def spark_rows(given: argparse.Namespace, texts: Texts, rows: dict[str, Measured]) -> JobRun:
    """One run of the whole job, added to its three rows."""
    run = contenders.spark_job(texts, 2, given.bundle, given.spark_engine)
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
    parser.add_argument("--bundle", type=Path, help="model.tar.gz or its folder; default: the model that ships")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--data", type=Path, help="CSV or Parquet with text (and label); default: made texts")
    parser.add_argument("--split", default="", help="only rows whose split column says so, for example test")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=30, help="about how long to time each contender in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-spark", action="store_true")
    parser.add_argument("--spark-engine", default="", help="engine of the Spark job; default: the product's default")
    parser.add_argument("--startup-minutes", type=float, default=3, help="of a Fargate task, for the cost")
    parser.add_argument("--markdown", type=Path, help="write the tables into this page, between its scoring marks")
    return parser.parse_args()


def main() -> int:
    """Measure and print; exit 1 when a bar is missed."""
    given = arguments()
    texts = read_texts(given.data, given.rows, given.split) if given.data else made_texts(given.rows)
    bundle = open_bundle(given.bundle)
    words = [len(text.split()) for text in texts.texts]
    head = (
        f"{len(texts):,} texts{f' of {given.data.name}' if given.data else ', made'}, {statistics.median(words):.0f} "
        f"words in the median, {statistics.mean(words):.0f} in the mean; model {bundle.version}; {report.machine()}"
    )
    print(head)
    spark: dict[str, Measured] = {}
    spark_engine = ""
    peaks_seen: dict[int, list[Peak]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="reviewlens-benchmark-") as scratch:
        entered = [*pipelines(given, texts, Path(scratch), bundle), *engines(given, texts, bundle)]
        # Round by round, so that a machine that gets busier or hotter does so for everyone.
        for turn in range(given.rounds):
            print(f"round {turn + 1} of {given.rounds}", flush=True)
            peaks = {threads: int8_peak(threads) for threads in peaks_seen}
            for threads, peak in peaks.items():
                peaks_seen[threads].append(peak)
            for contender in entered:
                note(contender, contender.run(contender.texts), peaks)
            if not given.without_spark:
                spark_engine = spark_rows(given, texts, spark).engine
    rows = [*(contender.row for contender in entered), *spark.values()]
    reference = next((row for row in rows if row.name == DISTILBERT), None)
    # The graph that is MiniLM: the small one of a bundle of several.
    minilm = next((name for name in ("openvino-small", "openvino") if any(row.name == name for row in rows)), "")
    found = judgement.bars(rows, minilm, spark_engine)
    peak_line = "; ".join(
        f"{threads} thread{'s' if threads > 1 else ''} {statistics.median(peak.gops for peak in seen):,.0f} GOP/s "
        f"in {seen[0].precision}"
        for threads, seen in peaks_seen.items()
    )
    lines = [f"Measured peak of int8 matrix products: {peak_line}."]
    lines += [
        f"One text through the scorer, two threads: {single(name, given.bundle, texts):.1f} ms in the median ({name})."
        for name in dict.fromkeys(row.name for row in rows if row.name in ENGINES[:2])
    ]
    cells = report.rows(rows, reference)
    bills = judgement.costs(rows, texts, cost.Task(startup_minutes=given.startup_minutes))
    print(f"\nmedians of {given.rounds} rounds; times: of {DISTILBERT}, batch 1")
    print(report.as_text(report.HEADER, cells))
    print("\n".join(["", *lines, "", *(bar.line() for bar in found), "", *bills]))
    if given.markdown:
        text = [head + ".", "", report.as_markdown(report.HEADER, cells), "", *(f"- {line}" for line in lines), ""]
        text += ["Ratios, each the median of the rounds' ratios:", "", *(f"- {bar.line()}" for bar in found), ""]
        text += ["Cost of a million reviews:", "", *(f"- {line}" for line in bills)]
        report.put_section(given.markdown, "scoring", "\n".join(text))
    return 0 if all(bar.met for bar in found) else 1


if __name__ == "__main__":
    sys.exit(main())
