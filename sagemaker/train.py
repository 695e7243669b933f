"""Fine-tune a sentiment model: the same script on a laptop, a GPU machine and as a SageMaker training job."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This folder holds an evaluate.py, which would hide the library of that name from transformers.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(HERE.parent))

from reviewlens.errors import ReviewLensError  # noqa: E402
from reviewlens.training.sagemaker_env import sagemaker_folders  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Train; exit 0 done, 2 the input or a setting is at fault."""
    folders = sagemaker_folders()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--corpus", type=Path, default=folders.train, help="Parquet or CSV with text and label or rating"
    )
    parser.add_argument(
        "--output", type=Path, default=folders.checkpoints or Path("out/training"), help="checkpoints and result"
    )
    parser.add_argument("--model-dir", type=Path, default=folders.model, help="also copy the trained model here")
    parser.add_argument(
        "--base-model", default="distilbert-base-uncased", help="hub name, folder, or installed package"
    )
    parser.add_argument("--licences", default="", help="comma-separated; empty: all")
    parser.add_argument("--max-minutes", type=float, help="end in time with the best model so far")
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.add_argument("--class-weights", choices=("none", "sqrt", "balanced"), default="sqrt")
    parser.add_argument("--snippet-share", type=float, default=0.0, help="share of long texts cut to a few sentences")
    parser.add_argument("--sentence-share", type=float, default=0.0, help="share of texts learned sentence by sentence")
    parser.add_argument("--keep-checkpoints", type=int, default=2, help="newest checkpoints to keep, beside the best")
    parser.add_argument("--keep-layers", type=int, help="only the base model's first so many layers")
    parser.add_argument(
        "--freeze-layers", type=int, default=0, help="leave the embeddings and so many layers as they are"
    )
    parser.add_argument("--class-cap", type=int, help="thin out the larger class of one-sided sources to so many texts")
    parser.add_argument("--teacher", type=Path, help="folder, bundle or Parquet of scores that the student learns from")
    parser.add_argument("--teacher-weight", type=float, default=0.7, help="the teacher's part of the loss")
    parser.add_argument("--teacher-temperature", type=float, default=2.0)
    parser.add_argument("--evaluate-every-minutes", type=float, default=10.0)
    parser.add_argument("--evaluation-texts", type=int, default=2000)
    parser.add_argument("--patience", type=int, default=4, help="evaluations without progress before stopping")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--limit", type=int, help="train on this many texts only")
    # SageMaker passes hyperparameters with underscores.
    raw = sys.argv[1:] if argv is None else argv
    given = vars(
        parser.parse_args([arg.replace("_", "-") if arg.startswith("--") and "=" not in arg else arg for arg in raw])
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if given["corpus"] is None:
        parser.error("--corpus is needed outside SageMaker")
    model_dir: Path | None = given.pop("model_dir")
    given["licences"] = tuple(name for name in given["licences"].split(",") if name)

    from reviewlens.training.trainer import train  # torch loads only when the arguments are right
    from reviewlens.training.training_args import TrainingOptions

    try:
        report = train(TrainingOptions(**given))
    except ReviewLensError as error:
        logging.getLogger("train").error("%s", error.message)
        return 2
    if model_dir is not None:
        shutil.copytree(report.model, model_dir, dirs_exist_ok=True)
    logging.getLogger("train").info("%s", report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
