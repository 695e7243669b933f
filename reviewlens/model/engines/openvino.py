"""Engines of one graph on OpenVINO's CPU plugin: the bundle's own in int8, bf16 or float32, or its small one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reviewlens.model.bundle import Bundle, open_bundle
from reviewlens.model.engines.openvino_graph import Arithmetic, OpenVinoGraph
from reviewlens.model.explain import BUDGET
from reviewlens.model.graph_scorer import GraphScorer, own_graph, small_graph
from reviewlens.model.interface import OnScored, Thresholds

__all__ = ["OpenVinoEngine", "OpenVinoGraph"]

_ARITHMETIC: dict[str, Arithmetic] = {"openvino-bf16": "bf16", "openvino-fp32": "fp32"}
_PRECISION: dict[Arithmetic, str] = {
    "bf16": "int8 weights, bfloat16 activations",
    "fp32": "int8 weights, float32 activations",
}


class OpenVinoEngine:
    """Scores with one graph; `long_texts` of the bundle decides how a text over the model's window is read.

    `name`: openvino, openvino-bf16 or openvino-fp32 for the bundle's own graph, openvino-small for its small one.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, name: str = "openvino") -> None:
        self.name = name
        self._bundle = bundle
        self._threads = threads
        self._arithmetic: Arithmetic = _ARITHMETIC.get(name, "int8")
        self.thresholds = Thresholds(needs_review=bundle.metadata.needs_review, mixed=bundle.metadata.mixed)
        files = small_graph(bundle) if name == "openvino-small" else own_graph(bundle)
        self._weights = files.xml.with_suffix(".bin").stat().st_size
        self._scorer = GraphScorer(files, threads, self._arithmetic)

    @classmethod
    def open(cls, name: str, model: Path | None, threads: int, cache_dir: Path | None) -> OpenVinoEngine:
        """See `loading.load_engine`."""
        return cls(open_bundle(model, cache_dir), threads, name)

    @property
    def fell_back(self) -> bool:
        """Whether int8 is wrong on this processor, so that activations stay in full precision."""
        return self._scorer.fell_back

    @property
    def explanation_budget(self) -> int:
        """Tokens that may be scored to explain one text: a small graph reads about three times as many in a second."""
        return BUDGET if self._weights > 40_000_000 else 4_000

    def score(self, texts: Sequence[str], on_scored: OnScored | None = None) -> NDArray[np.float64]:
        """Calibrated probability of positive for each cleaned text."""
        tokens = self._scorer.encoder.tokens(texts)
        return self._scorer.scores(tokens, None if on_scored is None else lambda done, _: on_scored(len(done)))

    def describe(self) -> dict[str, object]:
        """Engine, version, SHA-256, precision, and whether it fell back to full precision."""
        used: Arithmetic = "fp32" if self.fell_back else self._arithmetic
        return {
            **described(self._bundle, self._threads),
            "engine": self.name,
            "precision": _PRECISION.get(used, self._bundle.metadata.precision),
            "full_precision_fallback": self.fell_back,
        }


def described(bundle: Bundle, threads: int) -> dict[str, object]:
    """The facts about a bundle in every engine's `describe`."""
    facts = bundle.metadata
    return {
        "model_version": bundle.version,
        "model_sha256": bundle.sha256,
        "base_model": facts.base_model,
        "languages": list(facts.languages),
        "cleaning_version": facts.cleaning_version,
        "needs_review_below": facts.needs_review,
        "mixed_band": list(facts.mixed) if facts.mixed else None,
        "max_tokens": facts.max_length,
        "long_texts": facts.long_texts,
        "threads": threads,
    }
