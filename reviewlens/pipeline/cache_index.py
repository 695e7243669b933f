"""A finished job's scores by the hash of their texts: one file in which later jobs look texts up without loading it."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

RUN_ROWS = 500_000
"""Texts per run. A run is sorted in memory when it is written, and is one record batch of the file."""

KEY_BYTES = 16
_SCHEMA = pa.schema([("high", pa.uint64()), ("low", pa.uint64()), ("score", pa.float64())])
_LABEL = b"reviewlens.scores"

Words = NDArray[np.uint64]


class BadIndex(ValueError):
    """The file is no index."""


def as_words(keys: pa.ChunkedArray) -> Words:
    """Hashes of 16 bytes as pairs of numbers, shape (len(keys), 2)."""
    fixed = keys.cast(pa.binary(KEY_BYTES)).combine_chunks()
    if fixed.null_count:
        raise ValueError("a hash is missing")
    buffer = fixed.buffers()[1]
    if buffer is None or not len(fixed):
        return np.zeros((0, 2), dtype=np.uint64)
    words = np.frombuffer(buffer, dtype="<u8", count=2 * len(fixed), offset=fixed.offset * KEY_BYTES)
    return words.reshape(-1, 2).astype(np.uint64)


class IndexWriter:
    """Writes an index to `path`, holding one run in memory; the same texts in the same order give the same bytes."""

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
        """Further texts; each once."""
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
    """An index opened for looking up. The file is mapped, not read: memory does not grow with its size."""

    def __init__(self, path: Path) -> None:
        """Raises BadIndex for a file that is none."""
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            label = json.loads((reader.schema.metadata or {})[_LABEL])
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
            raise BadIndex("this is no index of scores") from error
        if not reader.schema.equals(_SCHEMA):
            raise BadIndex("this index has other columns")
        self.label: dict[str, object] = label
        self._runs = [tuple(column.to_numpy(zero_copy_only=True) for column in batch.columns) for batch in batches]

    def find(self, words: Words) -> NDArray[np.float64]:
        """The stored scores of these texts, NaN for one that is not here.

        A run is searched by the first half of the hash and the second half must agree. Of two texts that share the
        first half only one is found: a miss costs a moment, a wrong score is not possible short of a collision of all
        128 bits.
        """
        found = np.full(len(words), np.nan)
        for high, low, scores in self._runs:
            places = np.searchsorted(high, words[:, 0])
            places[places == len(high)] = 0
            same = (high[places] == words[:, 0]) & (low[places] == words[:, 1])
            found[same] = scores[places[same]]
        return found
