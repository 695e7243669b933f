"""The engine that ships: sense, order, windows, neighbours, known answers and the way out when int8 misbehaves."""

from __future__ import annotations

import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.model.archive import sha256_file
from reviewlens.model.bundle import BundleMetadata, KnownAnswer
from reviewlens.model.engines.openvino import OpenVinoEngine
from reviewlens.model.loading import ENGINES, load_engine, load_scorer, model_sha256, open_bundle
from reviewlens.model.locate import models_dir

MakeTexts = Callable[[int], list[str]]


def test_plain_opinions_are_read_rightly(engine: OpenVinoEngine) -> None:
    good = ["I love this phone, the best I ever had.", "Excellent quality, fast delivery, very happy.", "works great"]
    bad = ["Terrible. It broke after one day.", "Waste of money, do not buy.", "I want my money back, awful service"]
    assert (engine.score(good) > 0.9).all()
    assert (engine.score(bad) < 0.1).all()


def test_scores_keep_the_order_given(engine: OpenVinoEngine, make_texts: MakeTexts) -> None:
    texts = make_texts(120)
    order = list(range(len(texts)))
    random.Random(4).shuffle(order)
    straight = engine.score(texts)
    assert straight.shape == (120,)
    assert np.abs(engine.score([texts[index] for index in order]) - straight[order]).max() <= 1e-3


def test_a_score_does_not_depend_on_neighbours(engine: OpenVinoEngine, make_texts: MakeTexts) -> None:
    texts = make_texts(300)
    together = engine.score(texts)
    alone = np.array([engine.score([text])[0] for text in texts])
    small = np.concatenate([engine.score(texts[start : start + 7]) for start in range(0, len(texts), 7)])
    for other in (alone, small):
        gap = np.abs(together - other)
        assert np.mean(gap <= 1e-3) >= 0.999
        differs = (together >= 0.5) != (other >= 0.5)
        assert not (differs & (np.abs(together - 0.5) > 0.01)).any()


def test_nothing_gives_nothing(engine: OpenVinoEngine) -> None:
    assert engine.score([]).shape == (0,)


def test_of_a_long_text_both_ends_are_read_and_the_middle_is_not(engine: OpenVinoEngine) -> None:
    start = "I bought this lamp in May and it came in a box. " * 20  # some 260 tokens
    praise = "It works very well and I am happy with it. " * 20
    blame = "It caught fire, the seller refused to pay, and I would never buy this rubbish again. " * 20
    good, bad, as_good = engine.score([start + praise, start + blame, start + blame + praise])
    assert good > bad + 0.5, "what stands far beyond the window counts"
    assert as_good == good, "what stands between the ends does not"
    assert engine.score([praise + start])[0] > engine.score([blame + start])[0] + 0.5


def test_scores_of_any_length_are_probabilities(engine: OpenVinoEngine) -> None:
    scores = engine.score(["a", "\u4e2d\u6587", "!", "word " * 5000, "x" * 3000])
    assert ((scores > 0) & (scores < 1)).all()


def test_describe_tells_what_scored(engine: OpenVinoEngine) -> None:
    told = engine.describe()
    assert told["engine"] == "openvino"
    assert told["full_precision_fallback"] is False
    assert told["model_sha256"] == model_sha256("openvino", None)
    assert told["precision"] == "int8"


def test_scorer_from_an_unpacked_folder_gives_the_same(engine: OpenVinoEngine, cache_dir: Path) -> None:
    folder = open_bundle(None, cache_dir).dir
    scorer = load_scorer("openvino", folder, threads=1)
    text = "The lid does not close, otherwise fine"
    assert abs(scorer.predict([text])[0].positive_score - engine.score([text])[0]) < 1e-3
    assert model_sha256("openvino", folder) == sha256_file(folder / "bundle.json")


