"""Where a base model comes from: a folder, an installed package that carries one, or a hub name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from reviewlens.errors import ConfigurationError


def resolve_base_model(name: str) -> str:
    """The folder or hub name that Hugging Face's `from_pretrained` takes.

    Raises ConfigurationError when `name` is a folder or package without a model in it.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise ConfigurationError(
                f"{folder} holds no config.json, so it is not a model folder.", code="no-base-model"
            )
        return str(folder)
    package = name.replace("-", "_")
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    if found is not None and found.submodule_search_locations:
        for root in found.submodule_search_locations:
            for config in sorted(Path(root).rglob("config.json"), key=lambda path: len(path.parts)):
                if (config.parent / "tokenizer.json").exists():
                    return str(config.parent)
        raise ConfigurationError(f"The installed package {name} carries no model folder.", code="no-base-model")
    return name
