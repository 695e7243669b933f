"""The default engine: a static int8 graph on OpenVINO's CPU plugin, checked against known answers when it starts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from reviewlens.errors import ConfigurationError
from reviewlens.model.bundle import Bundle
from reviewlens.model.encoder import TextEncoder, calibrated, score_margins
from reviewlens.model.interface import Thresholds

log = logging.getLogger(__name__)

# Processors round differently in the last place, and one step of an int8 scale may follow: a little is normal.
# Saturating
# int8 arithmetic (seen on processors without VNNI) moves scores by far more.
KNOWN_ANSWER_MEAN_GAP = 0.02
KNOWN_ANSWER_WORST_GAP = 0.15


class OpenVinoGraph:
    """A compiled graph; `full_precision` keeps the int8 weights and leaves the activations in float32."""

    def __init__(self, model_xml: Path, threads: int, *, full_precision: bool = False) -> None:
        core = ov.Core()
        model = core.read_model(model_xml)
        if full_precision:
            strip_activation_quantisation(model)
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": str(threads),
            "NUM_STREAMS": "1",
            # Pinned threads of several workers land on the same cores: two workers then run at half speed.
            "ENABLE_CPU_PINNING": "NO",
            # bf16 would be chosen by itself on some processors; scores would then depend on the machine.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._request = core.compile_model(model, "CPU", config).create_infer_request()

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (rows, 2) for ids and mask of shape (rows, width)."""
        self._request.infer({"input_ids": ids, "attention_mask": mask})
        return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)


class OpenVinoEngine:
    """Scores with the bundle's graph; a text over the model's window is scored in overlapping windows."""

    name = "openvino"

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self._bundle = bundle
        self._threads = threads
        self._encoder = TextEncoder(bundle.dir / "tokenizer.json", bundle.metadata.max_length)
        self.thresholds = Thresholds(needs_review=bundle.metadata.needs_review)
        self._graph = OpenVinoGraph(bundle.dir / "model.xml", threads)
        self.fell_back = False
        if not self._answers_as_known():
            log.warning(
                "int8 arithmetic gives wrong answers on this processor; scoring with full-precision activations, "
                "which is slower"
            )
            self._graph = OpenVinoGraph(bundle.dir / "model.xml", threads, full_precision=True)
            self.fell_back = True
            if not self._answers_as_known():
                raise ConfigurationError(
                    "The model does not give its known answers on this machine, in int8 or in full precision; "
                    "choose another engine or another bundle.",
                    code="model-misbehaves",
                )

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Calibrated probability of positive for each cleaned text."""
        if not texts:
            return np.zeros(0, dtype=np.float64)
        return calibrated(score_margins(texts, self._encoder, self._graph), self._bundle.metadata.temperature)

    def describe(self) -> dict[str, object]:
        """Engine, version, SHA-256, precision and whether int8 had to be given up."""
        return {
            "engine": self.name,
            "model_version": self._bundle.version,
            "model_sha256": self._bundle.sha256,
            "base_model": self._bundle.metadata.base_model,
            "precision": "int8 weights, float32 activations" if self.fell_back else self._bundle.metadata.precision,
            "full_precision_fallback": self.fell_back,
            "cleaning_version": self._bundle.metadata.cleaning_version,
            "needs_review_below": self.thresholds.needs_review,
            "max_tokens": self._bundle.metadata.max_length,
            "threads": self._threads,
        }

    def _answers_as_known(self) -> bool:
        known = self._bundle.metadata.known_answers
        gaps = np.abs(self.score([answer.text for answer in known]) - [answer.score for answer in known])
        return bool(gaps.mean() <= KNOWN_ANSWER_MEAN_GAP and gaps.max() <= KNOWN_ANSWER_WORST_GAP) if known else True


def strip_activation_quantisation(model: Any) -> int:
    """Take the quantisation of activations out of a graph in place, weights left as they are; returns how many were
    taken."""
    taken = 0
    for operation in model.get_ops():
        if operation.get_type_name() == "FakeQuantize":
            source = operation.input_value(0)
            if source.get_node().get_type_name() == "Constant":
                continue
            for target in operation.output(0).get_target_inputs():
                target.replace_source_output(source)
            taken += 1
    model.validate_nodes_and_infer_types()
    return taken
