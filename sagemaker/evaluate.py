"""Measure a model on labelled reviews: writes model_evaluation.json and tested.csv."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This file's own name is that of a library which transformers looks for.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(HERE.parent))

from reviewlens.errors import ReviewLensError  # noqa: E402
from reviewlens.model.evaluation import evaluate_file  # noqa: E402
from reviewlens.model.loading import ENGINES, load_engine  # noqa: E402
from reviewlens.model.sagemaker_env import sagemaker_folders  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Evaluate; exit 0 done, 2 the input or a setting is at fault."""
    folders = sagemaker_folders()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=folders.test, help="CSV or Parquet with text and label or rating")
    parser.add_argument("--model", type=Path, help="model.tar.gz or folder; default: the bundle that ships")
    parser.add_argument("--engine", choices=ENGINES, default="openvino")
    parser.add_argument("--output", type=Path, default=folders.output or Path("out/evaluation"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="measure on the first so many rows")
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if given.data is None:
        parser.error("--data is needed outside SageMaker")
    try:
        engine = load_engine(given.engine, given.model, threads=given.threads)
        result = evaluate_file(engine, given.data, given.output, given.limit)
    except ReviewLensError as error:
        logging.getLogger("evaluate").error("%s", error.message)
        return 2
    sys.stdout.write(
        json.dumps({key: value for key, value in result.items() if key != "risk_coverage"}, indent=2) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
