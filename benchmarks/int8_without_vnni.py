"""How far int8 scores are from those with float32 activations, with and without saturating int8 instructions.

    python benchmarks/int8_without_vnni.py DATA.csv --texts 2000

Prints the rows of `int8_without_vnni` in reviewlens/release/later_figures.json. Each way of scoring runs in its own
process, because oneDNN reads ONEDNN_MAX_CPU_ISA once. It needs a processor with AMX.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import openvino as ov
import polars as pl
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[1]))

from reviewlens.model.encoder import TextEncoder, calibrated, token_margins
from reviewlens.model.engines.openvino_graph import strip_activation_quantisation
from reviewlens.model.graph_scorer import GraphFiles, own_graph, small_graph
from reviewlens.model.loading import open_bundle
from reviewlens.reviews.cleaning import clean_text

GRAPHS = {"last stage": own_graph, "small model": small_graph}
SEED = 11


class _Graph:
    """One of the bundle's graphs. OpenVINO's dynamic quantisation is off: with it, float32 activations become int8."""

    def __init__(self, files: GraphFiles, in_float: bool) -> None:
        core = ov.Core()
        model = core.read_model(files.xml)
        if in_float:
            strip_activation_quantisation(model)
        config = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}
        self._request = core.compile_model(model, "CPU", config).create_infer_request()

    def logits(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `reviewlens.model.encoder.Graph`."""
        self._request.infer({"input_ids": ids, "attention_mask": mask})
        return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)


def scores(data: Path, texts: int, in_float: bool) -> dict[str, list[float]]:
    """Calibrated scores of texts drawn from the file, by each of the shipped graphs."""
    cleaned = [clean_text(text) for text in pl.read_csv(data, infer_schema_length=10_000)["text"].to_list()]
    cleaned = [text for text in cleaned if text]
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(cleaned))[:texts])
    bundle = open_bundle(None)
    by_graph = {}
    for name, files_of in GRAPHS.items():
        files = files_of(bundle)
        encoder = TextEncoder(files.tokenizer, files.max_length, files.long_texts)
        tokens = encoder.tokens([cleaned[index] for index in chosen.tolist()])
        margins = token_margins(tokens, encoder, _Graph(files, in_float))
        by_graph[name] = calibrated(margins, files.temperature).tolist()
    return by_graph


def main() -> None:
    """Score in three processes and print the differences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="CSV file with a column 'text'")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--only", choices=["int8", "float32"], help="write the scores to --into and stop")
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    if options.only:
        made = scores(options.data, options.texts, options.only == "float32")
        options.into.write_text(json.dumps(made), encoding="utf-8")
        return
    ways = {"float32": {}, "AMX": {}, "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}
    by_way = {}
    with tempfile.TemporaryDirectory() as scratch:
        for way, environment in ways.items():
            into = Path(scratch) / f"{way}.json"
            command = [sys.executable, __file__, str(options.data), "--texts", str(options.texts), "--into", str(into)]
            kind = "float32" if way == "float32" else "int8"
            subprocess.run([*command, "--only", kind], check=True, env={**os.environ, **environment})
            by_way[way] = json.loads(into.read_text(encoding="utf-8"))
    for graph in GRAPHS:
        exact = np.array(by_way["float32"][graph])
        for way in ("AMX", "AVX2"):
            ours = np.array(by_way[way][graph])
            gap = np.abs(ours - exact)
            row = {
                "graph": graph,
                "arithmetic": way,
                "mean_gap": round(float(gap.mean()), 5),
                "worst_gap": round(float(gap.max()), 4),
                "changed_labels": round(float(np.mean((ours >= 0.5) != (exact >= 0.5))), 5),
            }
            print(json.dumps(row))


if __name__ == "__main__":
    main()
