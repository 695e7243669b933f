"""Single reviews, scored and explained in this process; the model is loaded once, in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from reviewlens.errors import ConfigurationError, LimitError, ReviewLensError, TransientError
from reviewlens.model.explain import Contribution
from reviewlens.model.interface import Prediction
from reviewlens.model.loading import load_scorer
from reviewlens.model.scorer import Scorer
from reviewlens.reviews.cleaning import clean_text, own_words
from reviewlens.reviews.languages import detect_language
from reviewlens.scoring_queue import ScoringQueue
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)
MAX_EXPLAINED_TEXTS = 10
"""Most texts explained in one request: one explanation scores about thirty variants of its text."""
_BATCH_TEXTS = 32
_EXPLAINED_TEXTS = 30
"""One explanation scores about so many variants of its text."""
_LOAD_SECONDS = 60.0
_SETTLE_SECONDS = 5.0
_SETTLE_LOADING_SECONDS = 15.0  # a busy machine loads for longer than it scores a batch


@dataclass(frozen=True)
class Scored:
    """For each text, in order: a prediction, None for a text that is empty after cleaning or not judged; its language's
    code, None for an empty text; and an explanation, if asked for. `model`: facts about the model."""

    predictions: list[Prediction | None]
    languages: list[str | None]
    explanations: list[list[Contribution] | None]
    model: dict[str, Any]


class Predictor:
    """Scores and explains texts in a thread of its own. Loads the model at `load()` or at the first request.

    Requests wait in a `ScoringQueue`, and for the model. They raise TransientError (`model-loading`) when loading takes
    too long, and ConfigurationError when it failed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = settings.model
        self._loaded = threading.Event()
        self._loading: threading.Thread | None = None
        self._starting = threading.Lock()
        self._queue = ScoringQueue(settings.max_waiting_predicts)
        self._scorer: Scorer | None = None
        self._error: ReviewLensError | None = None

    def load(self) -> None:
        """Start to load the model in a thread of its own, unless that was done before."""
        with self._starting:
            if self._loading is None:
                self._loading = threading.Thread(target=self._load, name="model", daemon=True)
                self._loading.start()

    def settle(self) -> None:
        """Drop requests that wait, and wait a few seconds until loading and scoring have ended: a process that exits
        while native code runs in it is aborted."""
        self._queue.close(_SETTLE_SECONDS)
        if self._loading is not None:
            self._loading.join(_SETTLE_LOADING_SECONDS)

    def _load(self) -> None:
        try:
            self._scorer = load_scorer(self._settings.engine, self._model, threads=2)
            self._scorer.predict(["This warms the model up."])
        except ReviewLensError as error:
            self._error = error
            _log.error("the model cannot be loaded: %s", error.code)
        except Exception:  # noqa: BLE001 - reported by /readyz and by every request for a prediction
            self._error = ConfigurationError("The model cannot be loaded; see the log.", code="model-unusable")
            _log.exception("the model cannot be loaded")
        self._loaded.set()

    def check(self) -> None:
        """Raise unless the model is ready: TransientError while it loads, ConfigurationError when it cannot be."""
        if self._error is not None:
            raise self._error
        if not self._loaded.is_set():
            raise TransientError("The model is being loaded; try again in a few seconds.", code="model-loading")

    def submit(self, texts: list[str], *, explain: bool = False, all_languages: bool = False) -> Future[Scored]:
        """Queue texts to be scored, and explained if asked; cancel the future when the result is no longer wanted.

        `all_languages`: also texts in languages that the model does not read. A language is recognised as in an
        English file.

        Raises LimitError (`too-many-to-explain`, `too-many-texts`, `text-too-long`) and RateLimitError
        (`too-many-waiting`). Many texts are scored in batches, so that other requests get a turn in between; a text's
        score does not depend on its batch.
        """
        self._check_limits(texts, explain=explain)
        self.load()
        cost = len(texts) * (_EXPLAINED_TEXTS if explain else 1)
        return self._queue.submit(
            self._score(texts, explain=explain, all_languages=all_languages, until=_load_deadline()), cost
        )

    def predict(self, texts: list[str], *, explain: bool = False, all_languages: bool = False) -> Scored:
        """The result of `submit`, when it is there."""
        return self.submit(texts, explain=explain, all_languages=all_languages).result()

    def _score(
        self, texts: list[str], *, explain: bool, all_languages: bool, until: float
    ) -> Generator[None, None, Scored]:
        """Score and explain texts, one batch or one explanation a step; waits for the model `until` then."""
        scorer = self._ready(until)
        facts = scorer.engine.describe()
        reads = facts["languages"]
        assert isinstance(reads, list)
        languages = [_language(text) for text in texts]
        filled = [
            index for index, language in enumerate(languages) if language and (all_languages or language in reads)
        ]
        predictions: list[Prediction | None] = [None] * len(texts)
        explanations: list[list[Contribution] | None] = [None] * len(texts)
        for start in range(0, len(filled), _BATCH_TEXTS):
            batch = filled[start : start + _BATCH_TEXTS]
            scored = scorer.predict([texts[index] for index in batch])
            for index, prediction in zip(batch, scored, strict=True):
                predictions[index] = prediction
            yield
        for index in filled if explain else ():
            explanations[index] = scorer.explain(texts[index])
            yield
        return Scored(predictions, languages, explanations, facts)

    def facts(self) -> dict[str, Any]:
        """Facts about the model: engine, name, version, SHA-256, thresholds."""
        return self._ready(_load_deadline()).engine.describe()

    def _check_limits(self, texts: list[str], *, explain: bool) -> None:
        if explain and len(texts) > MAX_EXPLAINED_TEXTS:
            raise LimitError(
                f"Send at most {MAX_EXPLAINED_TEXTS} texts at once to have them explained, or leave explain out.",
                code="too-many-to-explain",
                details={"allowed": MAX_EXPLAINED_TEXTS, "actual": len(texts)},
            )
        allowed = self._settings.max_predict_texts
        if len(texts) > allowed:
            raise LimitError(
                f"Send at most {allowed} texts at once.",
                code="too-many-texts",
                details={"limit": "max_predict_texts", "allowed": allowed, "actual": len(texts)},
            )
        longest, allowed = max(map(len, texts), default=0), self._settings.max_predict_chars
        if longest > allowed:
            raise LimitError(
                f"A text may have at most {allowed:,} characters.",
                code="text-too-long",
                details={"limit": "max_predict_chars", "allowed": allowed, "actual": longest},
            )

    def _ready(self, until: float) -> Scorer:
        """The loaded model; errors as for `check`, at the latest at this time of the monotonic clock."""
        self.load()
        self._loaded.wait(max(0.0, until - time.monotonic()))
        self.check()
        assert self._scorer is not None
        return self._scorer


def _load_deadline() -> float:
    return time.monotonic() + _LOAD_SECONDS


def _language(raw: str) -> str | None:
    text = clean_text(raw)
    return detect_language(own_words(raw, text), {}) if text else None
