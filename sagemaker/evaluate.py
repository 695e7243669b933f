"""Evaluate a model on labelled reviews: writes model_evaluation.json, model_evaluation.html and tested.csv."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# transformers looks for a library named like this file.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(HERE.parent))

from reviewlens.errors import ReviewLensError  # noqa: E402
from reviewlens.evaluation.evaluate import evaluate  # noqa: E402
from reviewlens.model.loading import AUTO, ENGINES  # noqa: E402
from reviewlens.training.sagemaker_env import sagemaker_folders  # noqa: E402

LARGE_PARTS = ("risk_coverage", "reliability", "groups", "behaviour")


def main(argv: list[str] | None = None) -> int:
    """Evaluate; exit code 0 on success, 2 for a wrong input or setting."""
    folders = sagemaker_folders()
    yes_or_no = argparse.BooleanOptionalAction
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", metavar="MODEL", nargs="?", type=Path, help="the same as --model")
    parser.add_argument("second", metavar="DATA", nargs="?", type=Path, help="the same as --data")
    parser.add_argument("--data", type=Path, help="CSV or Parquet file with text and label or rating")
    parser.add_argument("--model", type=Path, help="model.tar.gz or folder; default: the shipped bundle")
    parser.add_argument("--engine", choices=ENGINES, default=AUTO)
    parser.add_argument("--output", type=Path, default=folders.output or Path("out/evaluation"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="evaluate the first LIMIT rows only")
    parser.add_argument("--behaviour", action=yes_or_no, default=True, help="run the behavioural tests")
    parser.add_argument(
        "--compare", action=yes_or_no, default=True, help="evaluate TextBlob and VADER on the same texts"
    )
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    for name, positional in (("model", options.first), ("data", options.second)):
        if positional is not None and getattr(options, name) is not None:
            parser.error(f"the {name} is named twice: as an argument and as --{name}")
    model, data = options.model or options.first, options.data or options.second or folders.test
    if data is None:
        parser.error("outside SageMaker the data is required: evaluate.py MODEL DATA, or --data DATA")
    try:
        result = evaluate(
            model,
            data,
            options.output,
            engine=options.engine,
            threads=options.threads,
            limit=options.limit,
            compare=options.compare,
            behaviour=options.behaviour,
        )
    except ReviewLensError as error:
        logging.getLogger("evaluate").error("%s", error.message)
        return 2
    short: dict[str, object] = {key: value for key, value in result.items() if key not in LARGE_PARTS}
    behaviour = result.get("behaviour")
    if isinstance(behaviour, dict):
        short["behaviour"] = {key: behaviour[key] for key in ("cases", "pass_rate")}
    sys.stdout.write(json.dumps(short, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
