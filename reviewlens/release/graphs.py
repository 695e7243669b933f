"""The int8 and float32 graphs of a model to release, and their margins, cached in a work folder."""

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
    """How texts are read: `window` word pieces at once, special tokens included, and how longer texts are cut."""

    window: int = 256
    long_texts: LongTexts = "ends"

    def encoder(self, folder: Path) -> TextEncoder:
        """The encoder for the model in a folder."""
        return TextEncoder(folder / "tokenizer.json", self.window, self.long_texts)


@dataclass(frozen=True)
class ReleaseGraph:
    """A model's graphs, each a folder with a bundle's members; `float32` is None for a bundle's graph."""

    name: str
    int8: Path
    float32: Path | None
    work: Work
    threads: int
    key: str
    reading: Reading

    @cached_property
    def encoder(self) -> TextEncoder:
        """The model's encoder."""
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

        def make(part: list[str]) -> Floats:
            started = time.perf_counter()
            graph = self._int8_graph if kind == "int8" else self._float32_graph
            margins = score_margins(part, self.encoder, graph)
            log.info("%s %s: %.0f texts a second", self.name, kind, len(part) / (time.perf_counter() - started))
            return margins

        return self.work.by_text(
            ["margins", self.key, str(self.reading.window), self.reading.long_texts, kind], texts, make
        )

    def seconds_per_text(self, texts: Sequence[str]) -> float:
        """Seconds that int8 takes for one text on this machine, tokenising included."""
        timed = list(texts[:_TIMED_TEXTS])
        score_margins(timed[:8], self.encoder, self._int8_graph)
        started = time.perf_counter()
        score_margins(timed, self.encoder, self._int8_graph)
        return (time.perf_counter() - started) / len(timed)


def convert_and_quantise(
    trained: Path, sample: Sequence[str], work: Work, threads: int, reading: Reading | None = None
) -> ReleaseGraph:
    """Convert and quantise a trained model, unless the work folder has its graphs.

    `sample`: cleaned training texts to measure int8 scales on. Raises ConfigurationError (code `no-trained-model`) when
    the folder holds no trained model.
    """
    weights = trained / "model.safetensors"
    if not weights.is_file() or not (trained / "tokenizer.json").is_file():
        raise ConfigurationError(f"There is no trained model in {trained}.", code="no-trained-model")
    key = digest([sha256_file(weights), sha256_file(trained / "tokenizer.json"), str(_SCALES_WINDOW), digest(sample)])
    # Scales are measured on whole texts, in windows: they then hold for every way of reading.
    encoder = TextEncoder(trained / "tokenizer.json", _SCALES_WINDOW)

    def write_float32(into: Path) -> None:
        from reviewlens.release import export  # needs the training extra and loads slowly; unused when all is cached

        export.save_members(export.convert(trained), trained, into, halve=False)

    def write_int8(into: Path) -> None:
        from reviewlens.release import export

        export.save_members(export.quantise(export.convert(trained), encoder, sample), trained, into)
        log.info("%s quantised", trained)

    return ReleaseGraph(
        name=trained.name,
        int8=work.folder_of([key, "int8"], write_int8),
        float32=work.folder_of([key, "float32"], write_float32),
        work=work,
        threads=threads,
        key=key,
        reading=reading or Reading(),
    )


def graphs_from_bundle(
    bundle: Bundle, work: Work, threads: int, reading: Reading
) -> tuple[ReleaseGraph, ReleaseGraph | None]:
    """A bundle's last and small graph (None without one), unchanged."""

    def graph_of(files: GraphFiles, name: str) -> ReleaseGraph:
        weights = files.xml.with_suffix(".bin")
        key = digest([sha256_file(path) for path in (files.xml, weights, files.tokenizer)])

        def copy(into: Path) -> None:
            for path, member in ((files.xml, "model.xml"), (weights, "model.bin"), (files.tokenizer, "tokenizer.json")):
                shutil.copyfile(path, into / member)
            if (bundle.dir / "config.json").is_file():
                shutil.copyfile(bundle.dir / "config.json", into / "config.json")

        return ReleaseGraph(
            name=name,
            int8=work.folder_of([key, "taken"], copy),
            float32=None,
            work=work,
            threads=threads,
            key=key,
            reading=reading,
        )

    small = graph_of(small_graph(bundle), "small") if bundle.metadata.stage("small") else None
    return graph_of(own_graph(bundle), "last"), small
