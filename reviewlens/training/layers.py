"""Fewer layers: an encoder cut to its first ones, and the lowest ones left as they were pretrained."""

from __future__ import annotations

from typing import Any

import torch

from reviewlens.errors import ConfigurationError


def shape_encoder(model: Any, keep: int | None, freeze: int) -> None:
    """Cut a Hugging Face classifier to its encoder's first `keep` layers and freeze its embeddings and the first
    `freeze` layers, in place.

    The first layers are kept because dropping the last ones costs the least (Sajjad et al. 2023, arXiv:2004.03844).
    Raises ConfigurationError when the model has fewer layers, or no list of layers is found in it.
    """
    if keep is None and not freeze:
        return
    holder = _layer_holder(model)
    layers = holder.layer
    wanted = keep if keep is not None else len(layers)
    if not 1 <= wanted <= len(layers) or not 0 <= freeze <= wanted:
        raise ConfigurationError(
            f"This base model has {len(layers)} layers: {wanted} of them cannot be kept with {freeze} frozen.",
            code="no-such-layers",
        )
    holder.layer = torch.nn.ModuleList(list(layers)[:wanted])
    # DistilBERT calls it n_layers; its config maps the common name.
    model.config.num_hidden_layers = wanted
    if freeze:
        for module in (model.base_model.embeddings, *list(holder.layer)[:freeze]):
            module.requires_grad_(False)


def _layer_holder(model: Any) -> Any:
    for name in ("encoder", "transformer"):
        holder = getattr(getattr(model, "base_model", None), name, None)
        if isinstance(getattr(holder, "layer", None), torch.nn.ModuleList):
            return holder
    raise ConfigurationError("This kind of base model cannot be cut or frozen by layers.", code="no-such-layers")
