"""SageMaker endpoint handlers: load a bundle, take texts as JSON, JSON Lines or plain text, answer with predictions."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
# evaluate.py beside this file would hide the library of that name from transformers.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(HERE.parent))

from reviewlens.errors import InputError  # noqa: E402
from reviewlens.model.interface import Prediction  # noqa: E402
from reviewlens.model.loading import load_scorer  # noqa: E402
from reviewlens.model.scorer import Scorer  # noqa: E402


def model_fn(model_dir: str) -> Scorer:
    """The scorer for an unpacked model: a bundle on the default engine, a plain Hugging Face folder on PyTorch."""
    folder = Path(model_dir)
    return load_scorer("auto" if (folder / "bundle.json").exists() else "transformers", folder, threads=2)


def input_fn(body: str | bytes, content_type: str) -> list[str]:
    """The texts of a request: {"texts": [...]}, {"inputs": ...} or a list as JSON; JSON Lines with "text"; plain text,
    one a line.

    Raises InputError for anything else.
    """
    raw = body.decode("utf-8") if isinstance(body, bytes) else body
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    try:
        if kind in {"application/jsonlines", "application/x-ndjson"}:
            found = [json.loads(line)["text"] for line in raw.splitlines() if line.strip()]
        elif kind == "application/json":
            found = json.loads(raw)
            if isinstance(found, dict):
                found = found["texts"] if "texts" in found else found["inputs"]
            found = [found] if isinstance(found, str) else found
        elif kind == "text/plain":
            found = [line for line in raw.splitlines() if line.strip()]
        else:
            raise InputError(f"Content type {kind!r} is not read; send application/json.", code="content-type")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError('The request holds no texts; send {"texts": ["..."]}.', code="no-texts") from error
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise InputError('The request holds no texts; send {"texts": ["..."]}.', code="no-texts")
    return found


def predict_fn(texts: list[str], scorer: Scorer) -> list[Prediction]:
    """One prediction a text."""
    return scorer.predict(texts)


def output_fn(predictions: list[Prediction], accept: str) -> tuple[str, str]:
    """The answer's body and content type; JSON Lines when asked for, JSON otherwise."""
    rows = [asdict(prediction) for prediction in predictions]
    if "jsonlines" in accept or "ndjson" in accept:
        return "".join(json.dumps(row) + "\n" for row in rows), "application/jsonlines"
    return json.dumps({"predictions": rows}), "application/json"
