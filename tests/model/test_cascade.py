"""The cascade: who answers what, scores that are a text's own, and bundles that lack what a stage needs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from reviewlens.errors import ConfigurationError
from reviewlens.model.archive import sha256_file
from reviewlens.model.bundle import Bundle, open_folder, peek, unpack, write_bundle
from reviewlens.model.calibration import sigmoid
from reviewlens.model.engines.cascade import CascadeEngine
from reviewlens.model.engines.openvino import OpenVinoEngine
from reviewlens.model.explain import explain
from reviewlens.model.loading import AUTO, load_engine, model_sha256, resolve_engine
from reviewlens.model.token_translation import Translation
from tests.model.conftest import metadata
from tests.model.small_graphs import make_cascade, write_graph, write_tokenizer

NGRAMS = {"name": "ngrams", "temperature": 2.0, "answers_below": 0.01, "answers_above": 0.99}
SMALL = {"name": "small", "temperature": 1.0, "answers_below": 0.02, "answers_above": 0.98}
CLOSED = {"answers_below": 0.0, "answers_above": 1.0}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_cascade(tmp_path_factory.mktemp("cascade") / "both", [NGRAMS, SMALL], mixed=(0.4, 0.6))


@pytest.fixture
def engine(bundle: Bundle) -> CascadeEngine:
    return CascadeEngine(bundle)


def test_each_text_is_answered_by_the_first_stage_that_is_sure(engine: CascadeEngine) -> None:
    texts = ["the lamp is good", "fine lamp", "poor lamp", "odd lamp!", "bad", "the lamp"]
    scores = engine.score(texts)
    assert engine.answered == {"ngrams": 2, "small": 2, "last": 2}
    assert scores[0] > 0.99
    assert scores[4] < 0.01
    assert scores[[1, 2]] == pytest.approx(sigmoid(np.array([6.0, -6.0])), abs=1e-4), "the small graph's own margins"
    assert scores[[3, 5]] == pytest.approx(sigmoid(np.array([-3.5, 0.0])), abs=1e-4), "the last graph's own margins"
    engine.score(texts[:1])
    assert engine.answered["ngrams"] == 3, "counted since the engine was made"


def test_a_score_does_not_depend_on_neighbours(engine: CascadeEngine) -> None:
    rng = random.Random(7)
    words = ["good", "bad", "fine", "poor", "odd", "the", "lamp", "!", "[CLS]", "<s>", "unheard"]
    texts = [" ".join(rng.choices(words, k=rng.randrange(1, 90))) for _ in range(150)]
    together = engine.score(texts)
    assert np.array_equal(together, [engine.score([text])[0] for text in texts])
    assert np.array_equal(together[::-1], engine.score(texts[::-1]))
    assert min(engine.answered.values()) > 0, "every stage had its say"


@pytest.mark.parametrize("name", ["cascade", "openvino", "openvino-small", "textblob"])
@pytest.mark.parametrize("long_texts", ["ends", "windows"])
def test_every_text_is_reported_once_while_the_others_are_scored(name: str, long_texts: str, tmp_path: Path) -> None:
    bundle = make_cascade(tmp_path / "reported", [NGRAMS, SMALL], long_texts=long_texts)
    engine = load_engine(name, bundle.dir)
    rng = random.Random(7)
    words = ["good", "bad", "fine", "poor", "odd", "the", "lamp", "!"]
    texts = [" ".join(rng.choices(words, k=rng.randrange(1, 400))) for _ in range(200)]
    reported: list[int] = []
    scores = engine.score(texts, reported.append)
    assert np.array_equal(scores, engine.score(texts))
    assert sum(reported) == 200
    assert max(reported) < 200, "not all at once"
    assert engine.score([], reported.append).shape == (0,)
    assert sum(reported) == 200


def test_longer_texts_have_bounds_of_their_own(tmp_path: Path) -> None:
    strict = {"answers_below": 0.0, "answers_above": 1.0}
    longer = [
        {"from_tokens": 4, "answers_below": 0.02, "answers_above": 0.98},
        {"from_tokens": 6, **strict},
    ]
    engine = CascadeEngine(make_cascade(tmp_path / "longer", [{**SMALL, **strict, "longer": longer}]))
    for text, answered in (
        ("fine the lamp", "last"),
        ("fine the lamp the", "small"),
        ("fine the the the the lamp", "last"),
    ):
        before = dict(engine.answered)
        score = engine.score([text])
        assert engine.answered == {**before, answered: before[answered] + 1}, text
        assert engine.stage_for(text).describe()["stage"] == answered
        assert engine.stage_for(text).score([text]) == pytest.approx(score)
    told: dict = engine.describe()
    assert told["stages"][0]["longer"] == longer


@pytest.mark.parametrize("starts", [[64, 64], [64, 32], [0]])
def test_bounds_of_longer_texts_ascend(tmp_path: Path, starts: list[int]) -> None:
    longer = [{"from_tokens": start, "answers_below": 0.1, "answers_above": 0.9} for start in starts]
    with pytest.raises(ValueError, match="longer"):
        make_cascade(tmp_path / "wrong", [{**SMALL, "longer": longer}])


def test_nothing_gives_nothing(engine: CascadeEngine) -> None:
    assert engine.score([]).shape == (0,)


def test_closed_stages_leave_everything_to_the_last(tmp_path: Path) -> None:
    closed = make_cascade(tmp_path / "closed", [{**NGRAMS, **CLOSED}, {**SMALL, **CLOSED}])
    # No word is sure beyond any doubt: a margin of 40 rounds to a probability of one.
    texts = ["fine and odd lamp", "the [SEP] lamp is poor", "<mask> odd", "poor!", "fine </s> odd !"]
    cascade = CascadeEngine(closed)
    assert np.array_equal(cascade.score(texts), OpenVinoEngine(closed).score(texts))
    assert cascade.answered == {"ngrams": 0, "small": 0, "last": 5}


def test_ngrams_leave_texts_alone_of_which_they_know_little(tmp_path: Path) -> None:
    careful = CascadeEngine(make_cascade(tmp_path / "careful", [{**NGRAMS, "least_known": 0.9}]))
    careful.score(["good bad fine lamp", "good lamp"])
    assert careful.answered == {"ngrams": 0, "last": 2}, "one is known and undecided, the other strange"
    trusting = CascadeEngine(make_cascade(tmp_path / "trusting", [NGRAMS]))
    trusting.score(["good bad fine lamp", "good lamp"])
    assert trusting.answered == {"ngrams": 1, "last": 1}


def test_it_tells_its_stages(bundle: Bundle, engine: CascadeEngine) -> None:
    told = engine.describe()
    assert told["engine"] == engine.name == "cascade"
    assert [stage["name"] for stage in told["stages"]] == ["ngrams", "small", "last"]  # type: ignore[attr-defined]
    assert told["mixed_band"] == [0.4, 0.6]
    assert told["full_precision_fallback"] is False
    assert engine.thresholds.mixed == (0.4, 0.6)
    assert json.loads(json.dumps(told)) == told
    assert told == CascadeEngine(bundle).describe(), "facts about the engine, not about what it has scored"


def test_engines_by_name(bundle: Bundle, tmp_path: Path) -> None:
    archive = bundle.dir.parent / "both.tar.gz"
    assert resolve_engine(AUTO, archive) == resolve_engine(AUTO, bundle.dir) == "cascade"
    assert resolve_engine(AUTO) == "cascade", "the bundle that ships has stages"
    assert resolve_engine("textblob", tmp_path / "none") == "textblob"
    assert load_engine(AUTO, archive, cache_dir=tmp_path).name == "cascade"
    assert model_sha256("cascade", archive) == model_sha256("openvino-small", archive) == sha256_file(archive)
    texts = ["fine", "odd", "poor lamp"]
    own, small = (sigmoid(np.array(margins)) for margins in ([5.0, -3.0, -5.0], [6.0, 0.0, -6.0]))
    for name, wanted in (("openvino", own), ("openvino-fp32", own), ("openvino-small", small)):
        loaded = load_engine(name, bundle.dir)
        assert loaded.name == loaded.describe()["engine"] == name
        assert loaded.score(texts) == pytest.approx(wanted, abs=1e-4)
    try:
        rough = load_engine("openvino-bf16", bundle.dir).score(texts)
    except ConfigurationError as error:
        assert error.code == "no-bf16"  # this processor has none
    else:
        assert rough == pytest.approx(own, abs=0.02)


def test_a_bundle_without_stages_says_so(tmp_path: Path) -> None:
    plain = make_cascade(tmp_path / "plain", [])
    for name, code in (("cascade", "no-cascade"), ("openvino-small", "no-small-model")):
        with pytest.raises(ConfigurationError) as caught:
            load_engine(name, plain.dir)
        assert caught.value.code == code
        assert "openvino" in caught.value.message, "what to choose instead"
    assert load_engine(AUTO, plain.dir).name == "openvino"


@pytest.mark.parametrize("stage", ["ngrams", "small"])
def test_a_stage_that_answers_wrongly_is_refused(tmp_path: Path, stage: str) -> None:
    wrong = [{"text": "good", "score": 0.01}]
    stages = [{**each, "known_answers": wrong if each["name"] == stage else []} for each in (NGRAMS, SMALL)]
    with pytest.raises(ConfigurationError) as caught:
        CascadeEngine(make_cascade(tmp_path / "wrong", stages))
    assert caught.value.code == "model-misbehaves"


@pytest.mark.parametrize("member", ["ngrams.npy", "small.xml", "small.bin", "small.tokenizer.json"])
def test_every_member_that_a_stage_needs_must_be_there(bundle: Bundle, tmp_path: Path, member: str) -> None:
    for path in bundle.dir.iterdir():
        if path.name != member:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ConfigurationError, match=member):
        write_bundle(tmp_path / "out" / "model.tar.gz", tmp_path, bundle.metadata)
    with pytest.raises(ConfigurationError, match=member):
        open_folder(tmp_path)
    facts = json.loads((tmp_path / "bundle.json").read_text())
    del facts["files"][member]
    (tmp_path / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(ConfigurationError, match=member):
        open_folder(tmp_path)


@pytest.mark.parametrize("stages", [[SMALL, NGRAMS], [NGRAMS, NGRAMS], [{**NGRAMS, "name": "large"}]])
def test_stages_stand_once_and_cheapest_first(stages: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError, match="cascade"):
        metadata(cascade=stages)


@pytest.mark.parametrize(
    "change", [{"answers_above": 0.4}, {"answers_below": 0.6}, {"temperature": 0}, {"least_known": 2}]
)
def test_bounds_out_of_range_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        metadata(cascade=[{**NGRAMS, **change}])


def test_weights_of_another_kind_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    for path in bundle.dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    np.save(tmp_path / "ngrams.npy", np.array([{}], dtype=object), allow_pickle=True)
    write_bundle(tmp_path / "bad.tar.gz", tmp_path, bundle.metadata)
    with pytest.raises(ConfigurationError) as caught:
        CascadeEngine(unpack(tmp_path / "bad.tar.gz", tmp_path / "into"))
    assert caught.value.code == "bad-bundle"


def test_peeking_reads_the_description_alone(bundle: Bundle, tmp_path: Path) -> None:
    assert peek(bundle.dir.parent / "both.tar.gz").cascade == bundle.metadata.cascade
    whole = (bundle.dir.parent / "both.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    for path, code in ((tmp_path / "none.tar.gz", "no-bundle"), (tmp_path, "bad-bundle")):
        with pytest.raises(ConfigurationError) as caught:
            peek(path)
        assert caught.value.code == code


def test_ids_are_translated_where_both_tokenizers_cut_alike(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.json" for name in ("a", "b", "other", "short")]
    a = write_tokenizer(paths[0], ["[PAD]", "[CLS]", "[SEP]"])
    b = write_tokenizer(paths[1], ["<s>", "<pad>", "</s>", "<unk>"])
    write_tokenizer(paths[3], ["<s>", "</s>"], ["good", "lamp"])
    described = json.loads(paths[1].read_text())
    paths[2].write_text(json.dumps({**described, "normalizer": None}))
    translation = Translation.between(paths[0], paths[1])
    assert translation is not None
    assert translation.apply(["good lamp what"], [[a["good"], a["lamp"], a["[UNK]"]]]) == [
        [b["good"], b["lamp"], b["[UNK]"]]
    ]
    assert Translation.between(paths[0], paths[2]) is None, "another way to cut"
    assert Translation.between(paths[0], paths[3]) is None, "other words"


def test_a_vocabulary_that_cannot_be_translated_is_cut_again(tmp_path: Path) -> None:
    bundle = make_cascade(tmp_path / "both", [SMALL])
    other = write_tokenizer(bundle.dir / "tokenizer.json", ["<s>", "</s>"], ["odd", "lamp", "lamps"])
    write_graph(bundle.dir / "model.xml", other, {"lamps": 1.5})
    assert CascadeEngine(bundle).score(["odd lamps"]) == pytest.approx(sigmoid(np.array([1.5])), abs=1e-4)


def test_the_stage_that_answers_a_text_answers_all_of_its_variants(engine: CascadeEngine) -> None:
    for text, stage in {"the lamp is good": "ngrams", "fine lamp": "small", "odd lamp!": "last"}.items():
        alone = engine.stage_for(text)
        assert alone.describe()["stage"] == stage
        assert alone.score([text])[0] == engine.score([text])[0]
        before = dict(engine.answered)
        assert len(alone.score(["lamp", "odd lamp", "fine"])) == 3
        assert engine.answered == before
    assert explain(engine, "odd lamp!")
