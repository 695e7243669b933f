"""How many operations a model spends on a text, counted from its graph or its config.json; padding is not counted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Work:
    """Operations (a multiplication and an addition are two) of one window of T tokens:
    per_window + per_token * T + per_square * T * T."""

    per_token: int
    per_window: int
    per_square: int

    def operations(self, lengths: Iterable[int]) -> int:
        """For windows of so many real tokens, special tokens among them."""
        return sum(self.per_window + self.per_token * tokens + self.per_square * tokens**2 for tokens in lengths)


def work_of_graph(model: Any) -> Work:
    """Of an OpenVINO graph of an encoder with inputs (rows, width): its matrix products and attentions, which are all
    but a few percent of what it computes.

    Products of tokens with weights count per token, of one row per window (the classifier's head) per window, of tokens
    with tokens (attention) per square.
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
    """Of a BERT-like or DistilBERT-like Hugging Face classifier of two classes, from its config.json."""
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
    """An input's shape, -1 for what is open."""
    shape = operation.input_value(index).get_partial_shape()
    return [size.get_length() if size.is_static else -1 for size in shape]
