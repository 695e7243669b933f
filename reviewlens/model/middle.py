"""A cheap look at the middle of long texts, which an engine that reads the two ends does not see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reviewlens.model.bundle import Bundle, open_bundle
from reviewlens.model.encoder import TextEncoder, calibrated, windows
from reviewlens.model.engines import BY_NAME
from reviewlens.model.ngrams import NgramModel

CLEAR = 0.1
"""A passage contradicts a positive text with a score up to this, a negative one with a score from 1 less this."""
_PASSAGE = 64
_FEWEST = 16  # word pieces of a middle that is worth a look
_ENGINES = {"cascade", "openvino"}  # modules of the engines that read a bundle's graphs


class MiddleReader:
    """Compares passages of 64 word pieces from the middle of a text with its score, by the bundle's n-gram stage.

    The result depends on the text and its score only. Its arithmetic is exact, so it is the same on every machine.
    """

    def __init__(self, bundle: Bundle) -> None:
        facts = bundle.metadata
        stage = facts.stage("ngrams")
        assert stage is not None
        tokenizer = "small.tokenizer.json" if facts.stage("small") else "tokenizer.json"
        self._encoder = TextEncoder(bundle.dir / tokenizer, facts.max_length, facts.long_texts)
        self._ngrams = NgramModel.open(bundle.dir / "ngrams.npy")
        self._temperature = stage.temperature
        self.fewest_chars = 3 * facts.max_length
        """A shorter text is not looked at: it hardly ever has more word pieces than the window."""

    @classmethod
    def open(cls, engine: str, model: Path | None = None, cache_dir: Path | None = None) -> MiddleReader | None:
        """The reader for a bundle; None if the engine reads whole texts or the bundle has no n-gram stage.

        Raises ConfigurationError (codes `no-bundle`, `bad-bundle`) for an unusable bundle.
        """
        if BY_NAME[engine].module not in _ENGINES:
            return None
        bundle = open_bundle(model, cache_dir)
        reads_ends = bundle.metadata.long_texts == "ends"
        return cls(bundle) if reads_ends and bundle.metadata.stage("ngrams") else None

    def contradicts(self, texts: Sequence[str], scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a passage in the middle of each cleaned text clearly contradicts its score, shape (len(texts),)."""
        contradicted = np.zeros(len(texts), dtype=np.bool_)
        passages: list[list[int]] = []
        owners: list[int] = []
        for index, text in enumerate(texts):
            if len(text) < self.fewest_chars:
                continue
            middle = self._encoder.unread(self._encoder.tokens([text])[0])
            if len(middle) < _FEWEST:
                continue
            for start, end in windows(len(middle), _PASSAGE, _PASSAGE // 2):
                passages.append(middle[start:end])
                owners.append(index)
        if not passages:
            return contradicted
        said = calibrated(self._ngrams.read(passages).margins, self._temperature)
        opposite = np.where(scores[owners] >= 0.5, said <= CLEAR, said >= 1 - CLEAR)
        contradicted[np.array(owners)[opposite]] = True
        return contradicted
