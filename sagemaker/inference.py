"""SageMaker endpoint handlers: load a bundle, read texts as JSON, JSON Lines or plain text, return predictions."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
# evaluate.py in this folder would hide the library of that name from transformers.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(HERE.parent))

from reviewlens.errors import InputError  # noqa: E402
from reviewlens.model.interface import Prediction  # noqa: E402
from reviewlens.model.loading import load_scorer  # noqa: E402
from reviewlens.model.scorer import Scorer  # noqa: E402


def model_fn(model_dir: str) -> Scorer:
    """The scorer of an unpacked model: a bundle on the default engine, a plain Hugging Face folder on PyTorch."""
    folder = Path(model_dir)
    return load_scorer("auto" if (folder / "bundle.json").exists() else "transformers", folder, threads=2)


def input_fn(body: str | bytes, content_type: str) -> list[str]:
    """The texts of a request.

    JSON: {"texts": [...]}, {"inputs": ...} or a list; JSON Lines with "text"; plain text with one text per line. Raises
    InputError (codes `content-type`, `no-texts`) for anything else.
    """
    raw = body.decode("utf-8") if isinstance(body, bytes) else body
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    try:
        if kind in {"application/jsonlines", "application/x-ndjson"}:
            texts = [json.loads(line)["text"] for line in raw.splitlines() if line.strip()]
        elif kind == "application/json":
            texts = json.loads(raw)
            if isinstance(texts, dict):
                texts = texts["texts"] if "texts" in texts else texts["inputs"]
            texts = [texts] if isinstance(texts, str) else texts
        elif kind == "text/plain":
            texts = [line for line in raw.splitlines() if line.strip()]
        else:
            raise InputError(f"Content type {kind!r} is not supported; send application/json.", code="content-type")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError('The request has no texts; send {"texts": ["..."]}.', code="no-texts") from error
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InputError('The request has no texts; send {"texts": ["..."]}.', code="no-texts")
    return texts


def predict_fn(texts: list[str], scorer: Scorer) -> list[Prediction]:
    """One prediction per text."""
    return scorer.predict(texts)


def output_fn(predictions: list[Prediction], accept: str) -> tuple[str, str]:
    """The response's body and content type: JSON Lines if accepted, else JSON."""
    rows = [asdict(prediction) for prediction in predictions]
    if "jsonlines" in accept or "ndjson" in accept:
        return "".join(json.dumps(row) + "\n" for row in rows), "application/jsonlines"
    return json.dumps({"predictions": rows}), "application/json"
