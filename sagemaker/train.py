"""Fine-tune a sentiment model: the same script on a laptop, a GPU machine and as a SageMaker training job."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# evaluate.py in this folder would hide the library of that name from transformers.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
sys.path.append(str(HERE.parent))

from reviewlens.errors import ReviewLensError  # noqa: E402
from reviewlens.training.sagemaker_env import sagemaker_folders  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Train; exit code 0 on success, 2 for a wrong input or setting."""
    folders = sagemaker_folders()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--corpus", type=Path, default=folders.train, help="Parquet or CSV with text and label or rating"
    )
    parser.add_argument(
        "--output", type=Path, default=folders.checkpoints or Path("out/training"), help="checkpoints and result"
    )
    parser.add_argument(
        "--model-dir", type=Path, default=folders.model, help="copy the trained model to this folder as well"
    )
    parser.add_argument(
        "--base-model", default="distilbert-base-uncased", help="hub name, folder, or installed package"
    )
    parser.add_argument("--licences", default="", help="comma-separated; empty: all")
    parser.add_argument("--max-minutes", type=float, help="time limit; the best model so far is saved")
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.add_argument("--class-weights", choices=("none", "sqrt", "balanced"), default="sqrt")
    parser.add_argument(
        "--snippet-share", type=float, default=0.0, help="share of long texts that are cut to a few sentences"
    )
    parser.add_argument("--sentence-share", type=float, default=0.0, help="share of texts learned sentence by sentence")
    parser.add_argument("--keep-checkpoints", type=int, default=2, help="newest checkpoints to keep, besides the best")
    parser.add_argument("--keep-layers", type=int, help="number of the base model's first layers to keep")
    parser.add_argument("--freeze-layers", type=int, default=0, help="number of layers to freeze, with the embeddings")
    parser.add_argument("--class-cap", type=int, help="most texts of the larger class of a one-sided source")
    parser.add_argument("--teacher", type=Path, help="folder, bundle or Parquet file of scores to distil from")
    parser.add_argument("--teacher-weight", type=float, default=0.7, help="weight of the teacher in the loss")
    parser.add_argument("--teacher-temperature", type=float, default=2.0)
    parser.add_argument("--evaluate-every-minutes", type=float, default=10.0)
    parser.add_argument("--evaluation-texts", type=int, default=2000)
    parser.add_argument(
        "--patience", type=int, default=4, help="evaluations without progress before the training stops"
    )
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--limit", type=int, help="train on the first LIMIT texts only")
    # SageMaker passes hyperparameters with underscores.
    raw = sys.argv[1:] if argv is None else argv
    options = vars(
        parser.parse_args([arg.replace("_", "-") if arg.startswith("--") and "=" not in arg else arg for arg in raw])
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if options["corpus"] is None:
        parser.error("outside SageMaker --corpus is required")
    model_dir: Path | None = options.pop("model_dir")
    options["licences"] = tuple(name for name in options["licences"].split(",") if name)

    from reviewlens.training.trainer import train  # loads torch, so only once the arguments are valid
    from reviewlens.training.training_args import TrainingOptions

    try:
        report = train(TrainingOptions(**options))
    except ReviewLensError as error:
        logging.getLogger("train").error("%s", error.message)
        return 2
    if model_dir is not None:
        shutil.copytree(report.model, model_dir, dirs_exist_ok=True)
    logging.getLogger("train").info("%s", report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
