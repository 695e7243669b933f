"""One model from several checkpoints of a training: the mean of their weights (Izmailov et al. 2018, arXiv:1803.05407).

python -m reviewlens.model.averaging OUT/model CHECKPOINT CHECKPOINT ...
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


def average(checkpoints: Sequence[Path], into: Path) -> None:
    """Write the mean model, and beside its folder the training.json of the run that the checkpoints lie in.

    Raises InputError when fewer than two are given or their weights do not have the same names and shapes.
    """
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
    mean = {name: sum(each[name].float() for each in loaded) / len(loaded) for name in first}
    into.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.to(first[name].dtype).contiguous() for name, value in mean.items()},
        into / "model.safetensors",
        metadata={"format": "pt"},
    )
    for name in _KEPT:
        if (checkpoints[-1] / name).exists():
            shutil.copyfile(checkpoints[-1] / name, into / name)
    told = checkpoints[-1].parent / "training.json"
    if told.exists():
        facts = json.loads(told.read_text(encoding="utf-8"))
        facts["averaged"] = [folder.name for folder in checkpoints]
        (into.parent / "training.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit 0 done, 2 the checkpoints do not fit together."""
    parser = argparse.ArgumentParser(
        prog="python -m reviewlens.model.averaging", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("into", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    given = parser.parse_args(argv)
    try:
        average(given.checkpoints, given.into)
    except InputError as error:
        sys.stderr.write(error.message + "\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
