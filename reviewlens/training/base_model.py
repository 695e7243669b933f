"""Base models: where they come from, and how they are cut to fewer layers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch

from reviewlens.errors import ConfigurationError


def resolve_base_model(name: str) -> str:
    """The folder or hub name that Hugging Face's `from_pretrained` takes.

    Raises ConfigurationError (code `no-base-model`) for a folder or package without a model.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise ConfigurationError(f"{folder} has no config.json, so it is not a model folder.", code="no-base-model")
        return str(folder)
    package = name.replace("-", "_")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is not None and spec.submodule_search_locations:
        for root in spec.submodule_search_locations:
            for config in sorted(Path(root).rglob("config.json"), key=lambda path: len(path.parts)):
                if (config.parent / "tokenizer.json").exists():
                    return str(config.parent)
        raise ConfigurationError(f"The installed package {name} contains no model.", code="no-base-model")
    return name


def shape_encoder(model: Any, keep: int | None, freeze: int) -> None:
    """Cut a classifier to its encoder's first `keep` layers and freeze the embeddings and `freeze` layers, in place.

    The first layers are kept because dropping the last ones costs the least (Sajjad et al. 2023, arXiv:2004.03844).
    Raises ConfigurationError (code `no-such-layers`) for a model with fewer layers, or without a list of layers.
    """
    if keep is None and not freeze:
        return
    holder = _layer_holder(model)
    layers = holder.layer
    kept = keep if keep is not None else len(layers)
    if not 1 <= kept <= len(layers) or not 0 <= freeze <= kept:
        raise ConfigurationError(
            f"This base model has {len(layers)} layers: {kept} of them cannot be kept with {freeze} frozen.",
            code="no-such-layers",
        )
    holder.layer = torch.nn.ModuleList(list(layers)[:kept])
    # DistilBERT names it n_layers; its configuration maps this name.
    model.config.num_hidden_layers = kept
    if freeze:
        for module in (model.base_model.embeddings, *list(holder.layer)[:freeze]):
            module.requires_grad_(False)


def _layer_holder(model: Any) -> Any:
    for name in ("encoder", "transformer"):
        holder = getattr(getattr(model, "base_model", None), name, None)
        if isinstance(getattr(holder, "layer", None), torch.nn.ModuleList):
            return holder
    raise ConfigurationError("This kind of base model cannot be cut or frozen by layers.", code="no-such-layers")
