"""The model in this process: loaded once in the background, used by one request at a time."""

from __future__ import annotations

import logging
import threading
from typing import Any

from reviewlens.errors import ConfigurationError, InputError, ReviewLensError, TransientError
from reviewlens.model.explain import Contribution
from reviewlens.model.interface import Prediction
from reviewlens.model.loading import load_scorer
from reviewlens.model.scorer import Scorer
from reviewlens.reviews.cleaning import clean_text
from reviewlens.settings import Settings

_log = logging.getLogger(__name__)
_TEXTS_AT_ONCE = 32
_LOAD_SECONDS = 60.0
_SETTLE_SECONDS = 30.0


class Model:
    """`load()` begins to load; `predict` waits for that where it must."""

    def __init__(self, settings: Settings) -> None:
        self._engine = settings.engine
        self._model = settings.model
        self._loaded = threading.Event()
        self._loading: threading.Thread | None = None
        self._turn = threading.Lock()
        self._scorer: Scorer | None = None
        self._error: ReviewLensError | None = None

    def load(self) -> None:
        """Load in a thread of its own."""
        self._loading = threading.Thread(target=self._load, name="model", daemon=True)
        self._loading.start()

    def settle(self) -> None:
        """Wait until loading has ended: a process that leaves while native code is at work in it is aborted."""
        if self._loading is not None:
            self._loading.join(_SETTLE_SECONDS)

    def _load(self) -> None:
        try:
            self._scorer = load_scorer(self._engine, self._model, threads=2)
            self._scorer.predict(["This warms the model up."])
        except ReviewLensError as error:
            self._error = error
            _log.error("the model cannot be loaded: %s", error.code)
        except Exception:  # noqa: BLE001 - shown by /readyz and to whoever asks for a prediction
            self._error = ConfigurationError("The model cannot be loaded; see the log.", code="model-unusable")
            _log.exception("the model cannot be loaded")
        self._loaded.set()

    def check(self) -> None:
        """Raise unless it is ready: TransientError while it loads, ConfigurationError when it cannot be loaded."""
        if self._error is not None:
            raise self._error
        if not self._loaded.is_set():
            raise TransientError("The model is being loaded; try again in a few seconds.", code="model-loading")

    def predict(self, texts: list[str]) -> tuple[list[Prediction], dict[str, Any]]:
        """One prediction for each text, in order, and facts about the model.

        Raises InputError (`empty-text`). A long list is scored in parts, so that single texts need not wait for all of
        it; a text's score does not depend on its neighbours.
        """
        scorer = self._ready()
        for index, text in enumerate(texts):
            if not clean_text(text):
                raise InputError(
                    f"Text {index + 1} of {len(texts)} holds nothing to read; send some words.",
                    code="empty-text",
                    details={"index": index},
                )
        found: list[Prediction] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            with self._turn:
                found.extend(scorer.predict(texts[start : start + _TEXTS_AT_ONCE]))
        return found, scorer.engine.describe()

    def explain(self, text: str) -> list[Contribution]:
        """Which parts of a text carried its score; others may have their turn between its steps."""
        return self._ready().explain(text, self._turn)

    def facts(self) -> dict[str, Any]:
        """What the engine says of itself."""
        return self._ready().engine.describe()

    def _ready(self) -> Scorer:
        """The model, waited for; errors as for `check`."""
        self._loaded.wait(_LOAD_SECONDS)
        self.check()
        assert self._scorer is not None
        return self._scorer
