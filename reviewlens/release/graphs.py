"""A trained model made ready to ship: its int8 and float32 graphs, and the margins they give, remembered."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reviewlens.errors import ConfigurationError
from reviewlens.model.archive import sha256_file
from reviewlens.model.bundle import Bundle
from reviewlens.model.encoder import LongTexts, TextEncoder, score_margins
from reviewlens.model.engines.openvino_graph import OpenVinoGraph
from reviewlens.model.graph_scorer import GraphFiles, own_graph, small_graph
from reviewlens.release.work import Work, digest

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Kind = Literal["int8", "float32"]

CALIBRATION_TEXTS = 300
_TIMED_TEXTS = 96
_SCALES_WINDOW = 256


@dataclass(frozen=True)
class Reading:
    """How texts are read: `window` word pieces at once, special ones counted in, and what of longer texts."""

    window: int = 256
    long_texts: LongTexts = "ends"

    def encoder(self, folder: Path) -> TextEncoder:
        """The tokenizer of the model in a folder, reading so."""
        return TextEncoder(folder / "tokenizer.json", self.window, self.long_texts)


@dataclass(frozen=True)
class ShippedGraph:
    """`int8` and `float32` (None where only a bundle is known): folders with a bundle's members."""

    name: str
    int8: Path
    float32: Path | None
    work: Work
    threads: int
    key: str
    reading: Reading

    @cached_property
    def encoder(self) -> TextEncoder:
        """The model's tokenizer with its window."""
        return self.reading.encoder(self.int8)

    @cached_property
    def _int8_graph(self) -> OpenVinoGraph:
        return OpenVinoGraph(self.int8 / "model.xml", self.threads)

    @cached_property
    def _float32_graph(self) -> OpenVinoGraph:
        assert self.float32 is not None
        return OpenVinoGraph(self.float32 / "model.xml", self.threads)

    def margins(self, texts: Sequence[str], kind: Kind = "int8") -> Floats:
        """Positive less negative logit of each cleaned text, not calibrated."""

        def make(some: list[str]) -> Floats:
            started = time.perf_counter()
            graph = self._int8_graph if kind == "int8" else self._float32_graph
            made = score_margins(some, self.encoder, graph)
            log.info("%s %s: %.0f texts a second", self.name, kind, len(some) / (time.perf_counter() - started))
            return made

        return self.work.by_text(
            ["margins", self.key, str(self.reading.window), self.reading.long_texts, kind], texts, make
        )

    def seconds_per_text(self, texts: Sequence[str]) -> float:
        """What scoring a text costs in int8 here and now, tokenising included."""
        some = list(texts[:_TIMED_TEXTS])
        score_margins(some[:8], self.encoder, self._int8_graph)
        started = time.perf_counter()
        score_margins(some, self.encoder, self._int8_graph)
        return (time.perf_counter() - started) / len(some)


def prepare(
    trained: Path, sample: Sequence[str], work: Work, threads: int, reading: Reading | None = None
) -> ShippedGraph:
    """Convert and quantise, unless that was done before. `sample`: cleaned training texts to measure int8 scales on.

    Raises ConfigurationError (code `no-trained-model`) where the folder holds no trained model.
    """
    weights = trained / "model.safetensors"
    if not weights.is_file() or not (trained / "tokenizer.json").is_file():
        raise ConfigurationError(f"There is no trained model in {trained}.", code="no-trained-model")
    key = digest([sha256_file(weights), sha256_file(trained / "tokenizer.json"), str(_SCALES_WINDOW), digest(sample)])
    # Scales are measured on all of a text, in windows: they hold for however it is read.
    encoder = TextEncoder(trained / "tokenizer.json", _SCALES_WINDOW)

    def exact(into: Path) -> None:
        from reviewlens.release import export  # a training extra, and slow to load: not needed where all is remembered

        export.save_members(export.convert(trained), trained, into, halve=False)

    def quantised(into: Path) -> None:
        from reviewlens.release import export

        export.save_members(export.quantise(export.convert(trained), encoder, sample), trained, into)
        log.info("%s quantised", trained)

    return ShippedGraph(
        name=trained.name,
        int8=work.folder_of([key, "int8"], quantised),
        float32=work.folder_of([key, "float32"], exact),
        work=work,
        threads=threads,
        key=key,
        reading=reading or Reading(),
    )


def of_bundle(bundle: Bundle, work: Work, threads: int, reading: Reading) -> tuple[ShippedGraph, ShippedGraph | None]:
    """The graphs that a bundle holds, the last and the small one, as they are: not converted or quantised again."""

    def taken(files: GraphFiles, name: str) -> ShippedGraph:
        weights = files.xml.with_suffix(".bin")
        key = digest([sha256_file(path) for path in (files.xml, weights, files.tokenizer)])

        def copied(into: Path) -> None:
            for path, member in ((files.xml, "model.xml"), (weights, "model.bin"), (files.tokenizer, "tokenizer.json")):
                shutil.copyfile(path, into / member)
            if (bundle.dir / "config.json").is_file():
                shutil.copyfile(bundle.dir / "config.json", into / "config.json")

        return ShippedGraph(
            name=name,
            int8=work.folder_of([key, "taken"], copied),
            float32=None,
            work=work,
            threads=threads,
            key=key,
            reading=reading,
        )

    small = taken(small_graph(bundle), "small") if bundle.metadata.stage("small") else None
    return taken(own_graph(bundle), "last"), small
