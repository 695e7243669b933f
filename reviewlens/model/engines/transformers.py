"""The optional engine: any two-class Hugging Face model in PyTorch, from a folder or a plain model.tar.gz."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from reviewlens.contracts.languages import MODEL_LANGUAGES
from reviewlens.errors import ConfigurationError
from reviewlens.model import bundle
from reviewlens.model.archive import MIB, extract_allowed, sha256_file
from reviewlens.model.encoder import LongTexts, TextEncoder, calibrated, score_margins
from reviewlens.model.interface import OnScored, Thresholds
from reviewlens.model.locate import models_dir
from reviewlens.reviews.cleaning import CLEANING_VERSION

MEMBERS: dict[str, int] = {
    **bundle.MEMBERS,
    "config.json": MIB,
    "model.safetensors": 4096 * MIB,
    "tokenizer.json": 64 * MIB,
    "tokenizer_config.json": 8 * MIB,
    "special_tokens_map.json": MIB,
    "added_tokens.json": MIB,
    "vocab.txt": 64 * MIB,
    "vocab.json": 64 * MIB,
    "merges.txt": 64 * MIB,
    "training_args.json": MIB,
    "training.json": MIB,
}
"""Allowed members of a plain archive, with their largest sizes; weights as safetensors only."""

_POSITIVE_NAMES = frozenset({"positive", "pos", "label_1", "1"})


class TorchGraph:
    """A PyTorch model with its logits in the order (negative, positive)."""

    def __init__(self, folder: Path) -> None:
        # safetensors only: other formats are pickles, which run code when they are loaded.
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
        self._model = model.eval().to(self._device)
        names = {int(index): str(name).lower() for index, name in self._model.config.id2label.items()}
        if len(names) != 2:
            raise ConfigurationError(f"A sentiment model has two labels, this one has {len(names)}.", code="bad-bundle")
        self._swap = names[0] in _POSITIVE_NAMES

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (rows, 2) for ids and mask of shape (rows, width)."""
        with torch.inference_mode():
            inputs = (torch.from_numpy(array).to(self._device) for array in (ids, mask))
            out = self._model(**dict(zip(("input_ids", "attention_mask"), inputs, strict=True))).logits
        values = np.asarray(out.float().cpu().numpy(), dtype=np.float32)
        return values[:, ::-1] if self._swap else values

    @property
    def device(self) -> str:
        """The device: cpu or cuda."""
        return str(self._device.type)

    @property
    def positions(self) -> int:
        """Longest input of the model, in tokens."""
        return int(getattr(self._model.config, "max_position_embeddings", 512))


class TransformersEngine:
    """Scores in full precision with the same windows, batches and calibration as the default engine."""

    name = "transformers"

    def __init__(
        self,
        folder: Path,
        threads: int = 1,
        *,
        temperature: float = 1.0,
        needs_review: float = 0.8,
        mixed: tuple[float, float] | None = None,
        max_length: int = 256,
        long_texts: LongTexts = "windows",
    ):
        torch.set_num_threads(threads)
        self._folder = folder
        self._graph = TorchGraph(folder)
        self._threads = threads
        self._temperature = temperature
        # RoBERTa and similar models reserve two positions.
        self._max_length = min(max_length, self._graph.positions - 2)
        self._encoder = TextEncoder(folder / "tokenizer.json", self._max_length, long_texts)
        self.thresholds = Thresholds(needs_review=needs_review, mixed=mixed)

    @classmethod
    def open(cls, _name: str, model: Path | None, threads: int, cache_dir: Path | None) -> TransformersEngine:
        """From a folder or archive; temperature and thresholds come from its bundle.json, if there is one.

        Raises ConfigurationError (codes `no-bundle`, `bad-bundle`).
        """
        if model is None:
            raise ConfigurationError(
                "The transformers engine needs a model: a Hugging Face folder or model.tar.gz.", code="no-bundle"
            )
        folder = model if model.is_dir() else _unpack_plain(model, cache_dir or models_dir())
        for needed in ("config.json", "tokenizer.json", "model.safetensors"):
            if not (folder / needed).is_file():
                raise ConfigurationError(
                    f"{model} has no {needed}, which the transformers engine needs.", code="bad-bundle"
                )
        bundle_json = folder / "bundle.json"
        if not bundle_json.is_file():
            return cls(folder, threads)
        facts = json.loads(bundle_json.read_bytes())
        return cls(
            folder,
            threads,
            temperature=float(facts["temperature"]),
            needs_review=float(facts["needs_review"]),
            mixed=tuple(facts["mixed"]) if facts.get("mixed") else None,
            max_length=int(facts["max_length"]),
            long_texts="ends" if facts.get("long_texts") == "ends" else "windows",
        )

    def margins(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Uncalibrated positive less negative logit for each cleaned text."""
        return score_margins(texts, self._encoder, self._graph)

    def score(self, texts: Sequence[str], on_scored: OnScored | None = None) -> NDArray[np.float64]:
        """Calibrated probability of positive for each cleaned text."""
        if not texts:
            return np.zeros(0, dtype=np.float64)
        on_margins = None if on_scored is None else lambda done, _: on_scored(len(done))
        return calibrated(score_margins(texts, self._encoder, self._graph, on_margins), self._temperature)

    def describe(self) -> dict[str, object]:
        """Engine, folder name, SHA-256 of the weights and calibration."""
        return {
            "engine": self.name,
            "model_version": self._folder.name,
            "model_sha256": sha256_file(self._folder / "model.safetensors"),
            "precision": "float32",
            "languages": list(MODEL_LANGUAGES),
            "device": self._graph.device,
            "mixed_band": list(self.thresholds.mixed) if self.thresholds.mixed else None,
            "full_precision_fallback": False,
            "cleaning_version": CLEANING_VERSION,
            "needs_review_below": self.thresholds.needs_review,
            "max_tokens": self._max_length,
            "threads": self._threads,
        }


def _unpack_plain(archive: Path, cache_dir: Path) -> Path:
    if not archive.is_file():
        raise ConfigurationError(f"There is no model at {archive}.", code="no-bundle")
    folder = cache_dir / f"plain-{sha256_file(archive)}"
    if not folder.is_dir():
        cache_dir.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=cache_dir, prefix=".plain-"))
        try:
            extract_allowed(archive, scratch, MEMBERS)
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder
