"""One graph of a bundle with its tokenizer and temperature, checked against its known answers when it is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reviewlens.errors import ConfigurationError
from reviewlens.model.bundle import Bundle, KnownAnswer
from reviewlens.model.encoder import LongTexts, TextEncoder, calibrated, token_margins
from reviewlens.model.engines.openvino_graph import Arithmetic, OpenVinoGraph

log = logging.getLogger(__name__)

# Processors differ in rounding, which may change an int8 value by one step: small differences are normal. int8 products
# that saturate can move scores further (on processors without VNNI; docs/MODEL_CARD.md has figures).
KNOWN_ANSWER_MEAN_GAP = 0.02
KNOWN_ANSWER_WORST_GAP = 0.15


@dataclass(frozen=True)
class GraphFiles:
    """A graph's files, how it reads texts, and its known answers."""

    xml: Path
    tokenizer: Path
    max_length: int
    long_texts: LongTexts
    temperature: float
    known_answers: tuple[KnownAnswer, ...]


def own_graph(bundle: Bundle) -> GraphFiles:
    """The bundle's own graph: the last stage of its cascade, if it has one."""
    facts = bundle.metadata
    return GraphFiles(
        bundle.dir / "model.xml",
        bundle.dir / "tokenizer.json",
        facts.max_length,
        facts.long_texts,
        facts.temperature,
        facts.known_answers,
    )


def small_graph(bundle: Bundle) -> GraphFiles:
    """The bundle's small graph; ConfigurationError (code `no-small-model`) without one."""
    stage = bundle.metadata.stage("small")
    if stage is None:
        raise ConfigurationError(
            "This bundle has no small model; choose openvino, or another bundle.", code="no-small-model"
        )
    return GraphFiles(
        bundle.dir / "small.xml",
        bundle.dir / "small.tokenizer.json",
        bundle.metadata.max_length,
        bundle.metadata.long_texts,
        stage.temperature,
        stage.known_answers,
    )


OnScores = Callable[[NDArray[np.int64], NDArray[np.float64]], object]
"""Called after each batch with the indices of the texts that are scored since the last call, and their scores."""


class GraphScorer:
    """Calibrated scores of one graph; if int8 misses the known answers, activations stay in full precision.

    Raises ConfigurationError (code `model-misbehaves`) if that misses them as well.
    """

    def __init__(self, files: GraphFiles, threads: int, arithmetic: Arithmetic = "int8") -> None:
        self.encoder = TextEncoder(files.tokenizer, files.max_length, files.long_texts)
        self._temperature = files.temperature
        self._graph = OpenVinoGraph(files.xml, threads, arithmetic=arithmetic)
        self.fell_back = False
        if self._answers_as(files.known_answers):
            return
        if arithmetic == "int8":
            log.warning(
                "int8 arithmetic is wrong on this processor; scoring with full-precision activations, which is slower"
            )
            self._graph = OpenVinoGraph(files.xml, threads, arithmetic="fp32")
            self.fell_back = True
            if self._answers_as(files.known_answers):
                return
        raise ConfigurationError(
            "The model does not give its known answers on this machine, in int8 or in full precision; "
            "choose another engine or another bundle.",
            code="model-misbehaves",
        )

    def scores(self, tokens: Sequence[Sequence[int]], on_scores: OnScores | None = None) -> NDArray[np.float64]:
        """Calibrated probability of positive for this graph's token ids without special tokens, (len(tokens),)."""

        def on_margins(texts: NDArray[np.int64], margins: NDArray[np.float64]) -> None:
            if on_scores is not None:
                on_scores(texts, calibrated(margins, self._temperature))

        margins = token_margins(tokens, self.encoder, self._graph, None if on_scores is None else on_margins)
        return calibrated(margins, self._temperature)

    def _answers_as(self, known: Sequence[KnownAnswer]) -> bool:
        return answers_as(known, self.scores(self.encoder.tokens([answer.text for answer in known])))


def answers_as(known: Sequence[KnownAnswer], scores: NDArray[np.float64]) -> bool:
    """Whether scores are close enough to the known ones; True without known answers."""
    if not known:
        return True
    gaps = np.abs(scores - [answer.score for answer in known])
    return bool(gaps.mean() <= KNOWN_ANSWER_MEAN_GAP and gaps.max() <= KNOWN_ANSWER_WORST_GAP)
