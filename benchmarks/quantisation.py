"""Accuracy and speed of a model in every precision and quantisation, and with shorter windows.

    python benchmarks/quantisation.py FOLDER --corpus CORPUS.parquet --tests TEST.csv ... [--windows 64 96 128 192 256]

FOLDER: a trained Hugging Face classifier. The corpus has the calibration texts (training split), the texts for accuracy
control (validation split) and the in-domain test split; `--tests` adds labelled files. It needs the training extra, and
onnx and onnxruntime for the onnx variants. Rows are sorted by speed; * marks the frontier: no other is both faster and
at least as accurate. Run it on an idle machine. Exit code 1 if a variant could not be made.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import report  # noqa: E402
from benchmarks.texts import Texts, read_texts  # noqa: E402
from benchmarks.variants import REFERENCE, VARIANTS, Variant, VariantMaker  # noqa: E402
from reviewlens.model.batching import padded_length  # noqa: E402
from reviewlens.model.encoder import TextEncoder, score_margins  # noqa: E402
from reviewlens.training.corpus import read_corpus  # noqa: E402

IN_DOMAIN = "test split"


@dataclass
class Row:
    """One variant; `margins`: by test set; `agreement`: share of labels equal to the reference's, over all sets."""

    name: str
    what: str
    accuracy: dict[str, float] = field(default_factory=dict)
    margins: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)
    agreement: float = 1.0
    mean_gap: float = 0.0
    extra: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Texts a second, the median of the rounds."""
        return statistics.median(self.rates)

    @property
    def mean_accuracy(self) -> float:
        """Mean accuracy over the sets."""
        return statistics.mean(self.accuracy.values())


class HeadOnly(TextEncoder):
    """An encoder that reads only the first window of a text."""

    def pieces(self, tokens: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[int]]:
        """The first window of every text."""
        pieces, owner = super().pieces(tokens)
        first: dict[int, list[int]] = {}
        for ids, index in zip(pieces, owner, strict=True):
            first.setdefault(index, ids)
        return list(first.values()), list(first)


def frontier(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether each (speed, accuracy) point is on the frontier: no other is as good in both and better in one."""
    return [
        not any(other[0] >= point[0] and other[1] >= point[1] and other != point for other in points)
        for point in points
    ]


def splits(path: Path, calibration: int, control: int, limit: int) -> tuple[list[str], Texts, Texts]:
    """Calibration texts of the training split, validation texts and test texts, the latter two with labels.

    A `split` column (train, validation, test) is taken as it is; without one the corpus is split as for training.
    """
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=10_000)
    if "split" not in frame.columns:
        frame = read_corpus(path).frame
    frame = frame.filter(pl.col("label").is_not_null())
    drawn = {}
    for name, count in (("train", calibration), ("validation", control), ("test", limit)):
        part = frame.filter(pl.col("split") == name)
        drawn[name] = part.sample(min(count, len(part)), shuffle=True, seed=13)
    train, validation, test = (drawn[name] for name in ("train", "validation", "test"))
    return train["text"].to_list(), _texts(validation), _texts(test)


def _texts(frame: pl.DataFrame) -> Texts:
    return Texts(tuple(frame["text"]), tuple(int(label) for label in frame["label"]))


def judge(row: Row, variant: Variant, encoder: TextEncoder, sets: dict[str, Texts]) -> None:
    """Score every set, and fill in margins and accuracy."""
    for name, texts in sets.items():
        margins = score_margins(texts.texts, encoder, variant.graph)
        row.margins[name] = margins
        row.accuracy[name] = texts.accuracy([bool(margin >= 0) for margin in margins]) or 0.0


def compare(rows: Sequence[Row], reference: Row) -> None:
    """Fill in each row's difference from the reference."""
    exact = np.concatenate(list(reference.margins.values()))
    for row in rows:
        own = np.concatenate(list(row.margins.values()))
        row.agreement = float(np.mean((own >= 0) == (exact >= 0)))
        row.mean_gap = float(np.mean(np.abs(np.tanh(own / 2) - np.tanh(exact / 2)))) / 2


def time_rounds(timed_variants: Sequence[tuple[Row, Variant, TextEncoder]], texts: Texts, rounds: int) -> None:
    """Time all variants on the same texts, round by round."""
    for _, variant, encoder in timed_variants:
        score_margins(texts.like(32).texts, encoder, variant.graph)
    for _ in range(rounds):
        for row, variant, encoder in timed_variants:
            started = time.perf_counter()
            score_margins(texts.texts, encoder, variant.graph)
            row.rates.append(len(texts) / (time.perf_counter() - started))


