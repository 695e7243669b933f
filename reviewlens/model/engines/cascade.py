"""The cascade: a cheap stage answers the texts that it is sure of, the next and slower stages the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reviewlens.errors import ConfigurationError
from reviewlens.model.bundle import Bundle, CascadeStage, open_bundle
from reviewlens.model.encoder import TextEncoder, calibrated
from reviewlens.model.engines.openvino import described
from reviewlens.model.explain import BUDGET
from reviewlens.model.graph_scorer import GraphScorer, OnScores, answers_as, own_graph, small_graph
from reviewlens.model.interface import Engine, OnScored, Thresholds
from reviewlens.model.ngrams import NgramModel
from reviewlens.model.token_translation import Translation

Floats = NDArray[np.float64]

LAST = "last"
"""The name of the bundle's own graph among the stages."""


class _Scores(Protocol):
    def __call__(
        self, tokens: Sequence[Sequence[int]], on_scores: OnScores | None = None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Calibrated scores, and which texts the stage may answer, both (len(tokens),).

        `on_scores` is called for those that it may answer.
        """
        ...


def sure(stage: CascadeStage, scores: Floats, lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which texts the stage answers, by score and length in word pieces; all of shape (n,)."""
    band = np.searchsorted([each.from_tokens for each in stage.longer], lengths, side="right")
    below = np.array([stage.answers_below, *(each.answers_below for each in stage.longer)])
    above = np.array([stage.answers_above, *(each.answers_above for each in stage.longer)])
    return np.asarray((scores <= below[band]) | (scores >= above[band]), dtype=np.bool_)


def lengths_of(tokens: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Number of word pieces of each text, shape (len(tokens),)."""
    return np.fromiter((len(ids) for ids in tokens), dtype=np.int64, count=len(tokens))


class CascadeEngine:
    """Scores with the bundle's stages, then its own graph. The stage that answers a text depends on that text only.

    `answered`: number of texts that each stage has answered so far.
    """

    name = "cascade"

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        if not bundle.metadata.cascade:
            raise ConfigurationError("This bundle has no cascade; choose openvino.", code="no-cascade")
        self._bundle = bundle
        self._threads = threads
        facts = bundle.metadata
        self.thresholds = Thresholds(needs_review=facts.needs_review, mixed=facts.mixed)
        self._last = GraphScorer(own_graph(bundle), threads)
        self._small = GraphScorer(small_graph(bundle), threads) if facts.stage("small") else None
        self._encoder = (self._small or self._last).encoder
        self._stages: list[tuple[CascadeStage, _Scores]] = [(stage, self._scores_of(stage)) for stage in facts.cascade]
        self._translation = (
            Translation.between(bundle.dir / "small.tokenizer.json", bundle.dir / "tokenizer.json")
            if self._small
            else None
        )
        self.answered: dict[str, int] = dict.fromkeys([*(stage.name for stage in facts.cascade), LAST], 0)

    @classmethod
    def open(cls, _name: str, model: Path | None, threads: int, cache_dir: Path | None) -> CascadeEngine:
        """See `loading.load_engine`."""
        return cls(open_bundle(model, cache_dir), threads)

    def score(self, texts: Sequence[str], on_scored: OnScored | None = None) -> Floats:
        """Calibrated probability of positive for each cleaned text."""
        tokens = self._encoder.tokens(texts)
        lengths = lengths_of(tokens)
        scores = np.zeros(len(texts), dtype=np.float64)
        waiting = np.arange(len(texts))
        for stage, scores_of in self._stages:
            on_scores = on_scored and partial(_count_sure, on_scored, stage, lengths[waiting])
            own, may_answer = scores_of([tokens[index] for index in waiting.tolist()], on_scores)
            done = sure(stage, own, lengths[waiting]) & may_answer
            scores[waiting[done]] = own[done]
            self.answered[stage.name] += int(done.sum())
            waiting = waiting[~done]
        left = waiting.tolist()
        scores[waiting] = self._last.scores(
            self._for_last([texts[index] for index in left], [tokens[index] for index in left]),
            on_scored and (lambda done, _: on_scored(len(done))),
        )
        self.answered[LAST] += len(left)
        return scores

    def stage_for(self, text: str) -> Engine:
        """The stage that answers a cleaned text, as an engine that answers every text.

        An explanation compares a text with variants of it, and stages differ by more than a word does.
        """
        tokens = self._encoder.tokens([text])
        for stage, scores_of in self._stages:
            own, may_answer = scores_of(tokens)
            if (sure(stage, own, lengths_of(tokens)) & may_answer)[0]:
                return _OneStage(self, stage.name, partial(self._by_stage, scores_of))
        return _OneStage(self, LAST, self.last_scores)

    def _by_stage(self, scores_of: _Scores, texts: Sequence[str]) -> Floats:
        return scores_of(self._encoder.tokens(texts))[0]

    def last_scores(self, texts: Sequence[str]) -> Floats:
        """Calibrated scores of the last stage alone, shape (len(texts),)."""
        return self._last.scores(self._for_last(list(texts), self._encoder.tokens(texts)))

    def describe(self) -> dict[str, object]:
        """Engine, version, SHA-256, precision, stages, and whether any of them fell back to full precision."""
        fell_back = self._last.fell_back or (self._small is not None and self._small.fell_back)
        return {
            **described(self._bundle, self._threads),
            "engine": self.name,
            "precision": "int8 weights, float32 activations" if fell_back else self._bundle.metadata.precision,
            "full_precision_fallback": fell_back,
            "stages": [
                stage.model_dump(include={"name", "answers_below", "answers_above", "longer"}, mode="json")
                for stage, _ in self._stages
            ]
            + [{"name": LAST}],
        }

    def _for_last(self, texts: list[str], tokens: list[list[int]]) -> list[list[int]]:
        if self._small is None:
            return tokens
        return self._translation.apply(texts, tokens) if self._translation else self._last.encoder.tokens(texts)

    def _scores_of(self, stage: CascadeStage) -> _Scores:
        if stage.name == "small":
            small = self._small
            assert small is not None
            return lambda tokens, on_scores=None: (
                small.scores(tokens, on_scores),
                np.ones(len(tokens), dtype=np.bool_),
            )
        return _ngram_scores(NgramModel.open(self._bundle.dir / "ngrams.npy"), stage, self._encoder)


def _count_sure(
    on_scored: OnScored, stage: CascadeStage, lengths: NDArray[np.int64], texts: NDArray[np.int64], own: Floats
) -> None:
    """Report the texts that a stage answers; `lengths` are those of all its texts, `texts` indices into them."""
    on_scored(int(sure(stage, own, lengths[texts]).sum()))


class _OneStage:
    """One stage of a cascade as an engine for every text; a cheaper stage has a larger budget for explanations."""

    def __init__(self, cascade: CascadeEngine, stage: str, score: Callable[[Sequence[str]], Floats]) -> None:
        self.name = cascade.name
        self.thresholds = cascade.thresholds
        self._score = score
        self.explanation_budget = {"ngrams": 40_000, "small": 4_000}.get(stage, BUDGET)
        self._facts = {**cascade.describe(), "stage": stage}

    def score(self, texts: Sequence[str], on_scored: OnScored | None = None) -> Floats:
        """Calibrated probability of positive for each cleaned text; reports all at once."""
        scores = self._score(texts)
        if on_scored is not None:
            on_scored(len(scores))
        return scores

    def describe(self) -> dict[str, object]:
        """As the cascade, with the stage's name."""
        return self._facts


def _ngram_scores(model: NgramModel, stage: CascadeStage, encoder: TextEncoder) -> _Scores:
    def scores(tokens: Sequence[Sequence[int]], on_scores: OnScores | None = None) -> tuple[Floats, NDArray[np.bool_]]:
        reading = model.read(tokens)
        own, may_answer = calibrated(reading.margins, stage.temperature), reading.may_answer(stage.least_known)
        if on_scores is not None:
            on_scores(np.flatnonzero(may_answer), own[may_answer])
        return own, may_answer

    if not answers_as(stage.known_answers, scores(encoder.tokens([each.text for each in stage.known_answers]))[0]):
        raise ConfigurationError(
            "The first stage of this bundle does not give its known answers on this machine; choose openvino, or "
            "another bundle.",
            code="model-misbehaves",
        )
    return scores
