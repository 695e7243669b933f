"""The score index of a finished job: scores by the hash of their texts, in a file that is searched without loading."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

RUN_ROWS = 500_000
"""Texts per run. A run is sorted in memory when it is written; it is one record batch of the file."""

KEY_BYTES = 16
_SCHEMA = pa.schema([("high", pa.uint64()), ("low", pa.uint64()), ("score", pa.float64())])
_LABEL = b"reviewlens.scores"

Words = NDArray[np.uint64]


class BadIndex(ValueError):
    """The file is not a score index."""


def as_words(keys: pa.ChunkedArray) -> Words:
    """16-byte hashes as pairs of numbers, shape (len(keys), 2)."""
    fixed = keys.cast(pa.binary(KEY_BYTES)).combine_chunks()
    if fixed.null_count:
        raise ValueError("a hash is missing")
    buffer = fixed.buffers()[1]
    if buffer is None or not len(fixed):
        return np.zeros((0, 2), dtype=np.uint64)
    words = np.frombuffer(buffer, dtype="<u8", count=2 * len(fixed), offset=fixed.offset * KEY_BYTES)
    return words.reshape(-1, 2).astype(np.uint64)


class IndexWriter:
    """Writes an index with one run in memory; the same texts in the same order give the same bytes."""

    def __init__(self, path: Path, label: dict[str, object]) -> None:
        self._schema = _SCHEMA.with_metadata({_LABEL: json.dumps(label, sort_keys=True).encode()})
        self._path = path
        self._words: list[Words] = []
        self._scores: list[NDArray[np.float64]] = []
        self._rows = 0

    def __enter__(self) -> IndexWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = pa.ipc.new_file(str(self._path), self._schema)
        return self

    def add(self, words: Words, scores: NDArray[np.float64]) -> None:
        """Add texts; each text once."""
        self._words.append(words)
        self._scores.append(scores)
        self._rows += len(scores)
        if self._rows >= RUN_ROWS:
            self._write_run()

    def _write_run(self) -> None:
        if not self._rows:
            return
        words, scores = np.concatenate(self._words), np.concatenate(self._scores)
        order = np.lexsort((words[:, 1], words[:, 0]))
        columns = (words[order, 0], words[order, 1], scores[order])
        self._file.write_batch(pa.record_batch([pa.array(column) for column in columns], schema=self._schema))
        self._words, self._scores, self._rows = [], [], 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._write_run()
        self._file.close()


class Index:
    """An index opened for search. The file is memory-mapped, so memory use does not grow with its size."""

    def __init__(self, path: Path) -> None:
        """Errors: BadIndex for any other file."""
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            label = json.loads((reader.schema.metadata or {})[_LABEL])
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
            raise BadIndex("this is not a score index") from error
        if not reader.schema.equals(_SCHEMA):
            raise BadIndex("this index has different columns")
        self.label: dict[str, object] = label
        self._runs = [tuple(column.to_numpy(zero_copy_only=True) for column in batch.columns) for batch in batches]

    def find(self, words: Words) -> NDArray[np.float64]:
        """The stored scores of these texts, shape (len(words),); NaN where there is none.

        A run is searched by the first half of the hash; the second half must match. If two texts share the first half,
        only one is found and the other is scored again. A wrong score would need a collision of all 128 bits.
        """
        found_scores = np.full(len(words), np.nan)
        for high, low, scores in self._runs:
            indices = np.searchsorted(high, words[:, 0])
            indices[indices == len(high)] = 0
            same = (high[indices] == words[:, 0]) & (low[indices] == words[:, 1])
            found_scores[same] = scores[indices[same]]
        return found_scores