def _altered(cache_dir: Path, into: Path, **changes: object) -> Path:
    """A copy of the shipped bundle with changed metadata and true sums."""
    bundle = open_bundle(None, cache_dir)
    if not into.exists():
        shutil.copytree(bundle.dir, into)
    files = {name: sha256_file(into / name) for name in bundle.metadata.files}
    facts: BundleMetadata = bundle.metadata.model_copy(update={**changes, "files": files})
    (into / "bundle.json").write_text(facts.model_dump_json())
    return into


def test_falls_back_when_int8_misbehaves(
    engine: OpenVinoEngine, cache_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, make_texts: MakeTexts
) -> None:
    """Activations saturate, as they do in int8 arithmetic gone wrong: their scales are made far too small."""
    folder = tmp_path / "bundle"
    shutil.copytree(open_bundle(None, cache_dir).dir, folder)
    graph = ov.Core().read_model(folder / "model.xml")
    spoiled = 0
    for operation in graph.get_ops():
        if operation.get_type_name() == "FakeQuantize":
            for port in range(1, 5):
                constant = operation.input_value(port).get_node()
                if constant.get_type_name() == "Constant":
                    tiny = ov.opset13.constant((constant.data * 0.05).astype(constant.data.dtype))
                    operation.input(port).replace_source_output(tiny.output(0))
                    spoiled += 1
    assert spoiled > 20
    ov.save_model(graph, tmp_path / "spoiled.xml", compress_to_fp16=False)
    for suffix in ("xml", "bin"):
        shutil.move(tmp_path / f"spoiled.{suffix}", folder / f"model.{suffix}")
    with caplog.at_level(logging.WARNING):
        rescued = load_engine("openvino", _altered(cache_dir, folder), threads=2)
    assert rescued.describe()["full_precision_fallback"] is True
    assert "full-precision activations" in caplog.text
    texts = make_texts(60)
    assert np.abs(rescued.score(texts) - engine.score(texts)).mean() < 0.02


def test_refuses_a_model_that_never_gives_its_known_answers(cache_dir: Path, tmp_path: Path) -> None:
    known = open_bundle(None, cache_dir).metadata.known_answers
    wrong = tuple(KnownAnswer(text=answer.text, score=1 - answer.score) for answer in known)
    with pytest.raises(ConfigurationError) as caught:
        load_engine("openvino", _altered(cache_dir, tmp_path / "bundle", known_answers=wrong))
    assert caught.value.code == "model-misbehaves"


@pytest.mark.parametrize("isa", ["AVX2", "AVX512_CORE"])
def test_full_precision_gives_known_answers_without_the_newest_instructions(isa: str, cache_dir: Path) -> None:
    script = (
        "from pathlib import Path; import sys; from reviewlens.model.loading import load_engine;"
        "print(load_engine('openvino-fp32', cache_dir=Path(sys.argv[1])).score(['A lovely lamp.', 'It broke.']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(cache_dir)],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    positive, negative = map(float, done.stdout.strip("[] \n").split())
    assert positive > 0.9
    assert negative < 0.1


def test_an_unknown_engine_is_answered_with_the_list() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_engine("gpt")
    assert caught.value.code == "unknown-engine"
    assert all(name in caught.value.message for name in ENGINES)


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    for call in (
        lambda: load_engine("openvino", tmp_path / "x.tar.gz"),
        lambda: model_sha256("openvino", tmp_path / "x"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            call()
        assert caught.value.code == "no-bundle"


def test_textblob_has_no_file_to_pin() -> None:
    assert model_sha256("textblob", None) == ""


def test_bundles_unpack_in_the_users_cache_or_a_private_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert models_dir() == tmp_path / "home" / ".cache" / "reviewlens" / "models"
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    private = models_dir()
    assert private.parent == tmp_path / "temporary"
    assert private.stat().st_mode & 0o077 == 0
    assert models_dir() == private
    private.chmod(0o777)  # somebody else could have put a model there
    assert models_dir() not in {private, tmp_path / "file"}


def test_the_transformers_engine_without_its_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "reviewlens.model.engines.transformers", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        load_engine("transformers", tmp_path)
    assert caught.value.code == "engine-not-installed"
