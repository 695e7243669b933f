"""Training data: labels, licences, stable splits without near copies, fingerprints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from reviewlens.errors import ConfigurationError, InputError
from reviewlens.training.base_model import resolve_base_model
from reviewlens.training.corpus import read_corpus, split_of


@pytest.fixture
def corpus_file(tmp_path: Path, make_texts: Callable[[int], list[str]]) -> Path:
    texts = make_texts(600)
    path = tmp_path / "corpus.parquet"
    pl.DataFrame(
        {
            "text": texts,
            "label": [(1, 0, None)[index % 3] for index in range(len(texts))],
            "source": "made",
            "licence": ["MIT" if index % 2 else "unstated" for index in range(len(texts))],
        }
    ).write_parquet(path)
    return path


def test_splits_have_about_the_size_meant_and_stay(corpus_file: Path) -> None:
    first, again = read_corpus(corpus_file), read_corpus(corpus_file)
    assert first.frame.equals(again.frame)
    assert first.fingerprint() == again.fingerprint()
    shares = dict(first.frame.group_by("split").len().rows())
    assert 0.75 < shares["train"] / len(first.frame) < 0.95
    assert first.part("train")["label"].null_count() == 0
    assert first.part("test", neutral=True)["label"].drop_nulls().is_empty()


def test_only_the_licences_asked_for(corpus_file: Path) -> None:
    corpus = read_corpus(corpus_file, ["MIT"])
    assert set(corpus.frame["licence"]) == {"MIT"}
    assert corpus.fingerprint() != read_corpus(corpus_file).fingerprint()


def test_no_training_text_is_a_near_copy_of_a_held_out_one(tmp_path: Path) -> None:
    core = "this sentence of rather more than twelve words is shared between quite a few of the texts"
    texts = [f"Number {index} begins like this. {core}" for index in range(200)]
    other = [f"A wholly different remark about item number {index}" for index in range(200)]
    path = tmp_path / "corpus.csv"
    pl.DataFrame({"text": texts + other, "label": [1, 0] * 200}).write_csv(path)
    corpus = read_corpus(path)
    holders = corpus.frame.filter(pl.col("text").str.contains(core))
    assert holders["split"].to_list() == ["test"], "one of them is kept, the near copies in every split are gone"
    assert corpus.dropped_near_copies == 199
    assert len(corpus.frame) == 201


def test_the_split_ignores_case_and_punctuation() -> None:
    texts = [f"Item {index} is fine, really!" for index in range(50)]
    assert [split_of(text) for text in texts] == [split_of(text.upper().replace(",", " -")) for text in texts]
    assert len({split_of(text) for text in texts}) > 1


def test_ratings_become_labels(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text(
        "text,rating\none star here,1\ntwo stars here,2\nthree stars here,3\nfour stars here,4\nnone here,\n"
    )
    labels = dict(read_corpus(path).frame.select("text", "label").rows())
    assert labels == {"one star here": 0, "two stars here": 0, "three stars here": None, "four stars here": 1}


def test_texts_are_cleaned_and_distinct(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text("text,label\n<b>Good</b> lamp,1\nGood  lamp,1\n<br>,0\n")
    assert read_corpus(path).frame["text"].to_list() == ["Good lamp"]


def test_a_folder_is_read_as_one_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\ngood lamp,1\n")
    (tmp_path / "b.csv").write_text("text,label\nbad lamp,0\n")
    assert len(read_corpus(tmp_path).frame) == 2


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.csv", None, "no-corpus"),
        ("a.csv", "review,label\nx,1\n", "corpus-columns"),
        ("a.csv", "text,stars\nx,1\n", "corpus-columns"),
        ("a.csv", "text,label\n<br>,1\n", "empty-corpus"),
    ],
)
def test_an_unusable_corpus_is_answered_in_words(tmp_path: Path, name: str, content: str | None, code: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path / name)
    assert caught.value.code == code


def test_licences_need_their_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\ngood lamp,1\n")
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path / "a.csv", ["MIT"])
    assert caught.value.code == "no-licence-column"


def test_an_empty_folder_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path)
    assert caught.value.code == "no-corpus"


def test_base_models_come_from_folders_packages_or_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError):
        resolve_base_model(str(tmp_path))
    folder = tmp_path / "carried_model" / "weights"
    folder.mkdir(parents=True)
    (tmp_path / "carried_model" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError):
        resolve_base_model("carried-model")
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    assert resolve_base_model("carried-model") == str(folder)
    assert resolve_base_model(str(folder)) == str(folder)
    assert resolve_base_model("distilbert-base-uncased") == "distilbert-base-uncased"
    assert resolve_base_model("someone/some-model") == "someone/some-model"
