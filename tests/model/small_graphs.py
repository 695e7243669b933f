"""Bundles of tiny graphs, made with OpenVINO alone: word vectors of two numbers, averaged, so that every score is known
beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from reviewlens.model.archive import sha256_file
from reviewlens.model.bundle import Bundle, BundleMetadata, open_folder, write_bundle
from reviewlens.model.ngrams import BUCKETS, NgramModel, hashed
from tests.model.conftest import metadata

WORDS = ("good", "fine", "bad", "poor", "odd", "the", "lamp", "is", "and", "!")


def write_tokenizer(path: Path, special: Sequence[str], words: Sequence[str] = WORDS) -> dict[str, int]:
    """A tokenizer whose first and last special tokens open and close a text; its vocabulary."""
    vocabulary = {word: index for index, word in enumerate([*special, "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(special))
    first, last = special[0], special[-1]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])]
    )
    tokenizer.save(str(path))
    return vocabulary


def write_graph(xml: Path, vocabulary: Mapping[str, int], margins: Mapping[str, float]) -> None:
    """A graph whose margin for a text is the sum of its words' margins."""
    table = np.zeros((len(vocabulary), 2), dtype=np.float32)
    for word, margin in margins.items():
        table[vocabulary[word]] = [-margin / 2, margin / 2]
    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    mask = ops.parameter([-1, -1], np.int64, name="attention_mask")
    vectors = ops.gather(ops.constant(table), ids, ops.constant(0))
    kept = ops.multiply(vectors, ops.convert(ops.unsqueeze(mask, ops.constant(2)), "f32"))
    graph = ov.Model([ops.reduce_sum(kept, ops.constant([1]))], [ids, mask], "tiny")
    for position, name in enumerate(("input_ids", "attention_mask")):
        graph.inputs[position].get_tensor().set_names({name})
    ov.save_model(graph, xml, compress_to_fp16=False)


def word_weights(margins: Mapping[int, float], tokens: Sequence[Sequence[int]]) -> NDArray[np.int16]:
    """N-gram weights: these for single ids; every longer n-gram of the given texts counts as learnt."""
    weights = np.zeros(BUCKETS + 1, dtype=np.int16)
    for buckets, inside in hashed(tokens).orders:
        weights[buckets[inside]] = 1
    for index, margin in margins.items():
        weights[hashed([[index]]).orders[0][0][1]] = round(margin * 256)
    return weights


def make_cascade(folder: Path, stages: Sequence[Mapping[str, object]], **changes: object) -> Bundle:
    """An unpacked bundle with the given stages.

    To the n-grams "good" is positive and "bad" negative, to the small graph also "fine" and "poor", to the last graph
    also "odd" (negative); the two vocabularies have their words at different ids.
    """
    folder.mkdir()
    small = write_tokenizer(folder / "small.tokenizer.json", ["[PAD]", "[CLS]", "[SEP]"])
    last = write_tokenizer(folder / "tokenizer.json", ["<s>", "<pad>", "<unk>", "<mask>", "</s>"])
    plain = {"good": 6.0, "bad": -6.0}
    write_graph(folder / "small.xml", small, {**plain, "fine": 6.0, "poor": -6.0})
    write_graph(folder / "model.xml", last, {**plain, "fine": 5.0, "poor": -5.0, "odd": -3.0, "!": -0.5})
    ids = small if any(stage["name"] == "small" for stage in stages) else last
    tokens = [[ids[word] for word in ("good", "bad", "fine", "lamp")]]
    weights = word_weights({ids[word]: 40 * np.sign(margin) for word, margin in plain.items()}, tokens)
    NgramModel(weights).save(folder / "ngrams.npy")
    (folder / "MODEL_CARD.md").write_text("# Model card: made for a test\n")
    facts: BundleMetadata = metadata(cascade=[*stages], **changes)
    write_bundle(folder.parent / f"{folder.name}.tar.gz", folder, facts)
    files = {path.name: sha256_file(path) for path in folder.iterdir()}
    (folder / "bundle.json").write_text(json.dumps({**json.loads(facts.model_dump_json()), "files": files}))
    return open_folder(folder)
