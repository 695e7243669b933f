"""Float weights from a bundle's int8 graph, to continue training from a released model.

python -m reviewlens.training.dequantise BUNDLE OUT/model [--graph small --like BASE_MODEL]
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForSequenceClassification

from reviewlens.errors import ConfigurationError, ReviewLensError
from reviewlens.model.graph_scorer import own_graph, small_graph
from reviewlens.model.loading import open_bundle
from reviewlens.training.base_model import resolve_base_model

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]

_MODULE = re.compile(r"__module\.model\.(?P<module>[^/]+)/")
_OF_CLASSIFIER = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}


def float_weights(xml: Path) -> dict[str, Floats]:
    """Weights and biases of a graph, by their names in the model that it was converted from.

    An int8 weight is its step times its scale; what SmoothQuant moved from a layer's input into its weights is moved
    back. The model then scores as its graph does, except for the rounding of activations.
    """
    core = ov.Core()
    weights: dict[str, Floats] = {}
    for node in core.read_model(xml).get_ordered_ops():
        named = _MODULE.match(node.get_friendly_name())
        if not named:
            continue
        module, kind = named["module"], node.get_type_name()
        if kind == "MatMul" and _is_constant(node.input_value(1)):
            weights[f"{module}.weight"] = _value(core, node.input_value(1)) * _smoothing(core, node)
            for target in node.output(0).get_target_inputs():
                if target.get_node().get_type_name() == "Add" and _is_constant(target.get_node().input_value(1)):
                    weights[f"{module}.bias"] = _value(core, target.get_node().input_value(1)).reshape(-1)
        elif kind == "Gather" and "/aten::embedding/" in node.get_friendly_name() and _is_constant(node.input_value(0)):
            weights[f"{module}.weight"] = _value(core, node.input_value(0))
        elif kind in ("Multiply", "Add") and _of_layer_norm(node):
            value = _value(core, node.input_value(1)).reshape(-1)
            if value.size > 1:
                weights[f"{module}.{'weight' if kind == 'Multiply' else 'bias'}"] = value
    return weights


def restore(bundle: Path | None, into: Path, graph: Literal["own", "small"] = "own", like: str = "") -> None:
    """Write a Hugging Face folder with a bundle's graph (None: of the shipped bundle), to continue training from.

    `like`: a base model of the same shape, for its configuration; a bundle has that of its own graph only. Raises
    ConfigurationError (code `no-base-model`) when the graph lacks weights of such a model.
    """
    with tempfile.TemporaryDirectory(prefix="reviewlens-weights-") as scratch:
        opened = open_bundle(bundle, Path(scratch))
        files = small_graph(opened) if graph == "small" else own_graph(opened)
        shape = Path(resolve_base_model(like)) if like else opened.dir
        if graph == "small" and not like:
            raise ConfigurationError("Name a base model of the small graph's shape with --like.", code="no-base-model")
        config = AutoConfig.from_pretrained(shape)
        config.update(_OF_CLASSIFIER)
        model = AutoModelForSequenceClassification.from_config(config)
        weights, state = float_weights(files.xml), model.state_dict()
        unfit = [name for name, each in state.items() if weights.get(name, np.zeros(0)).size != each.numel()]
        if unfit:
            raise ConfigurationError(
                f"The graph is not of a model like {like or config.model_type}: {len(unfit)} of its {len(state)} "
                f"weights do not fit, for example {unfit[0]}.",
                code="no-base-model",
            )
        model.load_state_dict(
            {name: torch.from_numpy(weights[name].reshape(each.shape)) for name, each in state.items()}
        )
        model.save_pretrained(into)
        shutil.copyfile(files.tokenizer, into / "tokenizer.json")
        if (shape / "tokenizer_config.json").is_file():
            shutil.copyfile(shape / "tokenizer_config.json", into / "tokenizer_config.json")


def _is_constant(output: Any) -> bool:
    node = output.get_node()
    if node.get_type_name() == "Constant":
        return True
    inputs = range(node.get_input_size())
    return bool(inputs) and all(_is_constant(node.input_value(index)) for index in inputs)


def _of_layer_norm(node: Any) -> bool:
    name = node.get_friendly_name()
    return "/aten::layer_norm/" in name and "smooth_quant" not in name and _is_constant(node.input_value(1))


def _value(core: Any, output: Any) -> Floats:
    whole = ov.Model([output], [], "constant")
    made = core.compile_model(whole, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})({})
    return np.array(made[0], dtype=np.float32)


def _smoothing(core: Any, layer: Any) -> Floats:
    """The factors that SmoothQuant applies to a layer's input, shape (1, columns)."""
    source = layer.input_value(0).get_node()
    while source.get_type_name() == "FakeQuantize":
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Multiply" or "smooth_quant" not in source.get_friendly_name():
        return np.ones((1, 1), dtype=np.float32)
    return _value(core, source.input_value(1)).reshape(1, -1)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; exit code 0 on success, 2 for a wrong setting."""
    parser = argparse.ArgumentParser(
        prog="python -m reviewlens.training.dequantise", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("bundle", type=Path, help="model.tar.gz")
    parser.add_argument("into", type=Path, help="folder to write")
    parser.add_argument("--graph", choices=["own", "small"], default="own", help="which of the bundle's graphs")
    parser.add_argument("--like", default="", help="base model of the same shape; required for the small graph")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        restore(options.bundle, options.into, options.graph, options.like)
    except ReviewLensError as error:
        log.error("%s", error.message)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
