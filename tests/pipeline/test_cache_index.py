"""The index of a job's scores, and what has to be equal before two jobs share any."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reviewlens.contracts.job_spec import JobSpec
from reviewlens.pipeline import cache_identity, cache_index
from reviewlens.pipeline.cache_identity import runtime, scoring_identity
from reviewlens.pipeline.cache_index import BadIndex, Index, IndexWriter, as_words
from tests.pipeline.make_jobs import make_job


def words_of(texts: list[str]) -> np.ndarray:
    hashes = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
    return as_words(pa.chunked_array([pa.array(hashes[:3], pa.binary()), pa.array(hashes[3:], pa.binary())]))


def written(path: Path, words: np.ndarray, scores: np.ndarray, piece: int = 7) -> Index:
    with IndexWriter(path, {"identity": {"engine": "x"}, "facts": {}}) as index:
        for start in range(0, len(scores), piece):
            index.add(words[start : start + piece], scores[start : start + piece])
    return Index(path)


@pytest.mark.parametrize("run_rows", [10, 1000])
def test_every_text_finds_its_own_score_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_rows: int
) -> None:
    monkeypatch.setattr(cache_index, "RUN_ROWS", run_rows)
    texts = [f"text {number}" for number in range(200)]
    scores = np.random.default_rng(5).random(200)
    index = written(tmp_path / "a", words_of(texts), scores)
    order = random.Random(1).sample(range(200), 200)
    found = index.find(words_of([texts[place] for place in order]))
    assert found.tobytes() == scores[order].tobytes()
    assert np.isnan(index.find(words_of([f"other {number}" for number in range(50)]))).all()
    assert index.label == {"identity": {"engine": "x"}, "facts": {}}


def test_the_same_texts_give_the_same_bytes(tmp_path: Path) -> None:
    words, scores = words_of([str(number) for number in range(50)]), np.linspace(0, 1, 50)
    written(tmp_path / "a", words, scores, piece=7)
    written(tmp_path / "b", words, scores, piece=50)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_half_a_hash_in_common_never_gives_a_score(tmp_path: Path) -> None:
    words = np.array([[5, 1], [5, 9], [7, 2]], dtype=np.uint64)
    index = written(tmp_path / "a", words, np.array([0.1, 0.2, 0.3]))
    asked = np.array([[5, 1], [5, 4], [7, 1], [7, 2], [9, 9], [0, 0]], dtype=np.uint64)
    assert [None if np.isnan(one) else one for one in index.find(asked)] == [0.1, None, None, 0.3, None, None]
    assert index.find(words[1:2])[0] in (0.2,) or np.isnan(index.find(words[1:2])[0])


def test_an_index_of_nothing_knows_nothing(tmp_path: Path) -> None:
    none = as_words(pa.chunked_array([], pa.binary()))
    index = written(tmp_path / "a", none, np.zeros(0))
    assert index.find(none).shape == (0,)
    assert np.isnan(index.find(words_of(["a", "b", "c", "d"]))).all()


def test_what_is_no_index_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"", b"ARROW1 and then nothing", b"{}"):
        path.write_bytes(content)
        with pytest.raises(BadIndex):
            Index(path)
    written(path, words_of(list("abcd")), np.zeros(4))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadIndex):
        Index(path)
    for names, metadata in ((["high", "low", "score"], {}), (["a", "b", "c"], {b"reviewlens.scores": b"{}"})):
        batch = pa.record_batch([pa.array([1.0])] * 3, names=names).replace_schema_metadata(metadata)
        with pa.ipc.new_file(str(path), batch.schema) as file:
            file.write_batch(batch)
        with pytest.raises(BadIndex):
            Index(path)


def test_hashes_of_another_length_are_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        as_words(pa.chunked_array([pa.array([b"short"], pa.binary())]))
    with pytest.raises(ValueError, match="missing"):
        as_words(pa.chunked_array([pa.array([None], pa.binary())]))


def test_the_identity_names_all_that_decides_a_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "model.tar.gz"
    bundle.write_bytes(b"x")
    identity = scoring_identity("openvino", str(bundle), "abc")
    assert identity is not None
    assert identity == scoring_identity("openvino", "", "abc"), "where a model lies does not matter"
    assert identity == scoring_identity("openvino", f"s3://bucket/model.tar.gz#sha256={'0' * 64}", "abc")
    assert scoring_identity("openvino", str(tmp_path), "abc") is None, "a folder's weights are not pinned"
    others = [scoring_identity("textblob", "", "abc"), scoring_identity("openvino", "", "abd")]
    monkeypatch.setattr(cache_identity, "CLEANING_VERSION", 99)
    others.append(scoring_identity("openvino", "", "abc"))
    assert identity not in others
    assert json.loads(json.dumps(identity)) == identity
    told = runtime()
    assert len(told["code"]) == 64
    assert told["processor"]
    assert told["openvino"]


def test_the_digest_covers_the_code_that_scores_and_no_other(tmp_path: Path) -> None:
    package = Path(cache_identity.__file__).parents[1]
    copied = shutil.copytree(
        package, tmp_path / "reviewlens", ignore=lambda _, names: {"bundles", "__pycache__"} & set(names)
    )
    first = cache_identity.code_digest(copied / "model")
    assert first == runtime()["code"]
    for name in (
        "release/card.py",
        "release/acceptance.py",
        "training/trainer.py",
        "model/explain.py",
        "model/spans.py",
    ):
        _append(copied / name)
    assert cache_identity.code_digest(copied / "model") == first
    digests = {first}
    for name in ("model/engines/openvino.py", "model/engines/cascade.py", "model/encoder.py", "model/ngrams.py"):
        _append(copied / name)
        digests.add(cache_identity.code_digest(copied / "model"))
    (copied / "model" / "ngrams.py").rename(copied / "model" / "other.py")
    assert len(digests | {cache_identity.code_digest(copied / "model")}) == 6


def _append(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")


def test_a_spec_from_before_there_was_a_cache_still_loads(tmp_path: Path) -> None:
    made = make_job(tmp_path, b"x\n")
    old = made.json(made.keys.spec)
    for name in ("reuse_scores_of", "keep_scores"):
        del old[name]
    spec = JobSpec.model_validate_json(json.dumps(old))
    assert (spec.spec_version, spec.reuse_scores_of, spec.keep_scores) == (1, (), False)
    for name in ("../other", "a/b", ""):
        with pytest.raises(ValueError, match="reuse_scores_of"):
            JobSpec.model_validate({**old, "reuse_scores_of": [name]})
