"""What transformer engines share: tokens, windows over long texts, batches by length, margins and calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from reviewlens.model.batching import PAD_MULTIPLE, length_buckets, padded_length
from reviewlens.model.calibration import sigmoid

WINDOW_OVERLAP = 64
"""Fewest tokens that two neighbouring windows of a long text share."""


class Graph(Protocol):
    """A model that turns padded token ids into logits."""

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (rows, 2) as (negative, positive) for ids and attention mask of shape (rows, width)."""
        ...


def windows(tokens: int, room: int, overlap: int = WINDOW_OVERLAP) -> list[tuple[int, int]]:
    """The (start, end) of the windows over a text of `tokens` tokens, of which `room` fit the model at once.

    One window if the text fits; otherwise as few as possible, of equal width so that all weigh the same, each sharing
    at least `overlap` tokens with the next. Every token is in a window.
    """
    if tokens <= room:
        return [(0, tokens)]
    overlap = min(overlap, room // 2)
    count = -(-(tokens - overlap) // (room - overlap))
    width = -(-(tokens + overlap * (count - 1)) // count)
    return [
        (start, start + width) for start in (round(index * (tokens - width) / (count - 1)) for index in range(count))
    ]


LongTexts = Literal["windows", "ends"]
"""How a text longer than the model's window is read: all of it in overlapping windows, or its beginning and end in one.

The ends are cheaper, and better for the sentiment of a whole text (Sun et al. 2019, arXiv:1905.05583).
"""


def ends(tokens: Sequence[int], room: int) -> list[int]:
    """The first and last tokens of a text, half of `room` each; all tokens if they fit."""
    tail = room // 2
    return list(tokens) if len(tokens) <= room else [*tokens[: room - tail], *tokens[len(tokens) - tail :]]


class TextEncoder:
    """Turns texts into token ids with special tokens; long texts in windows or by their ends."""

    def __init__(self, tokenizer_json: Path, max_length: int, long_texts: LongTexts = "windows") -> None:
        tokenizer = Tokenizer.from_file(str(tokenizer_json))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        sample = tokenizer.encode("a")
        special = sample.special_tokens_mask
        text_at = special.index(0)
        text_end = len(special) - special[::-1].index(0)
        self._prefix = sample.ids[:text_at]
        self._suffix = sample.ids[text_end:]
        self._tokenizer = tokenizer
        self._room = max_length - len(self._prefix) - len(self._suffix)
        self._long_texts = long_texts

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of whole texts, without special tokens."""
        # One by one: encode_batch would start a thread per processor in every worker.
        return [self._tokenizer.encode(text, add_special_tokens=False).ids for text in texts]

    def unread(self, tokens: Sequence[int]) -> list[int]:
        """The tokens of a text that are not read: its middle if long texts are read by their ends, else none."""
        if self._long_texts != "ends" or len(tokens) <= self._room:
            return []
        tail = self._room // 2
        return list(tokens[self._room - tail : len(tokens) - tail])

    def pieces(self, tokens: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[int]]:
        """Token ids of every window over the texts, with special tokens, and the index of each window's text."""
        pieces: list[list[int]] = []
        owner: list[int] = []
        for index, ids in enumerate(tokens):
            if self._long_texts == "ends":
                pieces.append([*self._prefix, *ends(ids, self._room), *self._suffix])
                owner.append(index)
                continue
            for start, end in windows(len(ids), self._room):
                pieces.append([*self._prefix, *ids[start:end], *self._suffix])
                owner.append(index)
        return pieces, owner

    def encode(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """As `pieces`, for texts."""
        return self.pieces(self.tokens(texts))


OnMargins = Callable[[NDArray[np.int64], NDArray[np.float64]], object]
"""Called with the indices of texts whose margins are known since the last call, and these margins."""


def score_margins(
    texts: Sequence[str], encoder: TextEncoder, graph: Graph, on_margins: OnMargins | None = None
) -> NDArray[np.float64]:
    """Positive less negative logit of each text, shape (len(texts),); the mean over the windows of a long text.

    `on_margins` is called after each batch.
    """
    return token_margins(encoder.tokens(texts), encoder, graph, on_margins)


def token_margins(
    tokens: Sequence[Sequence[int]], encoder: TextEncoder, graph: Graph, on_margins: OnMargins | None = None
) -> NDArray[np.float64]:
    """As `score_margins`, for the encoder's token ids without special tokens."""
    pieces, owners = encoder.pieces(tokens)
    owner = np.array(owners, dtype=np.int64)
    counts = np.bincount(owner, minlength=len(tokens))
    missing, sums = counts.copy(), np.zeros(len(tokens), dtype=np.float64)
    margins = np.zeros(len(pieces), dtype=np.float64)
    lengths = [padded_length(len(ids), PAD_MULTIPLE) for ids in pieces]
    for width, chosen in length_buckets(lengths):
        ids = np.zeros((len(chosen), width), dtype=np.int64)
        mask = np.zeros((len(chosen), width), dtype=np.int64)
        for row, index in enumerate(chosen):
            ids[row, : len(pieces[index])] = pieces[index]
            mask[row, : len(pieces[index])] = 1
        logits = graph.logits(ids, mask)
        margins[chosen] = logits[:, 1].astype(np.float64) - logits[:, 0]
        if on_margins is not None:
            np.subtract.at(missing, owner[chosen], 1)
            np.add.at(sums, owner[chosen], margins[chosen])
            complete = np.unique(owner[chosen])
            complete = complete[missing[complete] == 0]
            on_margins(complete, sums[complete] / counts[complete])
    # The windows of a text have equal width, so their mean weighs every part of it the same.
    return np.asarray(np.bincount(owner, weights=margins, minlength=len(tokens)) / counts, dtype=np.float64)


def calibrated(margins: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probability of positive from margins, same shape."""
    return sigmoid(margins / temperature)