def table(rows: Sequence[Row], extra: Sequence[str]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Header and cells, fastest first; * before a name on the frontier."""
    ordered = sorted(rows, key=lambda row: -row.rate)
    marks = frontier([(row.rate, row.mean_accuracy) for row in ordered])
    sets = list(ordered[0].accuracy)
    header = ["", "what", "texts/s", *extra, *sets, "mean accuracy", "same label", "mean gap"]
    cells = [
        (
            ("* " if mark else "") + row.name,
            row.what,
            f"{row.rate:,.1f}",
            *row.extra,
            *(f"{100 * row.accuracy[name]:.2f} %" for name in sets),
            f"{100 * row.mean_accuracy:.2f} %",
            f"{100 * row.agreement:.2f} %",
            f"{row.mean_gap:.4f}",
        )
        for row, mark in zip(ordered, marks, strict=True)
    ]
    return header, cells


def windows(
    variant: Variant, tokenizer: Path, lengths: Sequence[int], sets: dict[str, Texts], timed: Texts, rounds: int
) -> list[Row]:
    """One variant with windows of these lengths: long texts in overlapping windows, by their ends, and truncated."""
    timed_variants: list[tuple[Row, Variant, TextEncoder]] = []
    for length in lengths:
        ways = {
            "all of a text, in windows": TextEncoder(tokenizer, length),
            "its beginning and end, in one": TextEncoder(tokenizer, length, "ends"),
            "its beginning only": HeadOnly(tokenizer, length),
        }
        for what, encoder in ways.items():
            row = Row(f"{length} tokens", what)
            judge(row, variant, encoder, sets)
            pieces, _ = encoder.encode(timed.texts)
            real = sum(map(len, pieces)) / len(timed)
            padded = sum(padded_length(len(ids)) for ids in pieces) / len(timed)
            row.extra = (f"{real:.1f}", f"{padded:.1f}")
            timed_variants.append((row, variant, encoder))
            print(f"  {row.name}, {what}: {100 * row.mean_accuracy:.2f} %", flush=True)
    rows = [row for row, _, _ in timed_variants]
    longest = max(lengths)
    compare(rows, next(row for row in rows if row.name == f"{longest} tokens"))
    time_rounds(timed_variants, timed, rounds)
    return rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="trained Hugging Face folder")
    parser.add_argument("--corpus", type=Path, required=True, help="CSV or Parquet with text, label and maybe split")
    parser.add_argument("--tests", type=Path, nargs="*", default=[], help="further labelled CSV or Parquet files")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--windows", type=int, nargs="*", default=[], help="compare these windows, in tokens")
    parser.add_argument("--windows-of", default="int8", choices=list(VARIANTS), help="variant whose windows they are")
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--calibration", type=int, default=300, help="training texts that set the scales")
    parser.add_argument("--control", type=int, default=1000, help="validation texts for accuracy control")
    parser.add_argument("--max-drop", type=float, default=0.001, help="accuracy that accuracy control may lose")
    parser.add_argument("--limit", type=int, default=5000, help="most texts of a set")
    parser.add_argument("--timed", type=int, default=1000, help="texts that are timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--markdown", type=Path, help="write the tables into this page, between its quantisation marks")
    options = parser.parse_args()
    from reviewlens.release.export import AccuracyControl

    calibration, validation, test = splits(options.corpus, options.calibration, options.control, options.limit)
    sets = {
        IN_DOMAIN: test,
        **{path.stem.removeprefix("test_"): read_texts(path, options.limit) for path in options.tests},
    }
    timed = test.like(options.timed)
    tokenizer = options.model / "tokenizer.json"
    encoder = TextEncoder(tokenizer, options.max_length, "ends")
    wanted = list(dict.fromkeys([REFERENCE, *options.variants, *([options.windows_of] if options.windows else [])]))
    head = (
        f"{', '.join(f'{name} {len(texts):,} texts' for name, texts in sets.items())}; timed on {len(timed):,} of the "
        f"test split, {options.threads} threads, windows of {options.max_length} tokens; {report.machine()}"
    )
    print(head)
    with tempfile.TemporaryDirectory(prefix="reviewlens-quantisation-") as scratch:
        control = AccuracyControl(validation.texts, validation.labels or (), options.max_drop)
        maker = VariantMaker(options.model, encoder, calibration, control, Path(scratch), options.threads)
        timed_variants: list[tuple[Row, Variant, TextEncoder]] = []
        failed = False
        for name in wanted:
            try:
                variant = maker.make(name)
            except Exception as error:  # noqa: BLE001 - one tool's failure should not cost the others' hours
                print(f"left out: {name}: {type(error).__name__}: {error}", flush=True)
                failed |= not isinstance(error, ImportError)
                continue
            row = Row(name, VARIANTS[name], extra=(f"{variant.size / 1e6:.1f}",))
            judge(row, variant, encoder, sets)
            timed_variants.append((row, variant, encoder))
            print(f"  {name}: made in {variant.made_in:.0f} s, {100 * row.mean_accuracy:.2f} %", flush=True)
        if not timed_variants or timed_variants[0][0].name != REFERENCE:
            print(f"{REFERENCE} could not be made, so there is nothing to compare with.", flush=True)
            return 1
        compare([row for row, _, _ in timed_variants], timed_variants[0][0])
        time_rounds(timed_variants, timed, options.rounds)
        header, cells = table([row for row, _, _ in timed_variants], ["MB"])
        parts = [head + ".", "", report.as_markdown(header, cells)]
        print("\n" + report.as_text(header, cells))
        if options.windows:
            chosen = next(variant for _, variant, _ in timed_variants if variant.name == options.windows_of)
            rows = windows(chosen, tokenizer, sorted(options.windows), sets, timed, options.rounds)
            header, cells = table(rows, ["tokens", "padded"])
            print(f"\nwindows, {options.windows_of}\n" + report.as_text(header, cells))
            parts += ["", f"Windows, {options.windows_of}:", "", report.as_markdown(header, cells)]
    if options.markdown:
        report.put_section(options.markdown, "quantisation", "\n".join(parts))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
