"""One model from several checkpoints: the mean of their weights.

The checkpoints are of one training (Izmailov et al. 2018, arXiv:1803.05407) or of several that started from the same
weights (Wortsman et al. 2022, arXiv:2203.05482).

python -m reviewlens.training.averaging OUT/model CHECKPOINT CHECKPOINT ... [--weights 3 5 ...]
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file

from reviewlens.errors import InputError

_KEPT = ("config.json", "tokenizer.json", "tokenizer_config.json")


def average(checkpoints: Sequence[Path], into: Path, shares: Sequence[float] | None = None) -> None:
    """Write the mean model to `into`, and a training.json beside that folder.

    The training.json is that of the last checkpoint's training, with `averaged` (checkpoints, their trainings and
    shares) and, for several trainings, `runs`. `shares`: the weight of each checkpoint, by default equal. Raises
    InputError for fewer than two checkpoints, shares that do not match them, or weights of other names or shapes.
    """
    weights_of = list(shares or [1.0] * len(checkpoints))
    if len(weights_of) != len(checkpoints) or min(weights_of, default=0) <= 0:
        raise InputError("Give one positive weight for each checkpoint.", code="checkpoints")
    if len(checkpoints) < 2:
        raise InputError("Name at least two checkpoints to average.", code="checkpoints")
    missing = [folder.name for folder in checkpoints if not (folder / "model.safetensors").is_file()]
    if missing:
        raise InputError(f"There is no model.safetensors in {', '.join(missing)}.", code="checkpoints")
    loaded = [load_file(folder / "model.safetensors") for folder in checkpoints]
    first = loaded[0]
    for folder, weights in zip(checkpoints, loaded, strict=True):
        if {name: each.shape for name, each in weights.items()} != {name: each.shape for name, each in first.items()}:
            raise InputError(f"{folder.name} is not a checkpoint of the same model.", code="checkpoints")
    total = sum(weights_of)
    mean = {
        name: sum(each[name].float() * share for each, share in zip(loaded, weights_of, strict=True)) / total
        for name in first
    }
    into.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.to(first[name].dtype).contiguous() for name, value in mean.items()},
        into / "model.safetensors",
        metadata={"format": "pt"},
    )
    for name in _KEPT:
        if (checkpoints[-1] / name).exists():
            shutil.copyfile(checkpoints[-1] / name, into / name)
    _write_facts(checkpoints, weights_of, into.parent / "training.json")


def _write_facts(checkpoints: Sequence[Path], shares: Sequence[float], target: Path) -> None:
    runs = list(dict.fromkeys(folder.parent for folder in checkpoints))
    if not all((run / "training.json").exists() for run in runs):
        return
    recorded = [json.loads((run / "training.json").read_text(encoding="utf-8")) for run in runs]
    facts = {
        **recorded[-1],
        "averaged": [
            {"run": runs.index(folder.parent) + 1, "checkpoint": folder.name, "share": share}
            for folder, share in zip(checkpoints, shares, strict=True)
        ],
    }
    if len(runs) > 1:
        facts["runs"] = [
            {name: run.get(name) for name in ("options", "steps", "texts_seen", "minutes")} for run in recorded
        ]
    target.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; exit code 0 on success, 2 when the checkpoints do not fit together."""
    parser = argparse.ArgumentParser(
        prog="python -m reviewlens.training.averaging", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("into", type=Path, help="folder to write")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="checkpoint folders")
    parser.add_argument("--weights", type=float, nargs="+", help="weight of each checkpoint; default: equal")
    options = parser.parse_args(argv)
    try:
        average(options.checkpoints, options.into, options.weights)
    except InputError as error:
        sys.stderr.write(error.message + "\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
