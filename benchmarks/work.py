"""Operations of a model for a text, from its graph or its config.json, without padding."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Work:
    """Operations of one window of T tokens: per_window + per_token * T + per_square * T * T.

    A multiplication and an addition are two operations.
    """

    per_token: int
    per_window: int
    per_square: int

    def operations(self, lengths: Iterable[int]) -> int:
        """Operations of windows with these numbers of tokens, special tokens included."""
        return sum(self.per_window + self.per_token * tokens + self.per_square * tokens**2 for tokens in lengths)


def work_of_graph(model: Any) -> Work:
    """The operations of an encoder's OpenVINO graph with inputs (rows, width): its matrix products and attentions.

    The others are a few percent. Products of tokens with weights count per token, those of one row per window (the
    classifier's head) per window, those of tokens with tokens (attention) per square.
    """
    per_token = per_window = per_square = 0
    for operation in model.get_ops():
        kind = operation.get_type_name()
        if kind == "ScaledDotProductAttention":
            heads, depth = _static(operation, 0)[1], _static(operation, 0)[3]
            per_square += 4 * heads * depth
        elif kind == "MatMul":
            left, right = _static(operation, 0), _static(operation, 1)
            if len(right) == 2:
                amount = 2 * right[0] * right[1]
                if len(left) == 2:
                    per_window += amount
                else:
                    per_token += amount
            else:
                # (rows, heads, T, depth) by (rows, heads, depth, T), or (rows, heads, T, T) by (rows, heads, T, depth)
                depth = next(size for size in right[-2:] if size > 0)
                per_square += 2 * right[1] * depth
    return Work(per_token, per_window, per_square)


def work_of_config(folder: Path) -> Work:
    """The operations of a two-class BERT or DistilBERT classifier, from its config.json."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    width = int(config.get("hidden_size") or config["dim"])
    layers = int(config.get("num_hidden_layers") or config["n_layers"])
    inner = int(config.get("intermediate_size") or config["hidden_dim"])
    return Work(
        per_token=layers * (4 * 2 * width * width + 2 * 2 * width * inner),
        per_window=2 * width * width + 2 * width * 2,
        per_square=layers * 4 * width,
    )


def _static(operation: Any, index: int) -> list[int]:
    """An input's shape, with -1 for dynamic dimensions."""
    shape = operation.input_value(index).get_partial_shape()
    return [size.get_length() if size.is_static else -1 for size in shape]
